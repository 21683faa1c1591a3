"""What may be asked of ``GET /api/v1/usage``."""

from typing import Any, Final

from rest_framework import serializers

from core.cursors import NOT_A_CURSOR
from core.parameters import Choice, Names, OrganizationParameters, Values
from core.places import PlaceField, fits
from dashboards.usage import DEFAULT_METRICS, DIMENSIONS, METRICS, Interval
from ingestion.asked_period import DEFAULT_DAYS, MOMENT
from ingestion.wire.providers import canonical_provider

LARGEST_PAGE: Final = 2_000
_MOST_VALUES: Final = 50


def _texts(longest: int, help_text: str) -> Values:
    """A filter that may be repeated; empty stands for calls without one."""
    child = serializers.CharField(max_length=longest, trim_whitespace=False, allow_blank=True)
    return Values(child=child, required=False, max_length=_MOST_VALUES, help_text=help_text)


class UsageParameters(OrganizationParameters):
    """Period, grouping, filters and page of ``GET usage``."""

    ALIASES = {"endpoint_name": "feature"}

    to = serializers.CharField(required=False, help_text=f"End, excluded. {MOMENT} Without it: the hour that runs.")
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
    cursor = PlaceField(required=False, help_text="Where the page begins; part of the `next` link.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """``from`` is a word of Python's, so it cannot be declared like the others."""
        help_text = f"Start, included. {MOMENT} Without it: the local day {DEFAULT_DAYS} days before the end."
        return {"from": serializers.CharField(required=False, help_text=help_text), **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "provider" in attrs:
            attrs["provider"] = [canonical_provider(name) for name in attrs["provider"]]
        attrs.setdefault("group_by", [])
        place = attrs.get("cursor")
        is_cut = attrs["interval"] != Interval.NONE
        if place is not None and not fits(place, groups=len(attrs["group_by"]), is_cut=is_cut):
            raise serializers.ValidationError({"cursor": NOT_A_CURSOR})
        return attrs
