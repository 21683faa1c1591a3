"""The commands. Each translates its options, asks the server once or page by page, and prints."""

import functools
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any, Final

import typer

from tokenops_sdk.cli import account, data, exports, findings, output, traffic
from tokenops_sdk.cli.errors import CommandError, Exit
from tokenops_sdk.cli.state import State
from tokenops_sdk.cli.version import VERSION

_INTERRUPTED: Final = 130
_PIPE_CLOSED: Final = 141
_HELP: Final = """TokenOps: what your LLM calls cost, and what to do about it.

Begin with: tokenops login

Exit codes: 0 well, 1 a check failed, 2 a wrong command line, 3 the key may not, 4 the server does not answer, 5 it
refused, 6 a file cannot be used, 130 interrupted."""
app = typer.Typer(
    name="tokenops",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        output.line(f"tokenops {VERSION}")
        raise typer.Exit


@app.callback(help=_HELP)
def options(
    context: typer.Context,
    url: Annotated[
        str, typer.Option(help="Address of the server; else TOKENOPS_URL, else what login stored.", metavar="URL")
    ] = "",
    key: Annotated[
        str,
        typer.Option(help="API key; else TOKENOPS_API_KEY, else what login stored. Others may see it.", metavar="KEY"),
    ] = "",
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Say which version this is.")
    ] = False,
) -> None:
    """Options of every command come before its name."""
    context.obj = State(url=url, key=key)


def command(name: str, function: Callable[..., Any]) -> None:
    """Add a command that ends with one sentence and an exit code where it cannot go on."""
    app.command(name)(_guarded(function))


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            code = function(*args, **kwargs) or Exit.OK
            sys.stdout.flush()
        except CommandError as error:
            output.complain(str(error))
            code = error.code
        except BrokenPipeError:  # the reader has left, as `head` does; what a check found is not to be lost as a 0
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = _PIPE_CLOSED
        except (KeyboardInterrupt, typer.Abort):
            code = _INTERRUPTED
        if code:
            raise typer.Exit(int(code))

    return run


command("login", account.login)
command("whoami", account.whoami)
command("doctor", account.doctor)
command("report", findings.report)
command("insights", findings.insights)
command("usage", traffic.usage)
command("tail", traffic.tail)
command("export", exports.export)
command("send", data.send)
command("import", data.import_usage)
command("advise", findings.advise)
