"""What was called and what it cost: usage and tail."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import islice
from time import sleep
from typing import Annotated, Any, Final

import typer

from tokenops_sdk.cli import output, periods
from tokenops_sdk.cli.account import AsJson
from tokenops_sdk.cli.api import Api
from tokenops_sdk.cli.errors import CommandError, Exit
from tokenops_sdk.cli.state import state_of
from tokenops_sdk.transport import wait_seconds

METRICS: Final = ("calls", "errors", "input_tokens", "output_tokens", "cost_usd")
_NUMBERS: Final = ("Calls", "Errors", "Input", "Output", "Cost")
_USAGE_PAGE: Final = 2_000
_PAGE: Final = 500
_SECONDS: Final = 2.0
_OVERLAP: Final = timedelta(minutes=10)  # calls arrive after they began
_MOST_PAGES: Final = 10
_REMEMBERED: Final = 50_000


def usage(
    context: typer.Context,
    group_by: Annotated[
        list[str] | None,
        typer.Option(
            "--group-by",
            "-g",
            metavar="NAMES",
            help="model (as long as nothing is said), provider, feature, team, environment, project, api_key;"
            " several with commas, or repeated.",
        ),
    ] = None,
    days: periods.Days = None,
    since: periods.From = "",
    until: periods.To = "",
    interval: Annotated[
        str, typer.Option(metavar="INTERVAL", help="none, hour, day or month: cuts the period.")
    ] = "none",
    model: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this model; repeatable.")] = None,
    feature: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this feature; repeatable.")] = None,
    team: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this team; repeatable.")] = None,
    environment: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this environment; repeatable.")
    ] = None,
    project: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this project; repeatable.")] = None,
    as_json: AsJson = False,
) -> None:
    """Calls, tokens and cost by model, feature, team, …

    The most expensive come first; a period that is cut comes in the order of time.
    """
    groups = [name.strip() for given in group_by or ["model"] for name in given.split(",") if name.strip()]
    narrowed = {"model": model, "feature": feature, "team": team, "environment": environment, "project": project}
    asked = {"group_by": groups, "interval": interval, "metrics": list(METRICS), "limit": _USAGE_PAGE} | narrowed
    with state_of(context).api() as api:
        period = periods.given(api, days=days, since=since, until=until)
        ends = {"from": period.since, "to": period.until or None}
        found = list(api.pages("/api/v1/usage", **asked, **ends))
    rows = [row for page in found for row in page["results"]]
    if interval == "none":
        rows.sort(key=lambda row: Decimal(row["cost_usd"] or -1), reverse=True)
    if as_json:
        output.as_json({"from": found[0]["from"], "to": found[-1]["to"], "results": rows})
    else:
        _show_usage(rows, groups, is_cut=interval != "none")


def _show_usage(rows: Sequence[dict[str, Any]], groups: Sequence[str], *, is_cut: bool) -> None:
    if not rows:
        output.line("No calls.")
        return
    heads = [*(["Time"] if is_cut else []), *(name.capitalize() for name in groups), *_NUMBERS]
    lines = [_usage_row(row, groups) for row in rows]
    if len(rows) > 1:
        lines.append(["Total", *([""] * (len(heads) - len(_NUMBERS) - 1)), *_counts(_total(rows))])
    output.table(heads, lines, numbers=_NUMBERS)
    if missing := sum(row["unpriced_calls"] for row in rows):
        what = "1 call has no price: its cost is" if missing == 1 else f"{missing:,} calls have no price: their cost is"
        output.note(f"{what} unknown, and in no sum.")


def _usage_row(row: dict[str, Any], groups: Sequence[str]) -> list[str]:
    times = [row["bucket"]] if "bucket" in row else []
    return [*times, *(row[name] or "(none)" for name in groups), *_counts(row)]


def _counts(row: dict[str, Any]) -> list[str]:
    read, written = (output.tokens(row[f"{way}_tokens"]) for way in ("input", "output"))
    return [f"{row['calls']:,}", f"{row['errors']:,}", read, written, output.dollars(row["cost_usd"])]


def _total(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    known = [Decimal(row["cost_usd"]) for row in rows if row["cost_usd"] is not None]
    sums = {name: sum(row[name] for row in rows) for name in METRICS if name != "cost_usd"}
    return {**sums, "cost_usd": str(sum(known, Decimal(0))) if known else None}


def tail(
    context: typer.Context,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, max=_PAGE, help="Calls to begin with.")] = 10,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", "-f", help="Go on with what arrives.")] = True,
    model: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this model; repeatable.")] = None,
    feature: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this feature; repeatable.")] = None,
    team: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this team; repeatable.")] = None,
    status: Annotated[str | None, typer.Option(metavar="STATUS", help="Only ok, or only error.")] = None,
    project: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this project; repeatable.")] = None,
    as_json: AsJson = False,
) -> None:
    """Calls as they arrive, one a line.

    The oldest come first; with --json each line is an object. Ctrl-C ends it.
    """
    narrowed = {"model": model, "endpoint_name": feature, "team": team, "status": status, "project": project}
    with state_of(context).api() as api:
        log = _Log(api, narrowed)
        for call in log.last(lines):
            _show(call, as_json=as_json)
        while follow:
            sleep(_SECONDS)
            for call in log.new():
                _show(call, as_json=as_json)


@dataclass
class _Log:
    """Every call once, however often it is read."""

    api: Api
    narrowed: dict[str, Any]
    _seen: dict[tuple[str, str, str], None] = field(default_factory=dict)
    _begun_at: str = ""
    _failures: int = 0

    def last(self, count: int) -> list[dict[str, Any]]:
        """The newest calls, oldest first; without them calls are new from now on."""
        found = self._unseen(self.api.get("/api/v1/calls", limit=_PAGE, **self.narrowed)["results"])
        self._begun_at = max((call["received_at"] for call in found), default="")
        return found[:count][::-1]

    def new(self) -> list[dict[str, Any]]:
        """Calls that arrived since; none while the server does not answer."""
        since = (datetime.now(timezone.utc) - _OVERLAP).isoformat()
        try:
            found = list(self._new_pages(since))
        except CommandError as error:
            self._wait_out(error)
            return []
        self._failures = 0
        return [call for page in reversed(found) for call in reversed(page)]

    def _new_pages(self, since: str) -> Iterator[list[dict[str, Any]]]:
        """Pages from the newest on, until one holds nothing new."""
        asked = self.api.pages("/api/v1/calls", limit=_PAGE, **self.narrowed, **{"from": since})
        for page in islice(asked, _MOST_PAGES):
            unseen = self._unseen(page["results"])
            yield unseen
            if not unseen:
                return
        if next(asked, None):
            output.note("Calls arrive faster than they can be shown: some are left out.")

    def _unseen(self, calls: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        arrived = [call for call in calls if call["received_at"] >= self._begun_at]
        found = [call for call in arrived if _identity(call) not in self._seen]
        self._seen |= dict.fromkeys(map(_identity, found))
        for oldest in list(islice(self._seen, max(0, len(self._seen) - _REMEMBERED))):
            del self._seen[oldest]
        return found

    def _wait_out(self, error: CommandError) -> None:
        """:raises CommandError: waiting does not help."""
        if error.code != Exit.UNREACHABLE:
            raise error
        if not self._failures:
            output.note(f"{error} Trying again.")
        self._failures += 1
        sleep(wait_seconds(self._failures, None))


def _identity(call: dict[str, Any]) -> tuple[str, str, str]:
    return call["project"], call["timestamp"], call["id"]


def _show(call: dict[str, Any], *, as_json: bool) -> None:
    output.line(output.json_text(call) if as_json else _call_line(call))
    output.flush()


def _call_line(call: dict[str, Any]) -> str:
    time = datetime.fromisoformat(call["timestamp"].replace("Z", "+00:00")).astimezone()
    latency = "" if call["latency_ms"] is None else f"{call['latency_ms']:,.0f} ms"
    about = "≈ " if call["usage_estimated"] else ""
    failed = f"  {call['error_type'] or 'error'}" if call["status"] == "error" else ""
    counts = f"{output.tokens(call['input_tokens'])} → {about}{output.tokens(call['output_tokens'])}"
    names = f"{output.fitted(call['model_key'], 28)}  {output.fitted(call['endpoint_name'] or '-', 20)}"
    cost = output.dollars(call["cost_usd"])
    return f"{time:%Y-%m-%d %H:%M:%S}  {names}  {counts:>18}  {latency:>10}  {cost:>11}{failed}"
