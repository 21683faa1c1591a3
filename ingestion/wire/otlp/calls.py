"""From a span that is a call to the call itself, whichever dialect it speaks."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from ingestion.wire.assembler import SERVICE_TIERS
from ingestion.wire.batch import Batch, FieldError, ParseContext
from ingestion.wire.identity import TimestampError, keyed_hash, looks_personal, parse_timestamp, stored_user_id
from ingestion.wire.otlp import names
from ingestion.wire.otlp.attribution import OfResource, feature_of, resource_answers, team_of
from ingestion.wire.otlp.content import Prompt, content_of_events, prompt_of
from ingestion.wire.otlp.hosts import provider_of_host
from ingestion.wire.otlp.names import Names
from ingestion.wire.otlp.response import response_id
from ingestion.wire.otlp.shapes import Shape, Tag
from ingestion.wire.otlp.spans import ERROR, OK, Attributes, Origin, Span, valid_span_id
from ingestion.wire.otlp.usage import read_usage
from ingestion.wire.otlp.values import (
    first_of,
    first_text,
    flag,
    json_object,
    milliseconds,
    money,
    text,
)
from ingestion.wire.providers import canonical_provider
from ingestion.wire.types import Call

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST: Final = 255
_LONGEST_NAME: Final = 100
_LATEST_NS: Final = 253_402_300_800 * 10**9  # the year 10000
_LONGEST_LATENCY_MS: Final = 10**9
_FIRST_ERROR_STATUS, _LAST_STATUS = 400, 999
_MOST_TAGS, _LONGEST_TAG_VALUE = 20, 200
_TAGS_LEFT_OUT: Final = "some are left out: at most 20, keys of at most 50, values of at most 200 characters"
type Parameters = Mapping[str, object]
_NO_PARAMETERS: Final[Parameters] = {}

_encode: Final = msgspec.json.Encoder().encode


class CallBuilder:
    """Builds the calls of one request into ``batch``; remembers what repeats from span to span."""

    def __init__(self, context: ParseContext, batch: Batch) -> None:
        self._context = context
        self._batch = batch
        self._providers: dict[tuple[str, str, str], tuple[str, str]] = {}
        self._users: dict[str, str] = {}
        self._origin = Origin()
        self._of_resource = resource_answers(self._origin.resource)

    def add(self, span: Span, shape: Shape, operation: str, index: int) -> None:
        """Append the call, or its rejection; ``operation`` is what ``kinds`` made of the span."""
        errors: list[FieldError] = []
        attributes, of_resource = span.attributes, self._resource_of(span.origin)
        started_at = self._started_at(span, errors)
        parameters = json_object(attributes[shape.parameters[0]]) if shape.parameters else _NO_PARAMETERS
        model, response_model = _models(attributes, shape, parameters, errors)
        provider, provider_raw = self._provider(attributes, shape, model)
        usage = read_usage(span, shape, provider, errors)
        feature = feature_of(attributes, shape, of_resource, errors)
        team = team_of(attributes, shape, of_resource, errors)
        project = of_resource.project.repeated(errors)
        if not span.has_ids():
            errors.append(FieldError("id", "trace and span id must be 16 and 8 bytes, not all zero"))
        dropped = shape.content_fields + (content_of_events(span.events) if span.events else 0)
        self._batch.content_fields_dropped += dropped
        call_id = f"otlp:{span.trace_id}{span.span_id}"
        if errors:
            self._batch.reject(index, call_id if span.has_ids() else None, errors)
            return
        status, error_type, http_status = _outcome(span, shape)
        call = Call(  # by position, for speed: see there
            call_id,
            started_at,
            provider,
            model,
            usage,
            provider_raw,
            response_model,
            operation,
            feature,
            team,
            first_text(attributes, shape.environment, _LONGEST_NAME) or of_resource.environment,
            self._user(first_text(attributes, shape.user, _LONGEST)),
            _latency(span),
            status,
            error_type,
            http_status,
            _is_streamed(span, shape, parameters),
            self._service_tier(attributes, shape, parameters, index),
            self._tags(span, shape, of_resource.shape, index),
            "otlp",
            "",  # the session, the time to the first token and the response are optional: below
            None,
            "",
            "" if project == self._context.project_slug else project,
            span.trace_id,
            span.span_id,
            valid_span_id(span.parent_span_id),
        )
        for field, given in shape.optional:
            setattr(call, field, _OPTIONAL[field](span, given))
        if span.events:
            call.time_to_first_token_ms = _time_to_first_token(span)
        if dropped:
            self._add_hashes(call, prompt_of(span, model, shape.prompt_places))
        self._batch.calls.append((index, call))

    def _resource_of(self, origin: Origin) -> OfResource:
        if origin is not self._origin:
            self._origin, self._of_resource = origin, resource_answers(origin.resource)
        return self._of_resource

    def _started_at(self, span: Span, errors: list[FieldError]) -> datetime:
        context = self._context
        if span.start_ns <= 0:
            errors.append(FieldError("timestamp", "is required: the span has no start time"))
            return context.now
        if span.start_ns >= _LATEST_NS:
            errors.append(FieldError("timestamp", "is not a date of the calendar"))
            return context.now
        started_at = _EPOCH + timedelta(0, *divmod(span.start_ns // 1000, 10**6))
        if started_at < context.earliest:
            errors.append(FieldError("timestamp", "is older than the retention period"))
        elif started_at > context.latest:
            errors.append(FieldError("timestamp", "is more than 10 minutes ahead of the server's clock"))
        return started_at

    def _provider(self, attributes: Attributes, shape: Shape, model: str) -> tuple[str, str]:
        """Canonical and as sent. A framework in the provider's place says nothing: then the host, then the model."""
        sent = [given for name in shape.provider if (given := text(attributes[name], _LONGEST_NAME))]
        named = next((given for given in sent if canonical_provider(given.strip('"'))), "")
        if named:
            return canonical_provider(named.strip('"')), named
        host = first_text(attributes, shape.server, _LONGEST)
        key = (sent[0] if sent else "", host, model)
        if key not in self._providers:
            found = provider_of_host(host) or canonical_provider(self._context.infer_provider(model))
            self._providers[key] = (found, key[0])
        return self._providers[key]

    def _user(self, user_id: str) -> str:
        stored = self._users.get(user_id)
        if stored is None:
            hidden = not self._context.allow_personal_ids and looks_personal(user_id)
            stored = stored_user_id(user_id, self._context.hash_key) if hidden else user_id
            self._users[user_id] = stored
        return stored

    def _add_hashes(self, call: Call, prompt: Prompt) -> None:
        call.prompt_hash = self._hash("prompt_hash", prompt.whole)
        call.prompt_prefix_hash = self._hash("prompt_prefix_hash", prompt.prefix)

    def _hash(self, field: str, digest: str) -> str:
        return keyed_hash(field, digest, self._context.hash_key) if digest else ""

    def _service_tier(self, attributes: Attributes, shape: Shape, parameters: Parameters, index: int) -> str:
        sent = first_text(attributes, shape.service_tier, _LONGEST_NAME)
        sent = sent or (text(parameters.get("service_tier"), _LONGEST_NAME) if parameters else "")
        tier = SERVICE_TIERS.get(sent.lower(), "") if sent else "standard"
        if not tier:
            self._batch.warn(index, "service_tier", "is not a tier we know: taken as standard")
        return tier or "standard"

    def _tags(self, span: Span, shape: Shape, of_resource: Shape, index: int) -> str:
        """``tokenops.tag.*`` and association properties; those that are too many or too long are left out."""
        if not (shape.has_tags or of_resource.has_tags):
            return "{}"
        found: dict[str, str] = {}
        for tags, tags_of_resource in zip(shape.tags, of_resource.tags, strict=True):  # by prefix
            if tags:
                self._add_tags(found, span.attributes, tags, index)
            if tags_of_resource:
                self._add_tags(found, span.origin.resource, tags_of_resource, index)
        return _encode(found).decode() if found else "{}"

    def _add_tags(self, found: dict[str, str], attributes: Attributes, tags: Iterable[Tag], index: int) -> None:
        for name, key, is_usable in tags:
            if key in found:
                continue
            value = attributes[name]
            kept = ("false", "true")[value] if isinstance(value, bool) else text(value, _LONGEST_TAG_VALUE)
            if kept and is_usable and len(found) < _MOST_TAGS:
                found[key] = kept
            else:
                self._batch.warn(index, "tags", _TAGS_LEFT_OUT)


