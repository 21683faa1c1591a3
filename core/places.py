"""Where a page of sums begins: the bucket and the groups of the row before it, as the API's ``cursor``."""

from typing import Any

from rest_framework.request import Request

from core import cursors
from core.fields import instant_text
from core.periods import Period

type Place = tuple[str, ...]


class PlaceField(cursors.CursorField):
    """Reads the cursor of ``next_link``."""

    def members(self, found: list[Any]) -> Place:
        if not found or not all(isinstance(member, str) for member in found):
            raise ValueError("not a place")
        return tuple(found)


def fits(place: Place, *, groups: int, is_cut: bool) -> bool:
    """Whether ``place`` can be of a question with so many groups, cut into buckets or not."""
    return len(place) == 1 + groups and bool(place[0]) == is_cut


def next_link(request: Request, period: Period, last: Place | None) -> str | None:
    """The same question from ``last`` on; its period is written out, for defaults move with the clock."""
    if last is None:
        return None
    query: Any = request.query_params.copy()
    query["from"], query["to"] = instant_text(period.start), instant_text(period.end)
    query["cursor"] = cursors.encode(last)
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
