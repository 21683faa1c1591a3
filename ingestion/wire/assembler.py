"""From a decoded event to a call: what only makes sense across fields, and what needs the context."""

import re
from operator import attrgetter

import msgspec

from ingestion.wire.batch import Batch, FieldError, ParseContext
from ingestion.wire.event import Event
from ingestion.wire.event_usage import read_used
from ingestion.wire.identity import keyed_hash, looks_personal, new_uuid7, stored_user_id
from ingestion.wire.moments import moment_of
from ingestion.wire.providers import canonical_provider
from ingestion.wire.types import Call
from ingestion.wire.usage import ESTIMATED

_HEX = re.compile(r"[0-9a-fA-F]+", re.ASCII)
_FIRST_ERROR_STATUS = 400
_LONGEST_OPERATION = 50
_encode = msgspec.json.Encoder().encode

STATUSES = {"ok": "ok", "success": "ok", "error": "error", "failure": "error", "failed": "error"}
SERVICE_TIERS = {
    "standard": "standard",
    "auto": "standard",
    "default": "standard",
    "on_demand": "standard",
    "batch": "batch",
    "flex": "flex",
    "priority": "priority",
    "fast": "fast",
}
OPERATIONS = {
    "embeddings": "embedding",
    "text_completion": "completion",
    "generate_content": "chat",
    "responses": "chat",
    "images": "image",
}
"""One operation's names in other vocabularies; every other name is kept in lower case."""

_NO_ID = "events without an id are stored again when a request is retried: send an id or use Idempotency-Key"
_TIERS = "must be one of standard, batch, flex, priority, fast"

# Setting a struct's members one by one is cheaper than forty arguments, and most events have none of these.
_RARE = (
    "trace_id",
    "span_id",
    "parent_span_id",
    "prompt_hash",
    "prompt_prefix_hash",
    "upstream_request_id",
    "finish_reason",
    "agent_name",
    "prompt_version",
    "usage_partial",
    "usage_estimated",
    "retries",
    "ratelimit_remaining_requests",
    "ratelimit_remaining_tokens",
    "git_branch",
    "git_commit",
)
_rare = attrgetter(*_RARE, "project")
_NOTHING_RARE = _rare(Event())


class Assembler:
    """Builds the calls of one request into ``batch``; remembers what repeats from event to event."""

    def __init__(self, context: ParseContext, batch: Batch) -> None:
        self._context = context
        self._batch = batch
        self._warned_no_id = False
        self._providers: dict[tuple[str | None, str], str] = {}
        self._users: dict[str, str] = {}
        self._hashes: dict[tuple[str, str], str] = {}

    def add(self, event: Event, index: int, errors: list[FieldError]) -> None:
        """Append the call, or its rejection with ``errors`` (found before) and those found here."""
        model = _model(event, errors)
        started_at = moment_of(event.timestamp, event.id, self._context, errors)
        provider = self._provider(event.provider, model)
        used = read_used(event, provider, errors)
        service_tier = self._service_tier(event, used.service_tier, index, errors)
        status = _status(event, errors)
        if event.prompt_hash or event.prompt_prefix_hash:
            _check_hashes(event, errors)
        if errors:
            self._batch.reject(index, event.id or None, errors)
            return
        for name in used.ignored:
            self._batch.warn(index, name, "is ignored: the event says the same differently elsewhere")
        call = Call(  # by position, for speed: see there
            event.id or self._new_id(index),
            started_at,
            provider,
            model,
            used.usage,
            event.provider or "",
            event.response_model or "",
            _operation(event.operation) if event.operation else "chat",
            event.endpoint_name or event.feature or "default",
            event.team or "",
            event.environment or "default",
            self._user(event.user_id) if event.user_id else "",
            event.latency_ms,
            status,
            event.error_type or "",
            event.http_status,
            event.stream or False,
            service_tier,
            _encode(event.tags).decode() if event.tags else "{}",
            self._context.source,
            event.session_id or "",
            event.time_to_first_token_ms,
            event.response_id or "",
        )
        rare = _rare(event)
        if rare != _NOTHING_RARE:
            self._set_rare(call, event, rare)
        if used.cost_usd is not None:
            call.reported_cost_usd = used.cost_usd
        if call.usage_estimated:
            call.usage.rule = ESTIMATED
        self._batch.calls.append((index, call))

    def _new_id(self, index: int) -> str:
        if not self._warned_no_id:
            self._warned_no_id = True
            self._batch.warn(index, "id", _NO_ID)
        return new_uuid7(self._context.now, index, self._context.random_bytes(8))

    def _provider(self, sent: str | None, model: str) -> str:
        known = self._providers.get((sent, model))
        if known is None:
            known = canonical_provider(sent) if sent else ""
            known = known or canonical_provider(self._context.infer_provider(model))
            self._providers[sent, model] = known
        return known

    def _user(self, user_id: str) -> str:
        stored = self._users.get(user_id)
        if stored is None:
            hidden = not self._context.allow_personal_ids and looks_personal(user_id)
            stored = stored_user_id(user_id, self._context.hash_key) if hidden else user_id
            self._users[user_id] = stored
        return stored

    def _set_rare(self, call: Call, event: Event, values: tuple[object, ...]) -> None:
        for name, value in zip(_RARE, values, strict=False):
            if value is not None:
                setattr(call, name, value)
        call.prompt_hash = self._hash("prompt_hash", event.prompt_hash)
        call.prompt_prefix_hash = self._hash("prompt_prefix_hash", event.prompt_prefix_hash)
        named = event.project or ""
        call.project_slug = "" if named == self._context.project_slug else named

    def _hash(self, field: str, value: str | None) -> str:
        if not value:
            return ""
        stored = self._hashes.get((field, value))
        if stored is None:
            stored = self._hashes[field, value] = keyed_hash(field, value.lower(), self._context.hash_key)
        return stored

    def _service_tier(self, event: Event, beside_usage: str, index: int, errors: list[FieldError]) -> str:
        if event.service_tier:
            tier = SERVICE_TIERS.get(event.service_tier.lower(), "")
            if not tier:
                errors.append(FieldError("service_tier", _TIERS))
            return tier
        if not beside_usage:
            return "standard"
        tier = SERVICE_TIERS.get(beside_usage.lower(), "")
        if not tier:
            self._batch.warn(index, "usage.service_tier", "is not a tier we know: taken as standard")
        return tier or "standard"


def _model(event: Event, errors: list[FieldError]) -> str:
    if event.model and not event.model.isspace():
        return event.model
    if all(error.field != "model" for error in errors):
        errors.append(FieldError("model", "is required"))
    return ""


def _check_hashes(event: Event, errors: list[FieldError]) -> None:
    if event.prompt_hash and not _HEX.fullmatch(event.prompt_hash):
        errors.append(FieldError("prompt_hash", "must be hexadecimal"))
    if event.prompt_prefix_hash and not _HEX.fullmatch(event.prompt_prefix_hash):
        errors.append(FieldError("prompt_prefix_hash", "must be hexadecimal"))


def _operation(sent: str) -> str:
    name = sent.lower()[:_LONGEST_OPERATION]  # some letters are two in lower case
    return OPERATIONS.get(name, name)


def _status(event: Event, errors: list[FieldError]) -> str:
    """Without a status, an error type or an HTTP error says that the call failed."""
    if not event.status:
        failed = event.error_type or (event.http_status or 0) >= _FIRST_ERROR_STATUS
        return "error" if failed else "ok"
    status = STATUSES.get(event.status.lower())
    if status is None:
        errors.append(FieldError("status", "must be ok or error"))
    return status or ""
