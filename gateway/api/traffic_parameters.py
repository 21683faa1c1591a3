"""What may be asked of ``GET /api/v1/gateway/traffic``."""

from typing import Any, Final

from rest_framework import serializers

from core.cursors import NOT_A_CURSOR
from core.parameters import Choice, Names, OrganizationParameters, Values
from core.places import PlaceField, fits
from gateway import terms
from gateway.traffic_rows import Interval
from ingestion.asked_period import DEFAULT_DAYS, MOMENT

DIMENSIONS: Final = ("provider",)
LARGEST_PAGE: Final = 2_000
_MOST_VALUES: Final = 50


def _slugs(longest: int, help_text: str) -> Values:
    child = serializers.CharField(max_length=longest, trim_whitespace=False)
    return Values(child=child, required=False, max_length=_MOST_VALUES, help_text=help_text)


class TrafficParameters(OrganizationParameters):
    """Period, grouping, filters and page of ``GET gateway/traffic``."""

    to = serializers.CharField(required=False, help_text=f"End, excluded. {MOMENT} Without it: the hour that runs.")
    interval = Choice(
        tuple(Interval), required=False, default=Interval.NONE, help_text="How the period is cut, by local time."
    )
    group_by = Names(DIMENSIONS, help_text="One row for each provider.")
    provider = _slugs(terms.LONGEST_SLUG, "Slug of a provider, as in `/v1/proxy/<slug>/`. Without it: all of them.")
    project = _slugs(50, "Slug of a project. Without it: every project you may see.")
    limit = serializers.IntegerField(
        required=False, default=1_000, min_value=1, max_value=LARGEST_PAGE, help_text="Most rows in one answer."
    )
    cursor = PlaceField(required=False, help_text="Where the page begins; part of the `next` link.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """``from`` is a word of Python's, so it cannot be declared like the others."""
        help_text = f"Start, included. {MOMENT} Without it: the local day {DEFAULT_DAYS} days before the end."
        return {"from": serializers.CharField(required=False, help_text=help_text), **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs.setdefault("group_by", [])
        place = attrs.get("cursor")
        is_cut = attrs["interval"] != Interval.NONE
        if place is not None and not fits(place, groups=len(attrs["group_by"]), is_cut=is_cut):
            raise serializers.ValidationError({"cursor": NOT_A_CURSOR})
        return attrs
