"""Calls as a file: the server makes it, the command waits for it and takes it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from time import monotonic, sleep
from typing import Annotated, Any, BinaryIO, Final
from uuid import uuid4

import typer

from tokenops_sdk.cli import output, periods
from tokenops_sdk.cli.account import AsJson
from tokenops_sdk.cli.api import Api
from tokenops_sdk.cli.downloading import Download
from tokenops_sdk.cli.errors import CommandError, Exit, FileError
from tokenops_sdk.cli.state import state_of
from tokenops_sdk.transport import wait_seconds

FORMATS: Final = ("csv", "json", "ndjson", "xlsx", "parquet")
_BINARY: Final = frozenset({"xlsx", "parquet"})
_PATH: Final = "/api/v1/exports"
_UNDONE: Final = frozenset({"queued", "running"})
_ENDINGS: Final = {"cancelled": "Somebody stopped the export.", "expired": "The file was deleted meanwhile."}
_PIPE: Final = "-"
_SECONDS: Final = 0.5
_MOST_FAILURES: Final = 7
_PATIENCE: Final = 10.0  # seconds in the queue until it is said that nobody takes it


def export(
    context: typer.Context,
    file: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE", help="File or folder; - is standard output. Else the server's name."
        ),
    ] = "",
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help=f"{', '.join(FORMATS)}; else what FILE ends with, or csv.")
    ] = "",
    days: periods.Days = None,
    since: periods.From = "",
    until: periods.To = "",
    columns: Annotated[
        str, typer.Option(metavar="NAMES", help="Names with commas between them; see docs/cli.md.")
    ] = "",
    model: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this model; repeatable.")] = None,
    feature: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this feature; repeatable.")] = None,
    team: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this team; repeatable.")] = None,
    environment: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this environment; repeatable.")
    ] = None,
    user: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this end user; repeatable.")] = None,
    status: Annotated[str | None, typer.Option(metavar="STATUS", help="Only ok, or only error.")] = None,
    project: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this project; repeatable.")] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="What the export is called on its page.")] = "calls",
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE.")] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for the server to make the file.")] = 1_800,
    as_json: AsJson = False,
) -> None:
    """Calls as a file, one a row; of any size.

    The server makes the file, Ctrl-C stops it. A download that breaks off goes on where it was; FILE is there only
    when it is whole.
    """
    target = _Target(file, _form(form, file), is_forced=force)
    target.check(as_json=as_json)
    filters = {"model": model, "endpoint_name": feature, "team": team, "environment": environment, "user_id": user}
    filters |= {"status": [status] if status else None, "project": project}
    wanted: dict[str, Any] = {"name": name, "format": target.form}
    wanted["filter"] = {name: values for name, values in filters.items() if values}
    if columns:
        wanted["columns"] = [column.strip() for column in columns.split(",") if column.strip()]
    with state_of(context).api() as api:
        period = periods.given(api, days=days, since=since, until=until)
        wanted["from"], wanted["to"] = periods.moments(api, period)
        job = _made(api, wanted, timeout=timeout)
        path = _taken(api, job, target)
    if as_json:
        output.as_json(job | {"path": str(path)})
    else:
        _say(job, path)


def _say(job: dict[str, Any], path: Path | None) -> None:
    if job.get("rows_gone"):
        output.note(f"Not in it, because retention deleted them meanwhile: {output.counted(job['rows_gone'], 'call')}.")
    text = f"{output.counted(job['rows'], 'call')}, {output.size(job['bytes'])}"
    if path:
        output.line(f"{text}: {path}")
    else:
        output.note(text)


def _form(form: str, file: str) -> str:
    """:raises typer.BadParameter: there is no such format."""
    ending = PurePosixPath(file).suffix.lower().removeprefix(".")
    found = form.lower() or (ending if ending in FORMATS else "csv")
    if found not in FORMATS:
        raise typer.BadParameter(f"must be one of {', '.join(FORMATS)}", param_hint="--format")
    return found


class _Target:
    """Where the file goes."""

    def __init__(self, file: str, form: str, *, is_forced: bool) -> None:
        self.form = form
        self.is_pipe = file == _PIPE
        self._file = Path(file) if file and not self.is_pipe else Path()
        self._is_forced = is_forced

    def check(self, *, as_json: bool) -> None:
        """Refuse what cannot end well before the server begins.

        :raises FileError: the file is there, or its folder is not. :raises typer.BadParameter: it suits no pipe.
        """
        if not self.is_pipe:
            self._refuse(self._file)
            if not self._file.parent.is_dir():
                raise FileError(f"There is no folder {self._file.parent}.")
        elif as_json:
            raise typer.BadParameter("The file takes standard output.", param_hint="--json")
        elif self.form in _BINARY and output.is_terminal():
            raise typer.BadParameter(f"A terminal cannot show {self.form}: name a file.", param_hint="--output")

    @contextmanager
    def opened(self, file_name: str) -> Iterator[tuple[BinaryIO, Path | None]]:
        """A place to write to, and its path; the file gets its name when it is whole, and is removed when it is not.

        :raises FileError: it cannot be written.
        """
        if self.is_pipe:
            yield sys.stdout.buffer, None
            sys.stdout.buffer.flush()
            return
        path = self._file / PurePosixPath(file_name).name if self._file.is_dir() else self._file
        self._refuse(path)
        part = path.with_name(f"{path.name}.part")
        try:
            with part.open("wb") as opened:
                yield opened, path
            part.replace(path)
        except OSError as error:
            raise FileError(f"{path} cannot be written: {error.strerror}.") from error
        finally:
            part.unlink(missing_ok=True)

    def _refuse(self, path: Path) -> None:
        if path.exists() and not path.is_dir() and not self._is_forced:
            raise FileError(f"{path} is there already: --force overwrites it.")


def _made(api: Api, wanted: dict[str, Any], *, timeout: float) -> dict[str, Any]:
    """The export, once its file is there; stopped when nobody waits for it any more.

    :raises CommandError: there will be none.
    """
    job: dict[str, Any] = api.post(_PATH, wanted, idempotency_key=str(uuid4()))
    try:
        job = _waited_for(api, job, timeout=timeout)
    except (KeyboardInterrupt, _TooLongError):
        _cancel(api, job)
        raise
    if job["state"] != "done":
        raise CommandError(
            f"{_ENDINGS.get(job['state'], 'The export failed.')} {job['error'] or ''}".strip(), Exit.REFUSED
        )
    return job


class _TooLongError(CommandError):
    """The file is not there in time."""


def _waited_for(api: Api, job: dict[str, Any], *, timeout: float) -> dict[str, Any]:
    begun, is_told = monotonic(), False
    with output.progress("Waiting for a worker") as update:
        while job["state"] in _UNDONE:
            sleep(_SECONDS)
            job = _asked_for(api, job)
            waited = monotonic() - begun
            if job["state"] == "queued" and waited > _PATIENCE and not is_told:
                output.note("The export waits for a worker of the server.")
                is_told = True
            elif job["state"] == "running":
                update(_how_far(job), job["rows"], job["rows_counted"])
            if job["state"] in _UNDONE and waited > timeout:
                raise _TooLongError(f"The file was not there after {timeout:g} s: it is stopped.", Exit.UNREACHABLE)
    return job


def _asked_for(api: Api, job: dict[str, Any], *, failures: int = 0) -> dict[str, Any]:
    """How far it is; a server that is started again meanwhile goes on with it.

    :raises CommandError: the server does not answer for long.
    """
    try:
        found: dict[str, Any] = api.get(f"{_PATH}/{job['id']}")
    except CommandError as error:
        if error.code != Exit.UNREACHABLE or failures == _MOST_FAILURES:
            raise
    else:
        return found
    sleep(wait_seconds(failures, None))
    return _asked_for(api, job, failures=failures + 1)


def _how_far(job: dict[str, Any]) -> str:
    total = job["rows_counted"]
    return f"{job['rows']:,} of {output.counted(total, 'call')}" if total is not None else "Counting calls"


def _cancel(api: Api, job: dict[str, Any]) -> None:
    """What was done by then may stay: it is removed by itself later."""
    try:
        api.post(f"{_PATH}/{job['id']}/cancel", idempotency_key=str(uuid4()))
    except CommandError:
        output.note("The export could not be stopped; its page can.")


def _taken(api: Api, job: dict[str, Any], target: _Target) -> Path | None:
    total = job["bytes"]
    with target.opened(job["file_name"]) as (opened, path), output.progress("Downloading") as update:

        def show(received: int) -> None:
            update(f"{output.size(received)} of {output.size(total)}", received, total)

        Download(api, f"{_PATH}/{job['id']}/file", size=total, write=opened.write).run(show)
    return path
