"""Exports as the API takes and shows them."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils import timezone
from rest_framework import serializers

from core.fields import InstantField, OptionalInstantField
from core.parameters import Body, Choice, Moment, Values
from dashboards.explore.dimensions import LABELS
from dashboards.explore.metrics import METRICS
from dashboards.explore.question import MOST_DIMENSIONS, Question, Shape
from dashboards.exports import about, columns
from dashboards.exports.models import Export
from ingestion.wire.providers import canonical_provider

# The API's name of a filter to the pages' and to that of ingestion.call_log.
FILTERS: Final[Mapping[str, tuple[str, str]]] = {
    "endpoint_name": ("feature", "feature"),
    "model": ("model", "model_key"),
    "provider": ("provider", "provider"),
    "team": ("team", "team"),
    "environment": ("environment", "environment"),
    "user_id": ("user", "user_id"),
    "session_id": ("session", "session_id"),
    "trace_id": ("trace", "trace_id"),
    "status": ("status", "status"),
}
METRIC_NAMES: Final = tuple(METRICS)
_OF_NUMBERS: Final = frozenset({"session_id", "trace_id"})
_MOST_VALUES: Final = 50


def _texts(longest: int, help_text: str) -> Values:
    child = serializers.CharField(max_length=longest, allow_blank=True, trim_whitespace=False)
    return Values(child=child, required=False, allow_empty=False, max_length=_MOST_VALUES, help_text=help_text)


class ExportFilterSerializer(Body):
    """Which calls: of each member any of its values; an empty text is "has none"."""

    project = _texts(50, "Slugs. Without them: every project you may see.")
    endpoint_name = _texts(100, "What the call was for.")
    model = _texts(255, "Catalogue ids, or names of models without a price (`model_key`).")
    provider = _texts(100, "Any spelling of the provider's name.")
    team = _texts(100, "Team as stored with the call.")
    environment = _texts(100, "Environment as sent.")
    user_id = _texts(255, "End user as sent; a personal id is found although only its keyed hash is stored.")
    session_id = _texts(255, "Session as sent. Not of numbers.")
    trace_id = _texts(255, "Trace as sent. Not of numbers.")
    status = Values(child=Choice(("ok", "error")), required=False, help_text="Outcome of the call.")

    def validate_provider(self, names: list[str]) -> list[str]:
        return [canonical_provider(name) or name for name in names]


class ExportQuestionSerializer(Body):
    """Numbers as the explorer shows them."""

    metric = Choice(METRIC_NAMES, required=False, default="cost", help_text="What is measured.")
    by = serializers.ListField(
        child=Choice(tuple(LABELS)),
        required=False,
        max_length=MOST_DIMENSIONS,
        help_text="Groups; by default by model.",
    )
    shape = Choice(tuple(Shape), required=False, default="ranking", help_text="By bucket of time, or over all of it.")

    def validate_by(self, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            raise serializers.ValidationError("Name each dimension once.")
        return names


class NewExportSerializer(Body):
    """A file to be made: of calls, or with ``question`` of numbers."""

    name = serializers.CharField(max_length=100, help_text="The file is called like this.")
    format = Choice(tuple(Export.Format), help_text="Of the file.")
    to = Moment(help_text="End of the period, excluded. Of numbers: to the end of its hour.")
    filter = ExportFilterSerializer(required=False)
    columns = serializers.ListField(
        child=Choice(tuple(columns.BY_NAME)),
        required=False,
        allow_empty=False,
        help_text="Of calls, in this order; by default the usual ones. Numbers have those of their question.",
    )
    note = serializers.BooleanField(
        default=False, help_text="CSV begins with a comment about the export, NDJSON with an object `about`."
    )
    question = ExportQuestionSerializer(required=False)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """``from`` is a word of Python's, so it cannot be declared like the others."""
        since = Moment(help_text="Start of the period, included. Of numbers: from the start of its hour.")
        return {"from": since, **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["from"] >= min(attrs["to"], timezone.now()):
            raise serializers.ValidationError({"from": "This must be in the past and before the end of the period."})
        if "question" in attrs and "columns" in attrs:
            raise serializers.ValidationError({"columns": "Numbers have the columns of their question."})
        if "question" in attrs and (wrong := sorted(_OF_NUMBERS & attrs.get("filter", {}).keys())):
            raise serializers.ValidationError(
                {"filter": {name: ["Numbers cannot be narrowed by it."] for name in wrong}}
            )
        return attrs


def question_of(given: dict[str, Any] | None) -> Question | None:
    """The question, where one was asked."""
    if given is None:
        return None
    default = Question(shape=Shape.RANKING)
    return Question(metric=given["metric"], by=tuple(given.get("by", default.by)), shape=Shape(given["shape"]))


class ExportSerializer(serializers.Serializer[Export]):
    """One export and how far it is."""

    id = serializers.IntegerField(source="pk")
    name = serializers.CharField()
    kind = serializers.ChoiceField(Export.Kind.choices)
    format = serializers.ChoiceField(Export.Format.choices)
    state = serializers.ChoiceField(Export.State.choices)
    progress = serializers.FloatField(help_text="From 0 to 1.")
    rows = serializers.IntegerField(help_text="Written so far.")
    rows_counted = serializers.SerializerMethodField(help_text="Counted at the start; null until they are.")
    rows_gone = serializers.IntegerField(
        help_text="Counted, and no longer kept when their turn came: they are not in the file."
    )
    bytes = serializers.IntegerField(help_text="Of the file so far.")
    columns = serializers.ListField(child=serializers.CharField())
    filter = serializers.SerializerMethodField(help_text="What calls were narrowed to, in words of the pages.")
    to = InstantField(source="until", help_text="End of the period, excluded.")
    as_of = InstantField(help_text="Calls received later are not in the file.")
    error = serializers.SerializerMethodField(help_text="Why it failed, or why the file went early.")
    created_at = InstantField()
    created_by = serializers.SerializerMethodField(help_text="E-mail address; null for a key.")
    finished_at = OptionalInstantField(allow_null=True)
    expires_at = OptionalInstantField(allow_null=True, help_text="When the file is deleted.")
    file_name = serializers.CharField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        since = InstantField(source="since", help_text="Start of the period, included.")
        return {"from": since, **super().get_fields()}

    def get_rows_counted(self, export: Export) -> int | None:
        return export.rows_counted if export.is_counted else None

    def get_filter(self, export: Export) -> str:
        return about.filter_text(export)

    def get_error(self, export: Export) -> str | None:
        return export.error or None

    def get_created_by(self, export: Export) -> str | None:
        return export.created_by.email if export.created_by else None


class ExportListSerializer(serializers.Serializer[Any]):
    results = ExportSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Always null: the list has the newest hundred.")
