"""What a proxied call used, as its event says it: the provider's own counts, else an estimate that says so."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Raw

from gateway.types import Ask, Outcome, Seen, Stated
from ingestion.wire.amounts import MAX_COUNT
from ingestion.wire.tolerant import FieldProblem, read_anything
from ingestion.wire.usage_reader import UsageError
from ingestion.wire.usage_shapes import ParsedUsage, parse_usage

_BYTES_A_TOKEN: Final = 4
_FIRST_ERROR: Final = 400
_LONGEST: Final = 20_000  # bytes of a usage object that ingestion reads
_TOTALS: Final = ("total_tokens", "totalTokenCount", "totalTokens")  # of which an estimate is no part
_OUTPUTS: Final = ("output_tokens", "candidatesTokenCount", "outputTokens", "completion_tokens")
_COSTS: Final = ("cost", "cost_in_usd_ticks", "cost_details")
_ESTIMATED: Final = frozenset({"chat", "completion", "embedding"})  # others are billed by what no text tells
_decode: Final = msgspec.json.Decoder(dict[str, Raw]).decode

type Members = Mapping[str, Raw]
type _Few = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT // 10)]  # whatever is added up stays below what is allowed


class _Parts(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    cached_tokens: _Few | None = None
    audio_tokens: _Few | None = None
    reasoning_tokens: _Few | None = None
    accepted_prediction_tokens: _Few | None = None
    rejected_prediction_tokens: _Few | None = None


class _Chat(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """OpenAI's usage of a chat, and of everybody who copied it, with nothing more in it."""

    prompt_tokens: _Few
    completion_tokens: _Few
    total_tokens: _Few | None = None
    prompt_tokens_details: _Parts | None = None
    completion_tokens_details: _Parts | None = None


_decode_chat: Final = msgspec.json.Decoder(_Chat).decode


def used(*, ask: Ask, seen: Seen, outcome: Outcome, http_status: int, provider: str) -> dict[str, Any]:
    """Members of the event.

    A call that failed before anything was answered used nothing that anybody knows. Where a picture or a sound came
    without counts the event has none either, and says that this is not all: ingestion makes an unknown cost of it.
    """
    if stated := _readable(seen.usage, provider):
        return _stated(stated, seen)
    if http_status >= _FIRST_ERROR or _never_answered(outcome, http_status):
        return {}
    if ask.operation not in _ESTIMATED:
        return {"usage_partial": True}
    read = {"input_tokens": estimate(ask.text_bytes), "usage_estimated": True}
    return read | ({"output_tokens": estimate(seen.text_bytes)} if seen.is_readable else {"usage_partial": True})


def estimate(size: int) -> int:
    """⌈bytes of text ÷ 4⌉."""
    return min(-(-max(size, 0) // _BYTES_A_TOKEN), MAX_COUNT)


def _never_answered(outcome: Outcome, http_status: int) -> bool:
    return outcome in {Outcome.UNREACHABLE, Outcome.TIMEOUT, Outcome.BROKEN} and not http_status


def _stated(stated: Members, seen: Seen) -> dict[str, Any]:
    if seen.stated is Stated.INPUT:  # it ended before it said what it wrote
        name = next((known for known in _OUTPUTS if known in stated), "output_tokens")
        kept = {key: value for key, value in stated.items() if key not in _TOTALS}
        written = max(estimate(seen.text_bytes), _whole(stated.get(name)))
        return {"usage": {**kept, name: written}, "usage_estimated": True}
    is_cut = not seen.is_whole and seen.stated is not Stated.ALL
    return {"usage": stated} | ({"usage_partial": True} if is_cut else {})


def _readable(usage: bytes, provider: str) -> Members:
    """The usage object as ingestion takes it; nothing where it would refuse the event for it.

    A cost of 0 is left out: it is what a provider says that does not say what it charges.
    """
    members = _members(usage)
    if len(usage) <= _LONGEST and _is_plain_chat(usage):
        return members
    parsed = _parsed(members, provider)
    if parsed is not None and (parsed.cost_usd is None or parsed.cost_usd):
        return members
    without = {name: value for name, value in members.items() if name not in _COSTS}
    return without if parsed is not None or _parsed(without, provider) is not None else {}


def _is_plain_chat(usage: bytes) -> bool:
    """Most are, and ingestion refuses none of these: to see that so takes a fraction of the time."""
    try:
        _decode_chat(usage)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _members(usage: bytes) -> Members:
    try:
        return _decode(usage) if usage else {}
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}


def _parsed(members: Members, provider: str) -> ParsedUsage | None:
    """None: ingestion cannot read it."""
    if not members:
        return None
    try:
        found = read_anything(msgspec.json.encode(members), longest=_LONGEST)
        return parse_usage(found, provider) if isinstance(found, dict) else None
    except (FieldProblem, UsageError, msgspec.DecodeError, UnicodeError):
        return None


def _whole(value: Raw | None) -> int:
    try:
        return msgspec.json.decode(value, type=int) if value is not None else 0
    except msgspec.DecodeError:
        return 0
