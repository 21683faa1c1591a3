"""The commands. Each translates its options, asks the server once or page by page, and prints."""

import sys
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

import typer

from tokenops_sdk.cli import account, data, findings, output, traffic
from tokenops_sdk.cli.api import CommandError
from tokenops_sdk.cli.state import State

T = TypeVar("T")

_HELP: Final = "TokenOps: what your LLM calls cost, and what to do about it."
app = typer.Typer(
    name="tokenops",
    help=_HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(
    context: typer.Context,
    url: Annotated[str, typer.Option(help="The server; else TOKENOPS_URL, else what login stored.")] = "",
    key: Annotated[str, typer.Option(help="An API key; else TOKENOPS_API_KEY, else what login stored.")] = "",
) -> None:
    """Options of every command come before its name."""
    context.obj = State(url=url, key=key)


def command(name: str, function: Callable[..., Any]) -> None:
    """Add a command that ends with one sentence and an exit code where it cannot go on."""
    app.command(name)(_guarded(function))


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    import functools  # noqa: PLC0415

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            code = function(*args, **kwargs)
        except (CommandError, ValueError) as error:
            output.console(stderr=True).print(f"tokenops: {error}", markup=False)
            raise typer.Exit(getattr(error, "code", 1)) from None
        except BrokenPipeError:  # the reader of a pipe has left, as `head` does
            sys.stderr.close()
            raise typer.Exit(0) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        if code:
            raise typer.Exit(int(code))

    return run


command("login", account.login)
command("whoami", account.whoami)
command("doctor", account.doctor)
command("report", findings.report)
command("insights", findings.insights)
command("advise", findings.advise)
command("usage", traffic.usage)
command("tail", traffic.tail)
# export
command("send", data.send)
command("import", data.import_usage)
