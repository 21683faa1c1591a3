"""Pages of lists that are ordered by id, the newest first: how one is asked for, and the link to the next."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from django.db.models import Model, QuerySet
from rest_framework import serializers

from core.parameters import OrganizationParameters
from tenants.api_access import ApiRequest

LARGEST: Final = 500
_LARGEST_ID: Final = 2**63 - 1


class IdCursor(serializers.CharField):
    """Reads what ``encode`` wrote. It holds nothing secret and grants nothing, so it is not signed."""

    def to_internal_value(self, data: Any) -> int:  # type: ignore[override]
        try:
            return decode(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError("Use the cursor of an answer's next link as it is.") from error


class PageParameters(OrganizationParameters):
    """Which page of a list."""

    limit = serializers.IntegerField(
        required=False, default=50, min_value=1, max_value=LARGEST, help_text="Most results in one answer."
    )
    cursor = IdCursor(required=False, help_text="Where the page begins; part of the `next` link.")


def encode(last: int) -> str:
    """The id of a page's last row in the characters of a URL."""
    return base64.urlsafe_b64encode(str(last).encode()).decode().rstrip("=")


def decode(text: str) -> int:
    """The id that ``encode`` was given.

    :raises ValueError: it made no such text.
    """
    try:
        digits = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
    except binascii.Error as error:
        raise ValueError("not a cursor") from error
    if not digits.isdecimal() or not 0 < (last := int(digits)) <= _LARGEST_ID:
        raise ValueError("not a cursor")
    return last


def page[M: Model](request: ApiRequest, found: QuerySet[M], wanted: Mapping[str, Any]) -> tuple[list[M], str | None]:
    """The rows of ``found`` on the page that ``wanted`` (of PageParameters) asks for, and where the next page is."""
    older = found.filter(pk__lt=wanted["cursor"]) if "cursor" in wanted else found
    rows = list(older.order_by("-pk")[: wanted["limit"] + 1])
    shown = rows[: wanted["limit"]]
    return shown, _next_link(request, shown[-1].pk) if len(rows) > len(shown) else None


def _next_link(request: ApiRequest, last: int) -> str:
    query = request.query_params.copy()
    query["cursor"] = encode(last)
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
