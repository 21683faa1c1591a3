"""What to do about each reason for a refusal, in words. Pure."""

from dataclasses import dataclass
from typing import Final

from ingestion.store import OTHER
from ingestion.wire.refused import Kind


@dataclass(frozen=True, slots=True)
class Advice:
    """What went wrong as a sentence's beginning, and what to do about it."""

    title: str
    hint: str


_REQUESTS: Final[dict[str, Advice]] = {
    "malformed-body": Advice(
        "The body could not be read",
        "Send one JSON event, an array of them, or one event a line as application/x-ndjson; /v1/traces takes traces"
        " only. The answer's detail names the mistake.",
    ),
    "incomplete-body": Advice("The body ended too early", "The client gave up while sending: look at its timeout."),
    "too-large": Advice(
        "The request was too large",
        "Send smaller batches: at most 5,000 events and 10 MB a request, 32 MB for traces, after decompression.",
    ),
    "unsupported-media-type": Advice(
        "The body was in a form that is not read",
        "Use application/json, application/x-ndjson or, for traces, application/x-protobuf; compress with gzip, deflate"
        " or zstd, or not at all.",
    ),
    "invalid-idempotency-key": Advice(
        "The Idempotency-Key could not be used", "Send one key of 1 to 255 characters with each request."
    ),
    "idempotency-key-reused": Advice(
        "An Idempotency-Key came again with another body",
        "Make a new key for each new request and keep it for retries.",
    ),
    "idempotency-key-in-use": Advice(
        "A request came again while the first one was running", "Nothing is lost: the first one is stored."
    ),
    "missing-scope": Advice(
        "The API key may not send telemetry", "Use a key with the scope “Send telemetry”, or create one."
    ),
    "other-project": Advice(
        "The API key belongs to another project",
        "Leave the project out, or use that project's key or a key of the organization.",
    ),
    "timeout": Advice("The body did not arrive in time", "Send smaller batches, or look at the network between."),
    "unstorable": Advice("The database refused the events", "Tell whoever runs this TokenOps: the log says more."),
    "rate-limited": Advice("More was sent than the key may send", "Wait as long as Retry-After says; send in batches."),
    "too-many-requests": Advice(
        "More was sent than the key may send", "Wait as long as Retry-After says; send in batches."
    ),
    "quota-exceeded": Advice(
        "The month's quota of events is used up", "Raise the quota, or send less: everything until then is stored."
    ),
}
_FIELDS: Final[dict[str, str]] = {
    "": "Each event is a JSON object; each span has its attributes as a list of key and value.",
    "model": "Send the model's name as the provider knows it. It is the only field every event needs.",
    "timestamp": "Send the start of the call: RFC 3339 with an offset, or the epoch in seconds or milliseconds.",
    "id": "Send a UUIDv7, or any other id of at most 64 characters together with a timestamp.",
    "project": "Name one of the organization's projects by its slug, or set a default project. One that is archived or"
    " about to be deleted takes nothing.",
    "status": "Send ok or error; what kind of error it was belongs in error_type.",
    "service_tier": "Send the tier the provider was asked for, or leave the field out.",
    "tags": "Send at most 20 keys of 50 characters with values of 200. Long texts do not belong into tags.",
    "cost_usd": "Send US dollars as a decimal number, as text or as a number.",
    "extra_units": 'Send numbers by the catalogue\'s names of units, as in {"web_searches": 2}.',
}
_USAGE: Final = "Send the provider's usage object as it is, or the counts as whole numbers from 0 to 1,000,000,000."
_TIMESTAMPS: Final = (
    ("older", "Events are taken as far back as the project keeps calls: see Retention in its settings."),
    ("ahead", "The sender's clock is fast. Set it with NTP, or send the time at which the call began."),
    ("UUIDv7", "An id that is no UUIDv7 says nothing about the time: send a timestamp with it."),
    ("start time", "Spans need a start time: the instrumentation that made them does not set one."),
)
_ANY: Final = "Compare the field with its row in the API reference."


def advice(kind: str, field: str, reason: str) -> Advice:
    """About one row of the table."""
    if OTHER in {field, reason}:
        return Advice("Other reasons", "There were too many different ones in an hour to count each of them.")
    if kind == Kind.REQUEST:
        unnamed = Advice(reason.replace("-", " ").capitalize(), "The answer's detail says what to do.")
        return _REQUESTS.get(reason, unnamed)
    return Advice(reason, _hint(field, reason))


def _hint(field: str, reason: str) -> str:
    if field == "timestamp":
        return next((hint for word, hint in _TIMESTAMPS if word in reason), _FIELDS[field])
    if field.partition(".")[0] == "usage" or field.lower().endswith("tokens"):
        return _USAGE
    return _FIELDS.get(field, _ANY)
