"""What was called and what it cost: usage and tail."""

from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from time import sleep
from typing import Annotated, Any, Final

import typer

from tokenops_sdk.cli import output
from tokenops_sdk.cli.account import AsJson
from tokenops_sdk.cli.api import Api
from tokenops_sdk.cli.state import state_of

_METRICS: Final = ("calls", "errors", "input_tokens", "output_tokens", "cost_usd")
_NUMBERS: Final = ("Calls", "Errors", "Input", "Output", "Cost")
_PAGE: Final = 500
_SECONDS: Final = 2.0
_OVERLAP: Final = timedelta(minutes=10)  # calls arrive after they began
_REMEMBERED: Final = 20_000


def usage(
    context: typer.Context,
    group_by: Annotated[
        list[str] | None,
        typer.Option("--group-by", "-g", help="model, provider, feature, team, project, …; repeatable"),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=760, help="Up to now.")] = 30,
    interval: Annotated[str, typer.Option(help="none, hour, day or month")] = "none",
    project: Annotated[str | None, typer.Option(help="Only this project.")] = None,
    as_json: AsJson = False,
) -> None:
    """Calls, tokens and cost by whatever is asked for."""
    groups = group_by or ["model"]
    since = (datetime.now(timezone.utc) - timedelta(days=days)).isoformat()
    with state_of(context).api() as api:
        asked = {"group_by": groups, "interval": interval, "metrics": list(_METRICS), "limit": _PAGE}
        rows = list(api.pages("/api/v1/usage", **asked, **{"from": since}, project=project))
    if interval == "none":
        rows.sort(key=lambda row: float(row["cost_usd"] or 0), reverse=True)
    if as_json:
        output.as_json(rows)
        return
    heads = [*(["Time"] if interval != "none" else []), *(name.capitalize() for name in groups), *_NUMBERS]
    output.table(heads, [_usage_row(row, groups) for row in rows], numbers=_NUMBERS)
    if missing := sum(row["unpriced_calls"] for row in rows):
        output.line(f"{missing:,} calls have no price; their cost is unknown and not in these sums.")


def _usage_row(row: dict[str, Any], groups: list[str]) -> list[str]:
    names = [row[name] or "(none)" for name in groups]
    times = [row["bucket"]] if "bucket" in row else []
    counts = [
        f"{row['calls']:,}",
        f"{row['errors']:,}",
        *(output.tokens(row[f"{way}_tokens"]) for way in ("input", "output")),
    ]
    return [*times, *names, *counts, output.dollars(row["cost_usd"])]


def tail(
    context: typer.Context,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, max=_PAGE, help="Calls to begin with.")] = 10,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", "-f", help="Go on with what arrives.")] = True,
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    feature: Annotated[str | None, typer.Option(help="Only this feature.")] = None,
    status: Annotated[str | None, typer.Option(help="ok or error")] = None,
    project: Annotated[str | None, typer.Option(help="Only this project.")] = None,
    as_json: AsJson = False,
) -> None:
    """Calls as they arrive, oldest first; one a line."""
    narrowed = {"model": model, "endpoint_name": feature, "status": status, "project": project}
    show = _json_line if as_json else _call_line
    with state_of(context).api() as api:
        for call in _arriving(api, narrowed, lines=lines, follow=follow):
            output.line(show(call))


def _arriving(api: Api, narrowed: dict[str, Any], *, lines: int, follow: bool) -> Iterator[dict[str, Any]]:
    """The last calls, then every new one once."""
    first = api.get("/api/v1/calls", limit=max(lines, 1), **narrowed)["results"][:lines]
    seen = deque(((call["project"], call["timestamp"], call["id"]) for call in first), maxlen=_REMEMBERED)
    yield from reversed(first)
    while follow:
        sleep(_SECONDS)
        since = (datetime.now(timezone.utc) - _OVERLAP).isoformat()
        found = list(api.pages("/api/v1/calls", limit=_PAGE, **narrowed, **{"from": since}))
        for call in reversed(found):
            identity = (call["project"], call["timestamp"], call["id"])
            if identity not in seen:
                seen.append(identity)
                yield call


def _json_line(call: dict[str, Any]) -> str:
    import json  # noqa: PLC0415

    return json.dumps(call, ensure_ascii=False)


def _call_line(call: dict[str, Any]) -> str:
    time = datetime.fromisoformat(call["timestamp"].replace("Z", "+00:00")).astimezone()
    latency = "" if call["latency_ms"] is None else f"{call['latency_ms']:,.0f} ms"
    about = "≈ " if call["usage_estimated"] else ""
    failed = f"  {call['error_type'] or 'error'}" if call["status"] == "error" else ""
    counts = f"{output.tokens(call['input_tokens'])} → {about}{output.tokens(call['output_tokens'])}"
    cells = (call["model_key"].ljust(28), call["endpoint_name"].ljust(20), counts.rjust(18), latency.rjust(10))
    return f"{time:%H:%M:%S}  {'  '.join(cells)}  {output.dollars(call['cost_usd']).rjust(11)}{failed}"