def _models(attributes: Attributes, shape: Shape, parameters: Parameters, errors: list[FieldError]) -> tuple[str, str]:
    """What was asked for and what answered. OpenInference's model name is the answer's as soon as there is one."""
    response_model = first_text(attributes, shape.response_model, _LONGEST)
    model = (
        first_text(attributes, shape.request_model, _LONGEST)
        or (parameters and _requested_model(parameters))
        or first_text(attributes, shape.other_models, _LONGEST)
        or response_model
    )
    model = model.strip('"')  # MLflow's values are JSON
    if not model and names.GENKIT_MODEL in attributes:
        model = text(attributes[names.GENKIT_MODEL], _LONGEST)
    if not model:
        given = any(attributes.get(name) for name in names.REQUEST_MODEL)
        errors.append(FieldError("model", "must be a text of at most 255 characters" if given else "is required"))
    return model, response_model


def _requested_model(parameters: Parameters) -> str:
    return text(parameters.get("model"), _LONGEST) or text(parameters.get("model_name"), _LONGEST)


def _outcome(span: Span, shape: Shape) -> tuple[str, str, int | None]:
    """Status, error type and HTTP status. An explicit OK beats an error type, which a retry leaves behind."""
    http_status = _http_status(span.attributes, shape) if shape.http_status else None
    error_type = text(span.attributes[names.ERROR_TYPE], _LONGEST) if names.ERROR_TYPE in span.attributes else ""
    failed = span.status == ERROR or (
        span.status != OK and (bool(error_type) or (http_status or 0) >= _FIRST_ERROR_STATUS)
    )
    if not failed:
        return "ok", "", http_status
    return "error", error_type or _exception_type(span), http_status


