"""Re-pricing runs as the API shows and takes them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.fields import InstantField, UsdField
from ingestion.api.parameters import Instant
from ingestion.api.serializers import GivenField
from ingestion.models import RepriceRun
from ingestion.reprice import selectors


def _given(help_text: str, source: str | None = None) -> GivenField:
    options: dict[str, Any] = {"source": source} if source else {}
    return GivenField(allow_null=True, help_text=help_text, **options)


class RepriceRequestSerializer(serializers.Serializer[Any]):
    """Which calls to re-price; without a filter all of the period."""

    to = Instant(help_text="End of the period, excluded.")
    project = serializers.CharField(required=False, max_length=50, help_text="Slug of a project.")
    provider = serializers.CharField(required=False, max_length=100, help_text="Normalised name of the provider.")
    model = serializers.CharField(required=False, max_length=255, help_text="As sent, or as it is priced now.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """``from`` is a word of Python's, so it cannot be declared like the others."""
        return {"from": Instant(help_text="Start of the period, included."), **super().get_fields()}

    def to_internal_value(self, data: Any) -> Any:
        unknown = set(data) - set(self.fields) if isinstance(data, Mapping) else set()
        if unknown:
            raise serializers.ValidationError({str(name): ["There is no such field."] for name in unknown})
        return super().to_internal_value(data)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["from"] >= min(attrs["to"], timezone.now()):
            raise serializers.ValidationError({"from": "This must be in the past and before the end of the period."})
        return attrs


class PreviewSerializer(serializers.Serializer[Any]):
    """What the dry run had said before it was applied."""

    calls_seen = serializers.IntegerField()
    calls_changed = serializers.IntegerField()
    newly_priced = serializers.IntegerField()
    newly_unpriced = serializers.IntegerField()
    calls_skipped = serializers.IntegerField()
    old_cost_usd = serializers.CharField()
    new_cost_usd = serializers.CharField()


class RepriceRunSerializer(serializers.Serializer[RepriceRun]):
    """One run. Counts and sums are those of the dry run until it is applied, then of what really changed."""

    id = serializers.IntegerField(source="pk")
    state = serializers.ChoiceField(RepriceRun.State.choices)
    project = serializers.SerializerMethodField(help_text="Slug of the project; null: all.")
    provider = _given("Null: every provider.")
    model = _given("Null: every model.")
    to = InstantField(source="until", help_text="End of the period, excluded.")
    created_at = InstantField()
    created_by = serializers.SerializerMethodField(help_text="E-mail address; null for a key.")
    applied_by = serializers.SerializerMethodField(help_text="E-mail address; null for a key.")
    finished_at = InstantField(allow_null=True, help_text="End of the dry run, then of the run.")
    calls_seen = serializers.IntegerField()
    calls_changed = serializers.IntegerField()
    newly_priced = serializers.IntegerField(help_text="Calls without a cost that get one.")
    newly_unpriced = serializers.IntegerField(help_text="Calls with a cost that lose it.")
    calls_skipped = serializers.IntegerField(help_text="Calls left as they are: the sums of their day cannot follow.")
    old_cost_usd = UsdField()
    new_cost_usd = UsdField()
    difference_usd = serializers.SerializerMethodField()
    preview = serializers.SerializerMethodField()
    error = _given("Why the run failed.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        since = InstantField(source="since", help_text="Start of the period, included.")
        return {"from": since, **super().get_fields()}

    def get_project(self, run: RepriceRun) -> str | None:
        return run.project.slug if run.project else None

    def get_created_by(self, run: RepriceRun) -> str | None:
        return run.created_by.email if run.created_by else None

    def get_applied_by(self, run: RepriceRun) -> str | None:
        return run.applied_by.email if run.applied_by else None

    def get_difference_usd(self, run: RepriceRun) -> str:
        return str(UsdField().to_representation(selectors.difference(run)))

    @extend_schema_field(PreviewSerializer(allow_null=True))
    def get_preview(self, run: RepriceRun) -> dict[str, Any] | None:
        return dict(run.preview) or None


class RepriceRunListSerializer(serializers.Serializer[Any]):
    results = RepriceRunSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Always null: the list has the newest hundred.")


class BreakdownRowSerializer(serializers.Serializer[Any]):
    """A model or a feature: how many of its calls change, and their known costs."""

    provider = _given("Of a model; null for a feature.")
    name = serializers.CharField()
    calls = serializers.IntegerField()
    old_cost_usd = UsdField()
    new_cost_usd = UsdField()
    difference_usd = UsdField()


class RepricedCallSerializer(serializers.Serializer[Any]):
    """One of the calls whose cost changes most."""

    project = GivenField(source="slug", allow_null=True)
    id = serializers.CharField(source="sample.call_id")
    timestamp = InstantField(source="started_at")
    model = serializers.CharField(source="sample.model")
    old_cost_usd = UsdField(source="sample.old_cost_usd", allow_null=True)
    new_cost_usd = UsdField(source="sample.new_cost_usd", allow_null=True)


class RepriceReportSerializer(RepriceRunSerializer):
    """One run with its report."""

    progress = serializers.FloatField(help_text="From 0 to 1.")
    models = BreakdownRowSerializer(many=True)
    features = BreakdownRowSerializer(many=True)
    samples = RepricedCallSerializer(many=True)


def report_document(run: RepriceRun, *, hidden: Sequence[int] = ()) -> dict[str, Any]:
    """A run as ``RepriceReportSerializer`` declares it; of ``hidden`` projects no single call."""
    report = selectors.report(run, hidden=hidden)
    return {
        **RepriceRunSerializer(run).data,
        "progress": report.progress,
        "models": BreakdownRowSerializer(report.models, many=True).data,
        "features": BreakdownRowSerializer(report.features, many=True).data,
        "samples": RepricedCallSerializer(report.samples, many=True).data,
    }
