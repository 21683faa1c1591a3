"""From a span that is a call to the call itself, whichever dialect it speaks."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from ingestion.wire.assembler import SERVICE_TIERS
from ingestion.wire.batch import Batch, FieldError, ParseContext
from ingestion.wire.content import is_content
from ingestion.wire.identity import TimestampError, keyed_hash, looks_personal, parse_timestamp, stored_user_id
from ingestion.wire.otlp import names
from ingestion.wire.otlp.content import Prompt, content_fields, prompt_of
from ingestion.wire.otlp.hosts import provider_of_host
from ingestion.wire.otlp.response import response_id
from ingestion.wire.otlp.spans import ERROR, OK, Attributes, Span, valid_span_id
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
_MOST_TAGS, _LONGEST_TAG_KEY, _LONGEST_TAG_VALUE = 20, 50, 200
_TAGS_LEFT_OUT: Final = "some are left out: at most 20, keys of at most 50, values of at most 200 characters"
type Parameters = Mapping[str, object]

_encode: Final = msgspec.json.Encoder().encode


class CallBuilder:
    """Builds the calls of one request into ``batch``; remembers what repeats from span to span."""

    def __init__(self, context: ParseContext, batch: Batch) -> None:
        self._context = context
        self._batch = batch
        self._providers: dict[tuple[str, str, str], tuple[str, str]] = {}
        self._users: dict[str, str] = {}

    def add(self, span: Span, operation: str, index: int) -> None:
        """Append the call, or its rejection; ``operation`` is what ``kinds`` made of the span."""
        errors: list[FieldError] = []
        attributes, resource = span.attributes, span.origin.resource
        started_at = self._started_at(span, errors)
        parameters = _parameters(attributes)
        model, response_model = _models(attributes, parameters, errors)
        provider, provider_raw = self._provider(attributes, model)
        usage = read_usage(span, provider, errors)
        feature, team = _feature(attributes, resource, errors), _team(attributes, resource, errors)
        project = _own(resource, names.PROJECT, "project", errors)
        if not span.has_ids():
            errors.append(FieldError("id", "trace and span id must be 16 and 8 bytes, not all zero"))
        optional = _optional_fields(tuple(filter(_OPTIONAL_NAMES.__contains__, attributes)))
        dropped = content_fields(span)
        self._batch.content_fields_dropped += dropped
        call_id = f"otlp:{span.trace_id}{span.span_id}"
        if errors:
            self._batch.reject(index, call_id if span.has_ids() else None, errors)
            return
        status, error_type, http_status = _outcome(span)
        call = Call(
            call_id=call_id,
            started_at=started_at,
            provider=provider,
            provider_raw=provider_raw,
            model=model,
            response_model=response_model,
            operation=operation,
            feature=feature,
            team=team,
            environment=_of_either(attributes, resource, names.ENVIRONMENT, _LONGEST_NAME) or "default",
            user_id=self._user(first_text(attributes, names.USER, _LONGEST)),
            trace_id=span.trace_id,
            span_id=span.span_id,
            parent_span_id=valid_span_id(span.parent_span_id),
            usage=usage,
            latency_ms=_latency(span),
            status=status,
            error_type=error_type,
            http_status=http_status,
            stream=_is_streamed(span, parameters),
            service_tier=self._service_tier(attributes, parameters, index),
            tags=self._tags(attributes, resource, index),
            project_slug="" if project == self._context.project_slug else project,
            source="otlp",
        )
        for field in optional:
            setattr(call, field, _OPTIONAL[field].read(span))
        if span.events:
            call.time_to_first_token_ms = _time_to_first_token(span)
        if dropped:
            self._add_hashes(call, prompt_of(span, model))
        self._batch.calls.append((index, call))

    def _started_at(self, span: Span, errors: list[FieldError]) -> datetime:
        context = self._context
        if span.start_ns <= 0:
            errors.append(FieldError("timestamp", "is required: the span has no start time"))
            return context.now
        if span.start_ns >= _LATEST_NS:
            errors.append(FieldError("timestamp", "is not a date of the calendar"))
            return context.now
        started_at = _EPOCH + timedelta(microseconds=span.start_ns // 1000)
        if started_at < context.earliest:
            errors.append(FieldError("timestamp", "is older than the retention period"))
        elif started_at > context.latest:
            errors.append(FieldError("timestamp", "is more than 10 minutes ahead of the server's clock"))
        return started_at

    def _provider(self, attributes: Attributes, model: str) -> tuple[str, str]:
        """Canonical and as sent. A framework in the provider's place says nothing: then the host, then the model."""
        sent = [given for name in names.PROVIDER if (given := text(attributes.get(name), _LONGEST_NAME))]
        named = next((given for given in sent if canonical_provider(given.strip('"'))), "")
        if named:
            return canonical_provider(named.strip('"')), named
        host = first_text(attributes, names.SERVER, _LONGEST)
        key = (sent[0] if sent else "", host, model)
        if key not in self._providers:
            found = provider_of_host(host) or canonical_provider(self._context.infer_provider(model))
            self._providers[key] = (found, key[0])
        return self._providers[key]

    def _user(self, user_id: str) -> str:
        stored = self._users.get(user_id)
        if stored is None:
            hidden = looks_personal(user_id) and not self._context.allow_personal_ids
            stored = stored_user_id(user_id, self._context.hash_key) if hidden else user_id
            self._users[user_id] = stored
        return stored

    def _add_hashes(self, call: Call, prompt: Prompt) -> None:
        call.prompt_hash = self._hash("prompt_hash", prompt.whole)
        call.prompt_prefix_hash = self._hash("prompt_prefix_hash", prompt.prefix)

    def _hash(self, field: str, digest: str) -> str:
        return keyed_hash(field, digest, self._context.hash_key) if digest else ""

    def _service_tier(self, attributes: Attributes, parameters: Parameters, index: int) -> str:
        sent = first_text(attributes, names.SERVICE_TIER, _LONGEST_NAME)
        sent = sent or text(parameters.get("service_tier"), _LONGEST_NAME)
        tier = SERVICE_TIERS.get(sent.lower(), "") if sent else "standard"
        if not tier:
            self._batch.warn(index, "service_tier", "is not a tier we know: taken as standard")
        return tier or "standard"

    def _tags(self, attributes: Attributes, resource: Attributes, index: int) -> str:
        """``tokenops.tag.*`` and association properties; those that are too many or too long are left out."""
        pairs = (*attributes.items(), *resource.items())
        tagged = [pair for pair in pairs if pair[0].startswith(names.TAG_PREFIXES)]
        found: dict[str, str] = {}
        for prefix in names.TAG_PREFIXES if tagged else ():
            for name, value in tagged:
                key = name.removeprefix(prefix) if name.startswith(prefix) else ""
                if not key or key in found or key in names.NO_TAGS or is_content(key):
                    continue
                if key.startswith(names.NO_TAG_PREFIXES):
                    continue
                kept = ("false", "true")[value] if isinstance(value, bool) else text(value, _LONGEST_TAG_VALUE)
                if kept and len(found) < _MOST_TAGS and text(key, _LONGEST_TAG_KEY) == key:
                    found[key] = kept
                else:
                    self._batch.warn(index, "tags", _TAGS_LEFT_OUT)
        return _encode(found).decode() if found else "{}"


