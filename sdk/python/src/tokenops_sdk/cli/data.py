"""Events in: send and import."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from time import sleep
from typing import Annotated, Any, Final

import typer

from tokenops_sdk.cli import files, output, provider_usage
from tokenops_sdk.cli.account import AsJson
from tokenops_sdk.cli.api import Api, document, retry_after
from tokenops_sdk.cli.errors import CommandError, Exit
from tokenops_sdk.cli.state import State, state_of
from tokenops_sdk.transport import wait_seconds

Events = Callable[[], Iterator[dict[str, Any]]]
_BATCH: Final = 500
_MOST_ATTEMPTS: Final = 8
_TRY_AGAIN: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_TOO_LARGE: Final = 413
_QUOTA: Final = "quota-exceeded"
_SHOWN: Final = 10
_PROVIDERS: Final = ("openai", "anthropic")


def send(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="NDJSON (an event a line), or CSV (a column a field); - reads NDJSON from a pipe.",
            allow_dash=True,
        ),
    ],
    as_json: AsJson = False,
) -> int:
    """Post events from a file.

    It needs a key with the scope ingest. The whole file is read before anything is sent, so that a broken line leaves
    nothing half sent. The same file sent again within a day counts once, events that have an id always do.
    """
    read = partial(files.events, file)
    total = None if file == files.STANDARD_INPUT else sum(1 for _ in read())
    return _send_all(state_of(context), read, total=total, as_json=as_json)


def import_usage(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="JSON of the usage API, or CSV of the console.")],
    provider: Annotated[
        str, typer.Option("--from", metavar="PROVIDER", help="Whose export it is: openai or anthropic.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
    as_json: AsJson = False,
) -> int:
    """Bring the usage export of a provider in.

    It becomes estimated calls whose sums are exact. Imported again, or with days that were not over at the time,
    nothing counts twice.
    """
    if provider not in _PROVIDERS:
        raise typer.BadParameter(f"must be {' or '.join(_PROVIDERS)}", param_hint="--from")
    read = partial(provider_usage.events, file, provider)
    calls = Counter(event["model"] for event in read())
    if not dry_run:
        return _send_all(state_of(context), read, total=calls.total(), source="import", as_json=as_json)
    if as_json:
        output.as_json(calls)
    else:
        output.table(["Model", "Calls"], [[model, f"{count:,}"] for model, count in calls.items()], numbers=["Calls"])
    return Exit.OK


@dataclass
class _Decided:
    """What the server did with the events so far."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    refusals: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        return self.accepted + self.duplicates + self.rejected

    def add(self, answer: dict[str, Any]) -> None:
        told = [_refusal(self.count, one) for one in answer["rejected"]]
        self.refusals += told[: _SHOWN - len(self.refusals)]
        self.accepted += answer["accepted"]
        self.duplicates += answer["duplicates"]
        self.rejected += answer["rejected_count"]

    def show(self, *, as_json: bool) -> None:
        if as_json:
            sums = {"accepted": self.accepted, "duplicates": self.duplicates, "rejected": self.rejected}
            output.as_json(sums | {"refusals": self.refusals})
            return
        output.line(f"{self.accepted:,} accepted, {self.duplicates:,} were there already, {self.rejected:,} refused.")
        for text in self.refusals:
            output.line(f"  {text}")
        if self.rejected > len(self.refusals):
            output.line(f"  and {self.rejected - len(self.refusals):,} more")


def _send_all(state: State, read: Events, *, total: int | None, as_json: bool, source: str = "") -> int:
    decided = _Decided()
    try:
        with state.api() as api, output.progress("Sending") as update:
            for batch in _batches(read()):
                for answer in _sent(api, batch, source):
                    decided.add(answer)
                    update(f"Sent {decided.count:,}", decided.count, total)
    except (CommandError, KeyboardInterrupt):
        if decided.count:
            output.note(f"{output.counted(decided.count, 'event')} sent before; send all again, and none counts twice.")
        raise
    decided.show(as_json=as_json)
    return Exit.REFUSED if decided.rejected else Exit.OK


def _batches(events: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    iterator = iter(events)
    while batch := list(islice(iterator, _BATCH)):
        yield batch


def _sent(api: Api, batch: list[dict[str, Any]], source: str) -> Iterator[dict[str, Any]]:
    """The server's decisions about a batch, which is halved while it is too large."""
    try:
        answer = _decision(api, batch, source)
    except _TooLargeError as error:
        if len(batch) == 1:
            raise CommandError(str(error), Exit.REFUSED) from error
        half = len(batch) // 2
        yield from _sent(api, batch[:half], source)
        yield from _sent(api, batch[half:], source)
    else:
        yield answer


class _TooLargeError(Exception):
    """The server takes smaller requests only."""


def _decision(api: Api, batch: list[dict[str, Any]], source: str) -> dict[str, Any]:
    """What the server says, however often it takes; the key of the request is made of what it holds.

    :raises CommandError: it says nothing, or refuses the request. :raises _TooLargeError: half of it may fit.
    """
    body = json.dumps({"events": batch}, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": hashlib.sha256(body).hexdigest()}
    headers |= {"X-TokenOps-Source": source} if source else {}
    for attempt in range(_MOST_ATTEMPTS):
        is_last = attempt == _MOST_ATTEMPTS - 1
        try:
            response = api.request("POST", "/api/v1/ingest", content=body, headers=headers)
        except CommandError:
            if is_last:
                raise
            sleep(wait_seconds(attempt, None))
            continue
        found = document(response)
        if "rejected_count" in found:
            is_old = attempt == 0 and response.headers.get("Idempotent-Replayed") == "true"
            return _as_duplicates(found) if is_old else found
        if response.status_code == _TOO_LARGE:
            raise _TooLargeError(str(found.get("title") or "An event is too large."))
        if is_last or response.status_code not in _TRY_AGAIN or str(found.get("type", "")).endswith(_QUOTA):
            break
        sleep(wait_seconds(attempt, retry_after(response)))
    api.checked(response)
    raise CommandError("The server did not say what it did with the events.", Exit.UNREACHABLE)


def _as_duplicates(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request that was sent by an earlier run: it stored nothing now."""
    return answer | {"accepted": 0, "duplicates": answer["accepted"] + answer["duplicates"]}


def _refusal(before: int, one: dict[str, Any]) -> str:
    errors = "; ".join(f"{error['field'] or 'event'} {error['message']}" for error in one["errors"])
    return f"event {before + one['index'] + 1}: {errors}"
