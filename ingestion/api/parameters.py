"""What may be asked of the call log over the API."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.parameters import Choice, OrganizationParameters, Values
from ingestion.api.cursor import Cursor
from ingestion.wire.event import CAMEL_NAMES
from ingestion.wire.identity import TimestampError, parse_timestamp
from ingestion.wire.providers import canonical_provider

DEFAULT_PERIOD: Final = timedelta(hours=24)
LONGEST_PERIOD: Final = timedelta(days=31, hours=1)  # a month of 31 days in which the clocks are set back
CLOCKS_AHEAD: Final = timedelta(minutes=10)  # as far as ingestion lets a client's clock be ahead of ours
LARGEST_PAGE: Final = 500
_MOST_VALUES: Final = 50
_FIRST_YEAR, _LAST_YEAR = 1970, 9998

# A plus sign that was not percent-encoded arrives as a blank.
_LOST_PLUS = re.compile(r" (\d\d:\d\d)\Z", re.ASCII)

# The API's name of a filter to that of ingestion.call_log.
_FILTERS: Final = {
    "endpoint_name": "feature",
    "model": "model",
    "provider": "provider",
    "team": "team",
    "environment": "environment",
    "user_id": "user_id",
    "session_id": "session_id",
    "trace_id": "trace_id",
    "status": "status",
}


@extend_schema_field({"type": "string", "format": "date-time"})
class Instant(serializers.Field[datetime, Any, str, Any]):
    """A moment: RFC 3339 with an offset, or the epoch in seconds or milliseconds, as in events."""

    def to_internal_value(self, data: Any) -> datetime:
        try:
            moment = parse_timestamp(_LOST_PLUS.sub(r"+\1", data) if isinstance(data, str) else data)
        except TimestampError as error:
            raise serializers.ValidationError(f"This {error}.") from error
        if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            raise serializers.ValidationError("This is not a moment at which a call can have been made.")
        return moment


def texts(longest: int, help_text: str) -> Values:
    """A filter that may be repeated."""
    child = serializers.CharField(max_length=longest, trim_whitespace=False)
    return Values(child=child, required=False, max_length=_MOST_VALUES, help_text=help_text)


class CallParameters(OrganizationParameters):
    """Filters, period and page of ``GET calls``."""

    ALIASES = {"feature": "endpoint_name"} | {
        camel: name for camel, name in CAMEL_NAMES.items() if name in _FILTERS and camel != name
    }

    endpoint_name = texts(100, "What the call was for; also accepted as `feature`.")
    model = texts(255, "The model as it was sent, or the one it was priced as (`model_key`).")
    provider = texts(100, "Any spelling of the provider's name.")
    team = texts(100, "Team as stored with the call.")
    environment = texts(100, "Environment as sent.")
    user_id = texts(255, "End user as sent; a personal id is found although only its keyed hash is stored.")
    session_id = texts(255, "Session as sent.")
    trace_id = texts(255, "Trace as sent.")
    status = Values(child=Choice(("ok", "error")), required=False, help_text="Outcome of the call.")
    project = texts(50, "Slug of a project. Without it: every project you may see.")
    to = Instant(required=False, help_text="End of the period, excluded. Without it: now, and what is ahead of it.")
    limit = serializers.IntegerField(
        required=False, default=50, min_value=1, max_value=LARGEST_PAGE, help_text="Most calls in one answer."
    )
    cursor = Cursor(required=False, help_text="Where the page begins; part of the `next` link.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """``from`` is a word of Python's, so it cannot be declared like the others."""
        help_text = "Start of the period, included. Without it: 24 hours before the end. At most 31 days before it."
        return {"from": Instant(required=False, help_text=help_text), **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return attrs | period_of(attrs)


class CallIdentityParameters(OrganizationParameters):
    """What identifies a call beside its id."""

    timestamp = Instant(help_text="Start of the call, to the microsecond, as the log shows it.")
    project = serializers.CharField(required=False, max_length=50, help_text="Slug of the call's project.")


def period_of(given: Mapping[str, Any]) -> dict[str, datetime]:
    """``from`` and ``to`` with what was not given filled in.

    :raises ValidationError: it is empty or longer than a month.
    """
    since, until = _period(given.get("from"), given.get("to"), now=timezone.now())
    return {"from": since, "to": until}


def _period(since: datetime | None, until: datetime | None, *, now: datetime) -> tuple[datetime, datetime]:
    end = until or now + CLOCKS_AHEAD
    start = since or (until or now) - DEFAULT_PERIOD
    if start >= end:
        raise serializers.ValidationError({"from": "This must be before the end of the period."})
    if end - start > LONGEST_PERIOD:
        raise serializers.ValidationError({"from": "This must be at most 31 days before the end of the period."})
    return start, end


def filters_of(values: dict[str, Any]) -> dict[str, Sequence[object]]:
    """The filters among validated parameters, for ``ingestion.call_log``."""
    found: dict[str, Sequence[object]] = {ours: values[name] for name, ours in _FILTERS.items() if name in values}
    if "provider" in found:
        found["provider"] = [canonical_provider(str(name)) for name in found["provider"]]
    return found