def _parameters(attributes: Attributes) -> Parameters:
    """OpenInference's request options."""
    return next((json_object(attributes[name]) for name in names.INVOCATION_PARAMETERS if name in attributes), {})


def _models(attributes: Attributes, parameters: Parameters, errors: list[FieldError]) -> tuple[str, str]:
    """What was asked for and what answered. OpenInference's model name is the answer's as soon as there is one."""
    response_model = first_text(attributes, names.RESPONSE_MODEL, _LONGEST)
    plain, *others = names.REQUEST_MODEL
    asked = (
        first_text(attributes, (plain,), _LONGEST),
        text(parameters.get("model"), _LONGEST),
        text(parameters.get("model_name"), _LONGEST),
        first_text(attributes, tuple(others), _LONGEST),
        response_model,
    )
    model = next(filter(None, asked), "")
    model = model.strip('"')  # MLflow's values are JSON
    if not model and names.GENKIT_MODEL in attributes:
        model = text(attributes[names.GENKIT_MODEL], _LONGEST)
    if not model:
        given = any(attributes.get(name) for name in names.REQUEST_MODEL)
        errors.append(FieldError("model", "must be a text of at most 255 characters" if given else "is required"))
    return model, response_model


def _of_either(attributes: Attributes, resource: Attributes, wanted: names.Names, longest: int) -> str:
    return first_text(attributes, wanted, longest) or first_text(resource, wanted, longest)


