"""Calls as the API shows them: the first name of each row of the event's table, and what we found out about it."""

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.fields import InstantField, OptionalInstantField, UsdField
from ingestion.arithmetic import Arithmetic
from ingestion.models import Call
from ingestion.pricing.cards import RateCard


@extend_schema_field({"type": "string"})
class GivenField(serializers.Field[str, Any, str | None, Any]):
    """A text that is stored as '' when the client gave none."""

    def to_representation(self, value: str) -> str | None:
        return value or None


@extend_schema_field({"type": "object", "additionalProperties": {"type": "number"}})
class UnitsField(serializers.Field[Any, Any, Any, Any]):
    def to_representation(self, value: Any) -> Any:
        return value or {}


@extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
class TagsField(serializers.Field[Any, Any, Any, Any]):
    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field({"type": "string"})
class ProjectField(serializers.Field[int, Any, str, Any]):
    """The slug of a project id, from the ``slugs`` in the context."""

    def to_representation(self, value: int) -> str:
        slugs: Mapping[int, str] = self.context["slugs"]
        return slugs[value]


def _given(source: str | None = None, **options: Any) -> GivenField:
    return GivenField(source=source, allow_null=True, **options) if source else GivenField(allow_null=True, **options)


def _usd(help_text: str) -> UsdField:
    return UsdField(allow_null=True, help_text=help_text)


class CallSerializer(serializers.Serializer[Call]):
    """One call; costs are US dollars as decimal strings, null when unknown, which is not zero."""

    id = serializers.CharField(source="call_id", help_text="As sent, else the server's.")
    timestamp = InstantField(source="started_at", help_text="Start of the call; with id and project its identity.")
    received_at = InstantField(help_text="When the server accepted it.")
    project = ProjectField(source="project_id", help_text="Slug of the project.")
    provider = _given(help_text="Normalised name of the provider.")
    model = serializers.CharField(help_text="As sent.")
    response_model = _given(help_text="The model the provider says it used.")
    model_key = serializers.CharField(help_text="Catalogue id when priced, else the cleaned name.")
    operation = serializers.CharField()
    endpoint_name = serializers.CharField(source="feature", help_text="What the call was for.")
    team = _given()
    environment = serializers.CharField()
    user_id = _given(help_text="End user; a keyed hash where the value looked personal.")
    session_id = _given()
    trace_id = _given()
    span_id = _given()
    parent_span_id = _given()
    input_tokens = serializers.IntegerField(help_text="Everything the model read, cached parts included.")
    output_tokens = serializers.IntegerField(help_text="Everything the model wrote, reasoning included.")
    cached_input_tokens = serializers.IntegerField()
    cache_write_tokens = serializers.IntegerField()
    cache_write_1h_tokens = serializers.IntegerField()
    audio_input_tokens = serializers.IntegerField()
    cached_audio_input_tokens = serializers.IntegerField()
    image_input_tokens = serializers.IntegerField()
    reasoning_tokens = serializers.IntegerField()
    audio_output_tokens = serializers.IntegerField()
    image_output_tokens = serializers.IntegerField()
    extra_units = UnitsField(help_text="Billed units that are not tokens, with their quantity.")
    usage_rule = serializers.CharField(help_text="Which reading of the emitter's counts was used.")
    usage_inconsistent = serializers.BooleanField(help_text="The counts contradict each other.")
    usage_partial = serializers.BooleanField()
    usage_estimated = serializers.BooleanField()
    latency_ms = serializers.FloatField(allow_null=True)
    time_to_first_token_ms = serializers.FloatField(allow_null=True)
    status = serializers.ChoiceField(["ok", "error"])
    error_type = _given()
    http_status = serializers.IntegerField(allow_null=True)
    stream = serializers.BooleanField()
    service_tier = serializers.CharField()
    prompt_hash = _given(help_text="Keyed hash; equal prompts of one organization have equal ones.")
    prompt_prefix_hash = _given()
    cost_usd = _usd("The call's cost: the sum of the parts below, or the reported cost.")
    cost_input_usd = _usd("Part of the cost: text, audio and image input that was not cached.")
    cost_cached_input_usd = _usd("Part of the cost: input read from a cache.")
    cost_cache_write_usd = _usd("Part of the cost: input written to a cache.")
    cost_output_usd = _usd("Part of the cost: output other than reasoning.")
    cost_reasoning_usd = _usd("Part of the cost: reasoning.")
    cost_other_usd = _usd("Part of the cost: fees that are not tokens.")
    reported_cost_usd = _usd("The cost the client reported.")
    cost_source = serializers.ChoiceField(["rate_card", "override", "reported", "none"])
    price_match = _given(
        help_text="Which step of matching found the price; `no-usage`: nobody knows what the call used, so its counts"
        " of 0 are no numbers and its cost is null, or what the client reported."
    )
    response_id = _given()
    upstream_request_id = _given()
    finish_reason = _given()
    agent_name = _given()
    prompt_version = _given()
    retries = serializers.IntegerField(allow_null=True)
    ratelimit_remaining_requests = serializers.IntegerField(allow_null=True)
    ratelimit_remaining_tokens = serializers.IntegerField(allow_null=True)
    tags = TagsField()
    git_branch = _given()
    git_commit = _given()
    source = serializers.ChoiceField(["sdk", "rest", "otlp", "gateway", "import"])  # type: ignore[assignment]
    duplicate_of = _given(
        help_text="Id of the call this one is counted with, when both are records of one provider response (same id,"
        " model and token counts, within 10 minutes). Its cost is shown and is in no sum."
    )
    duplicate_of_timestamp = OptionalInstantField(
        source="duplicate_of_started_at",
        allow_null=True,
        help_text="Timestamp of that call; the project is the same.",
    )


