"""Periods as people say them, by the clock of the organization: its days are those that usage is counted by."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from tokenops_sdk.cli.api import Api
from tokenops_sdk.cli.errors import CommandError, Exit

LONGEST_DAYS: Final = 760
_DAY: Final = timedelta(days=1)
Days = Annotated[
    int | None,
    typer.Option(min=1, max=LONGEST_DAYS, help="Today and the days before it; 30 when no period is given."),
]
From = Annotated[
    str, typer.Option("--from", metavar="DAY", help="First day (2026-11-01), or a moment with its offset.")
]
To = Annotated[
    str, typer.Option("--to", metavar="DAY", help="Day or moment at which the period ends; it is not part of it.")
]


@dataclass(frozen=True)
class Period:
    """Half-open; each end is a date, a moment, or '' for now."""

    since: str
    until: str


def given(api: Api, *, days: int | None, since: str, until: str) -> Period:
    """What was asked for: the last days up to now, or from one end to another.

    :raises typer.BadParameter: both, or no date. :raises CommandError: the server does not answer.
    """
    if days is not None and (since or until):
        raise typer.BadParameter("Give --days, or --from and --to.", param_hint="--days")
    if until and not since:
        raise typer.BadParameter("It needs --from.", param_hint="--to")
    if since:
        return Period(_checked(since, "--from"), _checked(until, "--to") if until else "")
    today = utc_now().astimezone(zone(api)).date()
    return Period((today - ((days or 30) - 1) * _DAY).isoformat(), "")


def moments(api: Api, period: Period) -> tuple[str, str]:
    """A period's ends as moments in UTC; one without an end goes to the end of today."""
    local = zone(api)
    tomorrow = utc_now().astimezone(local).date() + _DAY
    return _moment(period.since, local), _moment(period.until or tomorrow.isoformat(), local)


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(timezone.utc)


def zone(api: Api) -> ZoneInfo:
    """The organization's time zone."""
    name = api.get("/api/v1/usage", metrics="calls", limit=1)["time_zone"]
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise CommandError(
            f"This machine does not know the time zone {name}: pip install tzdata, or give moments to --from and --to.",
            Exit.FILE,
        ) from error


def _checked(text: str, option: str) -> str:
    """:raises typer.BadParameter: it is neither a date nor a moment with its offset."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        moment = None
    if moment is None or (moment.tzinfo is None and not _is_date(text)):
        raise typer.BadParameter("Write a day as 2026-11-01, a moment as 2026-11-01T08:00:00Z.", param_hint=option)
    return text


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _moment(text: str, local: ZoneInfo) -> str:
    if not _is_date(text):
        return text
    start = datetime.combine(date.fromisoformat(text), time(), local)
    return start.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
