"""How the API writes moments and money."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


def decimal_text(value: Decimal) -> str:
    """Plain notation without an exponent and without zeros that say nothing; exact however long."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def instant_text(value: datetime) -> str:
    """UTC, RFC 3339, always six digits of a second, so that the texts sort and identify."""
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@extend_schema_field({"type": "string", "format": "date-time"})
class InstantField(serializers.Field[datetime, Any, str, Any]):
    """A moment; see ``instant_text``."""

    def to_representation(self, value: datetime) -> str:
        return instant_text(value)


@extend_schema_field({"type": "string", "format": "date-time"})
class OptionalInstantField(serializers.Field[datetime | None, Any, str | None, Any]):
    """A moment or null; see ``instant_text``."""

    def to_representation(self, value: datetime | None) -> str | None:
        return None if value is None else instant_text(value)


@extend_schema_field({"type": "string", "format": "decimal"})
class UsdField(serializers.Field[Decimal | None, Any, str | None, Any]):
    """US dollars; see ``decimal_text``. Null is unknown, which is not zero."""

    def to_representation(self, value: Decimal | None) -> str | None:
        return None if value is None else decimal_text(value)
