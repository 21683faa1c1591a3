"""Where a page of sums begins: the bucket and the groups of the row before it, as the API's ``cursor``."""

import base64
import binascii
import json
from typing import Any, Final

from rest_framework import serializers
from rest_framework.request import Request

from core.fields import instant_text
from core.periods import Period

type Place = tuple[str, ...]

NO_PLACE: Final = "Use the cursor of an answer's next link as it is."


class PlaceField(serializers.CharField):
    """Reads what ``encode`` wrote. It holds nothing secret and grants nothing, so it is not signed."""

    def to_internal_value(self, data: Any) -> Place:  # type: ignore[override]
        try:
            return decode(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError(NO_PLACE) from error


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


def fits(place: Place, *, groups: int, is_cut: bool) -> bool:
    """Whether ``place`` can be of a question with so many groups, cut into buckets or not."""
    return len(place) == 1 + groups and bool(place[0]) == is_cut


def next_link(request: Request, period: Period, last: Place | None) -> str | None:
    """The same question from ``last`` on; its period is written out, for defaults move with the clock."""
    if last is None:
        return None
    query: Any = request.query_params.copy()
    query["from"], query["to"] = instant_text(period.start), instant_text(period.end)
    query["cursor"] = encode(last)
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


def _is_plausible(member: Any) -> bool:
    """Text that the database takes: no null, no lone surrogate."""
    return isinstance(member, str) and "\0" not in member and member == member.encode(errors="ignore").decode()