# The others show what the database gives, null included.
_CONVERTING: Final = (InstantField, OptionalInstantField, UsdField, GivenField, UnitsField, ProjectField)


def call_documents(calls: Iterable[Call], *, slugs: Mapping[int, str]) -> list[dict[str, Any]]:
    """Each call as ``CallSerializer`` declares it; ``slugs`` are those of the projects by id.

    The serializer's own way asks every field of every call anew how to read it, and costs five times as much: this
    runs beside the edge and must not keep the interpreter busy.
    """
    fields = CallSerializer(context={"slugs": slugs}).fields
    plain = {name: attrgetter(str(field.source)) for name, field in fields.items()}
    shown = {name: field.to_representation for name, field in fields.items() if isinstance(field, _CONVERTING)}
    documents = [{name: read(call) for name, read in plain.items()} for call in calls]
    for document in documents:
        document |= {name: show(document[name]) for name, show in shown.items()}
    return documents


class CallPageSerializer(serializers.Serializer[Any]):
    """A page of the call log."""

    results = CallSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page, or null after the last.")


class CostLineSerializer(serializers.Serializer[Any]):
    """One line of a cost: ``quantity × price_usd / per = amount_usd``."""

    unit = serializers.CharField(help_text="What is billed; parts do not overlap.")
    quantity = UsdField(help_text="How much of it.")
    price_usd = UsdField(source="rate", help_text="US dollars for `per` of it, tier already chosen.")
    per = serializers.IntegerField()
    priced_as = serializers.CharField(help_text="Whose price it is: the unit, or the nearest one that contains it.")
    tier_above = serializers.IntegerField(
        source="tier_start", allow_null=True, help_text="The tier that was reached: input tokens above this."
    )
    amount_usd = UsdField(source="cost")


class UsedCardSerializer(serializers.Serializer[Any]):
    """The rate card that priced a call, as it was found then; it may have ended since."""

    id = serializers.IntegerField()
    source = serializers.CharField(help_text="The catalogue's name, or override.")  # type: ignore[assignment]
    provider = _given()
    model = _given(source="catalogue_id", help_text="Catalogue id.")
    valid_from = InstantField(allow_null=True, help_text="Null: since ever.")
    valid_to = InstantField(allow_null=True, help_text="Excluded; null: until further notice.")
    context = TagsField(help_text="Conditions a call must meet.")  # type: ignore[assignment]
    hours_utc = serializers.SerializerMethodField(help_text="Time of day in which it holds; null: all day.")

    def get_hours_utc(self, card: RateCard) -> str | None:
        return f"{card.window.start:%H:%M}-{card.window.end:%H:%M}" if card.window else None


class CallDetailSerializer(CallSerializer):
    """One call, with the arithmetic of its cost."""

    cost_breakdown = CostLineSerializer(many=True, help_text="The lines sum to the cost; empty where none is computed.")
    rate_card = UsedCardSerializer(allow_null=True)
    cost_note = serializers.CharField(
        allow_null=True, help_text="Why there are no lines, or that they do not give the stored cost."
    )


def call_detail_document(call: Call, found: Arithmetic, *, slugs: Mapping[int, str]) -> dict[str, Any]:
    """A call as ``CallDetailSerializer`` declares it."""
    (document,) = call_documents([call], slugs=slugs)
    explanation = found.explanation
    return document | {
        "cost_breakdown": CostLineSerializer(explanation.lines if explanation else [], many=True).data,
        "rate_card": UsedCardSerializer(explanation.card).data if explanation else None,
        "cost_note": found.sentence or None,
    }
