"""One call in full, as its page shows it: what was used, what each part cost, and where it came from. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from core import formats
from ingestion.models import Call
from ingestion.pricing.matching import NO_USAGE

# Label, column, depth in the tree of telemetry.md: a part is listed below the whole that contains it.
_USAGE: Final = (
    ("Input", "input_tokens", 0),
    ("Cached input", "cached_input_tokens", 1),
    ("Cache write", "cache_write_tokens", 1),
    ("of it for 1 hour", "cache_write_1h_tokens", 2),
    ("Audio input", "audio_input_tokens", 1),
    ("Cached audio input", "cached_audio_input_tokens", 2),
    ("Image input", "image_input_tokens", 1),
    ("Output", "output_tokens", 0),
    ("Reasoning", "reasoning_tokens", 1),
    ("Audio output", "audio_output_tokens", 1),
    ("Image output", "image_output_tokens", 1),
)
_COSTS: Final = (
    ("Input", "cost_input_usd"),
    ("Cached input", "cost_cached_input_usd"),
    ("Cache write", "cost_cache_write_usd"),
    ("Output", "cost_output_usd"),
    ("Reasoning", "cost_reasoning_usd"),
    ("Other", "cost_other_usd"),
)
_SOURCES: Final = {
    "rate_card": "Rate card",
    "override": "The organization's own rate",
    "reported": "Reported by the client: no rate card matches",
    "none": "Unknown: no rate card matches",
}
_SOURCES_WITHOUT_USAGE: Final = {
    "reported": "Reported by the client, who did not say what was used",
    "none": "Unknown: nobody said what the call used",
}
_USAGE_UNKNOWN: Final = "The usage of this call is not known: nobody said what it used."
_COST_UNKNOWN: Final = " Its cost is unknown, not zero."
_AS_REPORTED: Final = " The cost is what the client reported."
_ATTRIBUTION: Final = (
    ("Feature", "feature"),
    ("Team", "team"),
    ("Environment", "environment"),
    ("End user", "user_id"),
    ("Agent", "agent_name"),
    ("Prompt version", "prompt_version"),
    ("Git branch", "git_branch"),
    ("Git commit", "git_commit"),
)
_IDS: Final = (
    ("Call", "call_id"),
    ("Response", "response_id"),
    ("Upstream request", "upstream_request_id"),
    ("Trace", "trace_id"),
    ("Span", "span_id"),
    ("Parent span", "parent_span_id"),
    ("Session", "session_id"),
    ("Prompt hash", "prompt_hash"),
    ("Prompt prefix hash", "prompt_prefix_hash"),
    ("Counted with", "duplicate_of"),
)
# How the counts that were sent became the counts above (ingestion.wire.usage).
_RULES: Final = {
    "inclusive": "As sent: cached tokens are part of the input, as most senders count.",
    "estimated": "Not stated, or not all of it: what is missing was estimated as a token for every four bytes of text.",
    "inclusive-total": "As sent: the total that came along is input plus output, so the input holds the cached tokens.",
    "inclusive-shape": "As sent: this provider’s format counts cached tokens as part of the input.",
    "exclusive-cache": "More tokens were cached than input was sent, so the cached ones came on top and were added.",
    "exclusive-total": "The total that came along is input, output and cached tokens, so the cached ones were added.",
    "exclusive-shape": "This provider’s format counts cached tokens beside the input, so they were added.",
    "billed-units": "The tokens that the provider says it billed.",
    "unstated": "Nobody stated a count.",
}
_REASONING: Final = "+reasoning"
_REASONING_RULE: Final = "Reasoning came beside the output and was added to it."
_MATCHES: Final = {
    "override": "the organization’s own price for this model id",
    "alias": "the organization’s alias of this model id",
    "exact": "the model id as it was sent",
    "prefix": "the model id without its transport prefix",
    "date-dashed": "the model id with its date written with dashes",
    "suffix": "the model id without its date or version",
    NO_USAGE: "",
}


def usage_rule(rule: str) -> str:
    """How the token counts were read, in plain words; a rule that has none by its name."""
    base = rule.removesuffix(_REASONING)
    words = _RULES.get(base, base)
    return f"{words} {_REASONING_RULE}".strip() if base != rule else words


def price_match(step: str) -> str:
    """How the rate card was found, in plain words."""
    return _MATCHES.get(step, step)


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of token; ``depth`` is how far inside the whole it lies."""

    label: str
    value: str
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Fact:
    """A label, what is known, and where there is more about it."""

    label: str
    value: str
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """The sections of a call's page; empty facts are left out."""

    usage: list[Part]
    costs: list[Fact]
    pricing: list[Fact]
    request: list[Fact]
    attribution: list[Fact]
    ids: list[Fact]
    tags: list[Fact]
    notes: list[str]
    total_tokens: int
    total_cost: str


