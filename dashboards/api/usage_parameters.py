"""What may be asked of ``GET /api/v1/usage``."""

import base64
import binascii
import json
import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from rest_framework import serializers

from core.parameters import Choice, OrganizationParameters, Values
from core.periods import DAY, Period, hour_end, hour_start, midnight
from dashboards.usage import DEFAULT_METRICS, DIMENSIONS, METRICS, Interval, Place
from ingestion.wire.identity import parse_timestamp
from ingestion.wire.providers import canonical_provider

LARGEST_PAGE: Final = 2_000
DEFAULT_DAYS: Final = 30
LONGEST: Final = timedelta(days=800)  # rollups are kept 25 months
LONGEST_BY_HOUR: Final = timedelta(days=31, hours=1)  # a month in which the clocks are set back
_MOST_VALUES: Final = 50
_FIRST_YEAR, _LAST_YEAR = 1970, 9000
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# A plus sign that was not percent-encoded arrives as a blank.
_LOST_PLUS: Final = re.compile(r" (\d\d:\d\d)\Z", re.ASCII)
_UNREADABLE: Final = "This must be a date, RFC 3339 with an offset, or the epoch in seconds or milliseconds."
_MOMENT: Final = "A local date (`2026-11-01`), or a moment at which an hour begins on the organization's clock."


class Names(Values):
    """Some of ``choices``, repeated or with commas between them; each once."""

    def __init__(self, choices: tuple[str, ...], **options: Any) -> None:
        super().__init__(child=Choice(choices), required=False, **options)

    def to_internal_value(self, data: Any) -> list[Any]:
        given = [name.strip() for value in data for name in str(value).split(",")]
        names = super().to_internal_value(given)
        if len(set(names)) < len(names):
            raise serializers.ValidationError("Give each once.")
        return names


def _texts(longest: int, help_text: str) -> Values:
    """A filter that may be repeated; empty stands for calls without one."""
    child = serializers.CharField(max_length=longest, trim_whitespace=False, allow_blank=True)
    return Values(child=child, required=False, max_length=_MOST_VALUES, help_text=help_text)


class UsageCursor(serializers.CharField):
    """Reads what ``encode`` wrote. It holds nothing secret and grants nothing, so it is not signed."""

    def to_internal_value(self, data: Any) -> Place:  # type: ignore[override]
        try:
            return decode(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError(_NO_CURSOR) from error


_NO_CURSOR: Final = "Use the cursor of an answer's next link as it is."


def encode(place: Place) -> str:
    """``place`` in the characters of a URL."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def decode(text: str) -> Place:
    """The place that ``encode`` was given.

    :raises ValueError: it made no such text.
    """
    try:
        members = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, RecursionError) as error:
        raise ValueError("not a cursor") from error
    if not isinstance(members, list) or not members or not all(map(_is_plausible, members)):
        raise ValueError("not a cursor")
    return tuple(members)


def _is_plausible(member: Any) -> bool:
    """Text that the database takes: no null, no lone surrogate."""
    return isinstance(member, str) and "\0" not in member and member == member.encode(errors="ignore").decode()


class UsageParameters(OrganizationParameters):
    """Period, grouping, filters and page of ``GET usage``."""

    ALIASES = {"endpoint_name": "feature"}

    to = serializers.CharField(required=False, help_text=f"End, excluded. {_MOMENT} Without it: the hour that runs.")
    interval = Choice(
        tuple(Interval), required=False, default=Interval.NONE, help_text="How the period is cut, by local time."
    )
    group_by = Names(DIMENSIONS, help_text="One row for each value; repeated, or with commas between them.")
    metrics = Names(METRICS, default=list(DEFAULT_METRICS), help_text="What is summed up; as `group_by`.")
    provider = _texts(100, "Any spelling of the provider's name.")
    model = _texts(255, "The model calls were priced as (`model_key`).")
    feature = _texts(100, "What calls were for; also accepted as `endpoint_name`.")
    team = _texts(100, "Team. Empty: calls without one.")
    environment = _texts(100, "Environment.")
    project = _texts(50, "Slug of a project. Without it: every project you may see.")
    api_key = _texts(8, "The public prefix of an API key.")
    limit = serializers.IntegerField(
        required=False, default=1_000, min_value=1, max_value=LARGEST_PAGE, help_text="Most rows in one answer."
    )
    cursor = UsageCursor(required=False, help_text="Where the page begins; part of the `next` link.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """``from`` is a word of Python's, so it cannot be declared like the others."""
        help_text = f"Start, included. {_MOMENT} Without it: the local day {DEFAULT_DAYS} days before the end."
        return {"from": serializers.CharField(required=False, help_text=help_text), **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "provider" in attrs:
            attrs["provider"] = [canonical_provider(name) for name in attrs["provider"]]
        attrs.setdefault("group_by", [])
        place = attrs.get("cursor")
        if place is not None and not _fits(place, attrs["group_by"], attrs["interval"]):
            raise serializers.ValidationError({"cursor": _NO_CURSOR})
        return attrs


def _fits(place: Place, group_by: Sequence[str], interval: str) -> bool:
    return len(place) == 1 + len(group_by) and bool(place[0]) == (interval != Interval.NONE)


def period_of(wanted: dict[str, Any], *, zone: ZoneInfo, now: datetime) -> Period:
    """The period that is asked about, with what was not given filled in.

    :raises ValidationError: an end is no whole local hour, or it is empty or too long.
    """
    end = _moment("to", wanted["to"], zone) if "to" in wanted else hour_end(now, zone)
    day_before = end.astimezone(zone).date() - DEFAULT_DAYS * DAY
    start = _moment("from", wanted["from"], zone) if "from" in wanted else midnight(day_before, zone)
    longest = LONGEST_BY_HOUR if wanted["interval"] == Interval.HOUR else LONGEST
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
