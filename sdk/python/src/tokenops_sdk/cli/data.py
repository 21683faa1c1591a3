"""Events in, files out: send, import, export."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from time import sleep
from typing import Annotated, Any, Final

import typer
from rich.progress import Progress

from tokenops_sdk.cli import files, output, provider_usage
from tokenops_sdk.cli.account import AsJson
from tokenops_sdk.cli.api import Api, CommandError, Exit
from tokenops_sdk.cli.state import State, state_of
from tokenops_sdk.transport import wait_seconds

_BATCH: Final = 500
_MOST_ATTEMPTS: Final = 8
_TRY_AGAIN: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_QUOTA: Final = "quota-exceeded"
_SHOWN: Final = 10


def send(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="NDJSON (an event a line) or CSV (a column a field).", exists=True)],
    as_json: AsJson = False,
) -> int:
    """Post events from a file, with a key that has the scope ingest. Sent again within a day, nothing counts twice."""
    return _send_all(state_of(context), files.events(file), source="", as_json=as_json)


def import_usage(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="JSON of the usage API, or CSV of the console.", exists=True)],
    provider: Annotated[str, typer.Option("--from", help="openai or anthropic")],
    dry_run: Annotated[bool, typer.Option(help="Say what would be sent, and send nothing.")] = False,
    as_json: AsJson = False,
) -> int:
    """Bring a provider's usage export in, as estimated calls whose sums are exact."""
    if provider not in {"openai", "anthropic"}:
        raise typer.BadParameter("must be openai or anthropic", param_hint="--from")
    found = provider_usage.events(file, provider)
    if not dry_run:
        return _send_all(state_of(context), found, source="import", as_json=as_json)
    counts: dict[str, int] = {}
    for event in found:
        counts[event["model"]] = counts.get(event["model"], 0) + 1
    if as_json:
        output.as_json(counts)
    else:
        output.table(["Model", "Calls"], [[model, f"{calls:,}"] for model, calls in counts.items()], numbers=["Calls"])
    return Exit.OK


def _send_all(state: State, events: Iterable[dict[str, Any]], *, source: str, as_json: bool) -> int:
    sums = {"accepted": 0, "duplicates": 0, "rejected": 0}
    refused: list[str] = []
    with state.api() as api, Progress(console=output.console(stderr=True), transient=True) as progress:
        task = progress.add_task("Sending", total=None)
        sent = 0
        for batch in _batches(events):
            answer = _sent(api, batch, source)
            sums["accepted"] += answer["accepted"]
            sums["duplicates"] += answer["duplicates"]
            sums["rejected"] += answer["rejected_count"]
            refused += [_refusal(sent, one) for one in answer["rejected"]][: _SHOWN - len(refused)]
            sent += len(batch)
            progress.update(task, completed=sent, description=f"Sent {sent:,}")
    if as_json:
        output.as_json(sums)
    else:
        output.line(
            f"{sums['accepted']:,} accepted, {sums['duplicates']:,} were there already, {sums['rejected']:,} refused."
        )
        for text in refused:
            output.line(f"  {text}")
    return Exit.REFUSED if sums["rejected"] else Exit.OK


def _batches(events: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    iterator = iter(events)
    while batch := list(islice(iterator, _BATCH)):
        yield batch


def _sent(api: Api, batch: list[dict[str, Any]], source: str) -> dict[str, Any]:
    """The server's decision about a batch, however often it takes; the key of the request is made of what it holds."""
    body = json.dumps({"events": batch}, separators=(",", ":"), ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": hashlib.sha256(body).hexdigest()}
    headers |= {"X-TokenOps-Source": source} if source else {}
    for attempt in range(_MOST_ATTEMPTS):
        try:
            response = api.request("POST", "/api/v1/ingest", content=body, headers=headers)
        except CommandError:
            if attempt == _MOST_ATTEMPTS - 1:
                raise
            sleep(wait_seconds(attempt, None))
            continue
        document = _document(response)
        if "rejected_count" in document:
            return document
        if response.status_code not in _TRY_AGAIN or str(document.get("type", "")).endswith(_QUOTA):
            break
        after = response.headers.get("Retry-After", "")
        sleep(wait_seconds(attempt, float(after) if after.isdigit() else None))
    api.checked(response)
    raise CommandError("The server did not say what it did with the events.", Exit.UNREACHABLE)


def _document(response: Any) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(before: int, one: dict[str, Any]) -> str:
    errors = "; ".join(f"{error['field'] or 'event'} {error['message']}" for error in one["errors"])
    return f"event {before + one['index'] + 1}: {errors}"