def _exception_type(span: Span) -> str:
    return next(
        (
            found
            for event in reversed(span.events)
            if event.name in names.EXCEPTION_EVENTS
            and (found := text(event.attributes.get(names.EXCEPTION_TYPE), _LONGEST))
        ),
        "",
    )


def _http_status(attributes: Attributes, shape: Shape) -> int | None:
    for name in shape.http_status:
        digits = text(attributes[name], 3)
        if digits.isascii() and digits.isdecimal():
            return int(digits)
    return None


def _latency(span: Span) -> float | None:
    """Milliseconds; None for a span that never ended or ended before it started."""
    duration = span.end_ns - span.start_ns
    if span.end_ns <= 0 or duration < 0 or duration > _LONGEST_LATENCY_MS * 10**6:
        return None
    return duration / 10**6


def _time_to_first_token(span: Span) -> float | None:
    attributes = span.attributes
    for name in (*names.FIRST_CHUNK_SECONDS, *names.FIRST_CHUNK_MS):
        found = milliseconds(attributes.get(name), seconds=name in names.FIRST_CHUNK_SECONDS)
        if found is not None:
            return found
    for event in span.events:
        if event.name in names.FIRST_CHUNK_EVENTS:
            return milliseconds((event.time_ns - span.start_ns) / 10**6, seconds=False)
    return _first_chunk_at(span)


def _first_chunk_at(span: Span) -> float | None:
    moment = _short(span.attributes, names.FIRST_CHUNK_AT)
    if not moment:
        return None
    try:
        since_epoch = parse_timestamp(moment.strip('"')) - _EPOCH
    except TimestampError:
        return None
    micros = since_epoch // timedelta(microseconds=1) - span.start_ns // 1000
    return milliseconds(micros / 1000, seconds=False)


def _short(attributes: Attributes, name: str) -> str:
    """One short text, ``''`` when there is none."""
    return text(attributes.get(name), _LONGEST_NAME)


def _is_streamed(span: Span, shape: Shape, parameters: Parameters) -> bool:
    for name in shape.stream:
        said = flag(span.attributes[name])
        if said is not None:
            return said
    if parameters.get("stream") is True:
        return True
    called = _short(span.attributes, "ai.operationId") if shape.is_ai_sdk else ""
    called = called or span.name.partition(" ")[0]
    return called.startswith("ai.") and called.endswith("Stream")


def _finish_reason(span: Span, given: Names) -> str:
    for name in given:
        found = text(first_of(span.attributes[name]), _LONGEST)
        if found:
            return found
    return ""


def _cost(attributes: Attributes) -> Decimal | None:
    """What the emitter says the call cost in US dollars. A negative price means that it does not know."""
    currency = _short(attributes, names.COST_CURRENCY)
    for name in names.COST:
        if name in attributes and (currency.upper() in {"", "USD"} or not name.startswith("gen_ai.usage.cost.")):
            return money(attributes[name])
    if all(name in attributes for name in names.COST_PARTS):
        parts = [money(attributes[name]) for name in names.COST_PARTS]
        return sum((part for part in parts if part is not None), Decimal(0)) if None not in parts else None
    return money(json_object(attributes.get(names.COST_OBJECT)).get("total"))


def _text(span: Span, given: Names) -> str:
    return first_text(span.attributes, given, _LONGEST)


_OPTIONAL: Final[Mapping[str, Callable[[Span, Names], object]]] = {
    "session_id": _text,
    "agent_name": _text,
    "prompt_version": _text,
    "response_id": lambda span, _: response_id(span.attributes),
    "finish_reason": _finish_reason,
    "reported_cost_usd": lambda span, _: _cost(span.attributes),
    "time_to_first_token_ms": lambda span, _: _time_to_first_token(span),
}
"""How the fields of ``Shape.optional`` are read, from those of their names that are there."""
