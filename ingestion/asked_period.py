"""Which period a request for sums means: whole hours on the organization's clock."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from rest_framework import serializers

from core.periods import DAY, Period, hour_end, hour_start, midnight
from ingestion.wire.identity import parse_timestamp

DEFAULT_DAYS: Final = 30
LONGEST: Final = timedelta(days=800)  # rollups are kept 25 months
LONGEST_BY_HOUR: Final = timedelta(days=31, hours=1)  # a month in which the clocks are set back
MOMENT: Final = "A local date (`2026-11-01`), or a moment at which an hour begins on the organization's clock."
_FIRST_YEAR, _LAST_YEAR = 1970, 9000
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# A plus sign that was not percent-encoded arrives as a blank.
_LOST_PLUS: Final = re.compile(r" (\d\d:\d\d)\Z", re.ASCII)
_UNREADABLE: Final = "This must be a date, RFC 3339 with an offset, or the epoch in seconds or milliseconds."
_BY_HOUR: Final = "hour"


def period_of(wanted: Mapping[str, Any], *, zone: ZoneInfo, now: datetime) -> Period:
    """The period that is asked about, with what was not given filled in.

    :raises ValidationError: an end is no whole local hour, or it is empty or too long.
    """
    end = _moment("to", wanted["to"], zone) if "to" in wanted else hour_end(now, zone)
    day_before = end.astimezone(zone).date() - DEFAULT_DAYS * DAY
    start = _moment("from", wanted["from"], zone) if "from" in wanted else midnight(day_before, zone)
    longest = LONGEST_BY_HOUR if wanted["interval"] == _BY_HOUR else LONGEST
    if start >= end:
        raise serializers.ValidationError({"from": "This must be before the end of the period."})
    if end - start > longest:
        raise serializers.ValidationError({"from": f"This must be at most {longest.days} days before the end."})
    return Period(start, end, zone)


def _moment(name: str, text: str, zone: ZoneInfo) -> datetime:
    try:
        moment = _read(text, zone)
    except ValueError as error:
        raise serializers.ValidationError({name: _UNREADABLE}) from error
    if moment is None:
        raise serializers.ValidationError({name: "This is not a moment at which a call can have been made."})
    if moment != hour_start(moment, zone):
        message = f"This must be the start of an hour in {zone.key}: usage is counted by the hour."
        raise serializers.ValidationError({name: message})
    return moment


def _read(text: str, zone: ZoneInfo) -> datetime | None:
    """The moment meant; None when no call can have been made then.

    :raises ValueError: it is neither a date nor a moment.
    """
    found = date.fromisoformat(text) if _DATE.fullmatch(text) else parse_timestamp(_LOST_PLUS.sub(r"+\1", text))
    if not _FIRST_YEAR < found.year < _LAST_YEAR:
        return None
    return found if isinstance(found, datetime) else midnight(found, zone)