def details(call: Call, *, key_name: str, links: Mapping[str, str] | None = None) -> Details:
    """``call`` in sections; ``key_name`` is what its API key is called, ``links`` are pages by the label of a fact."""
    to = links or {}
    return Details(
        usage=_usage(call),
        costs=_costs(call),
        pricing=_linked(_pricing(call), to),
        request=_request(call),
        attribution=_linked(
            [*_facts(call, _ATTRIBUTION), *_known([("API key", key_name), ("Source", call.source)])], to
        ),
        ids=_linked(_facts(call, _IDS), to),
        tags=[Fact(str(name), str(value)) for name, value in sorted(call.tags.items())],
        notes=_notes(call),
        total_tokens=call.input_tokens + call.output_tokens,
        total_cost=exact_usd(call.cost_usd) if isinstance(call.cost_usd, Decimal) else "",
    )


def _usage(call: Call) -> list[Part]:
    listed = [(label, getattr(call, column), depth) for label, column, depth in _USAGE]
    # Input and output are always shown, their parts when there are some.
    if not call.is_usage_known:
        return [Part(label, "unknown") for label, _, depth in listed if not depth]
    parts = [Part(label, formats.count(amount), depth) for label, amount, depth in listed if amount or not depth]
    units = call.extra_units or {}
    return parts + [Part(name.replace("_", " "), str(amount)) for name, amount in sorted(units.items())]


def _costs(call: Call) -> list[Fact]:
    if call.cost_usd is None:
        return []
    known = [(label, getattr(call, column)) for label, column in _COSTS]
    return [Fact(label, exact_usd(cost)) for label, cost in known if cost]


def exact_usd(cost: Decimal) -> str:
    """Dollars with every digit: ``$0.00001234``."""
    return f"${cost.normalize():,f}"


def _pricing(call: Call) -> list[Fact]:
    return _known(
        [
            ("Cost comes from", _source(call)),
            ("Matched by", price_match(call.price_match)),
            ("Priced as", f"{call.provider} {call.model_key}" if call.rate_card_id else ""),
            ("Rate card", f"no. {call.rate_card_id}" if call.rate_card_id else ""),
            ("Reported by the client", _reported(call)),
            ("Usage read as", call.usage_rule),
            ("Which means", usage_rule(call.usage_rule)),
            ("Service tier", call.service_tier),
        ]
    )


def _source(call: Call) -> str:
    words = _SOURCES if call.is_usage_known else _SOURCES_WITHOUT_USAGE
    return words.get(call.cost_source, call.cost_source)


def _reported(call: Call) -> str:
    reported = call.reported_cost_usd
    return exact_usd(reported) if isinstance(reported, Decimal) else ""


def _request(call: Call) -> list[Fact]:
    return _known(
        [
            ("Model as sent", call.model),
            ("Model that answered", call.response_model),
            ("Provider", call.provider),
            ("Provider as sent", call.provider_raw if call.provider_raw != call.provider else ""),
            ("Operation", call.operation),
            ("Streamed", "Yes" if call.stream else "No"),
            ("Latency", formats.duration_ms(call.latency_ms, "")),
            ("Time to first token", formats.duration_ms(call.time_to_first_token_ms, "")),
            ("HTTP status", str(call.http_status or "")),
            ("Error", call.error_type),
            ("Finish reason", call.finish_reason),
            ("Retries", formats.count(call.retries, "")),
            ("Requests left", formats.count(call.ratelimit_remaining_requests, "")),
            ("Tokens left", formats.count(call.ratelimit_remaining_tokens, "")),
        ]
    )


def _notes(call: Call) -> list[str]:
    """What must be known before the numbers are trusted."""
    if not call.is_usage_known:
        return [_USAGE_UNKNOWN + (_COST_UNKNOWN if call.cost_usd is None else _AS_REPORTED)]
    notes = []
    if call.cost_source == "none":
        notes.append("No rate card matches this model: the cost is unknown, not zero.")
    if call.cost_source == "reported":
        notes.append("The cost is what the client reported; no rate card matches this model.")
    if call.usage_estimated:
        notes.append("The stream ended before its usage arrived: tokens and cost are estimates.")
    if call.usage_partial:
        notes.append("The usage is partial: the stream ended early.")
    if call.usage_inconsistent:
        notes.append("The token counts contradict each other; they are stored as they were sent.")
    return notes


def _facts(call: Call, columns: Iterable[tuple[str, str]]) -> list[Fact]:
    return _known((label, getattr(call, column)) for label, column in columns)


def _linked(facts: Iterable[Fact], to: Mapping[str, str]) -> list[Fact]:
    return [replace(fact, href=to.get(fact.label, "")) for fact in facts]


def _known(pairs: Iterable[tuple[str, str]]) -> list[Fact]:
    return [Fact(label, value) for label, value in pairs if value]