def _own(attributes: Attributes, name: str, field: str, errors: list[FieldError]) -> str:
    """One of our own attributes: who sets it wants to know when it cannot be used."""
    value = attributes.get(name)
    if value is None or value == "":
        return ""
    found = text(value, _LONGEST_NAME)
    if not found:
        errors.append(FieldError(field, f"must be a text of at most {_LONGEST_NAME} characters"))
    return found


def _feature(attributes: Attributes, resource: Attributes, errors: list[FieldError]) -> str:
    explicit = _own(attributes, names.FEATURE, "feature", errors) or _own(resource, names.FEATURE, "feature", errors)
    if explicit:
        return explicit
    service = text(resource.get(names.SERVICE), _LONGEST_NAME)
    return (
        _of_either(attributes, resource, names.FEATURE_OF_SPAN, _LONGEST_NAME)
        or first_text(resource, names.FEATURE_OF_RESOURCE, _LONGEST_NAME)
        or _of_either(attributes, resource, names.FEATURE_OTHERWISE, _LONGEST_NAME)
        or ("" if service.startswith(names.UNKNOWN_SERVICE) else service)
        or "default"
    )


def _team(attributes: Attributes, resource: Attributes, errors: list[FieldError]) -> str:
    return (
        _own(attributes, names.TEAM, "team", errors)
        or _own(resource, names.TEAM, "team", errors)
        or _of_either(attributes, resource, names.TEAM_OTHERWISE, _LONGEST_NAME)
    )


def _outcome(span: Span) -> tuple[str, str, int | None]:
    """Status, error type and HTTP status. An explicit OK beats an error type, which a retry leaves behind."""
    http_status = _http_status(span.attributes)
    error_type = text(span.attributes.get(names.ERROR_TYPE), _LONGEST)
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


def _http_status(attributes: Attributes) -> int | None:
    for name in names.HTTP_STATUS:
        digits = text(attributes[name], 3) if name in attributes else ""
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


def _is_streamed(span: Span, parameters: Parameters) -> bool:
    for name in names.STREAM:
        said = flag(span.attributes.get(name))
        if said is not None:
            return said
    if parameters.get("stream") is True:
        return True
    called = _short(span.attributes, "ai.operationId") or span.name.partition(" ")[0]
    return called.startswith("ai.") and called.endswith("Stream")


def _finish_reason(attributes: Attributes) -> str:
    for name in names.FINISH_REASON:
        found = text(first_of(attributes.get(name)), _LONGEST)
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


class _Optional(NamedTuple):
    """A field that most spans say nothing about: only spans with one of ``named`` are asked."""

    named: names.Names
    read: Callable[[Span], object]


def _text_of(wanted: names.Names) -> _Optional:
    return _Optional(wanted, lambda span: first_text(span.attributes, wanted, _LONGEST))


_OPTIONAL: Final = {
    "session_id": _text_of(names.SESSION),
    "agent_name": _text_of(names.AGENT),
    "prompt_version": _text_of(names.PROMPT_VERSION),
    "response_id": _Optional((*names.RESPONSE_ID, names.RAW_RESPONSE), lambda span: response_id(span.attributes)),
    "finish_reason": _Optional(names.FINISH_REASON, lambda span: _finish_reason(span.attributes)),
    "reported_cost_usd": _Optional(
        (*names.COST, *names.COST_PARTS, names.COST_OBJECT), lambda span: _cost(span.attributes)
    ),
    "time_to_first_token_ms": _Optional(
        (*names.FIRST_CHUNK_SECONDS, *names.FIRST_CHUNK_MS, names.FIRST_CHUNK_AT), _time_to_first_token
    ),
}
_OPTIONAL_NAMES: Final = frozenset(name for optional in _OPTIONAL.values() for name in optional.named)


@lru_cache(maxsize=4096)
def _optional_fields(known: tuple[str, ...]) -> tuple[str, ...]:
    """The fields that attributes of these names speak of; an emitter sends the same names with every span."""
    return tuple(field for field, optional in _OPTIONAL.items() if set(known) & set(optional.named))
