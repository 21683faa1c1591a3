"""From an answer of a provider's SDK, whole or piece by piece, to :class:`Facts`. Pure; text is measured, not kept."""

from typing import Any, Protocol

from tokenops_sdk.recording import Facts


class Reader(Protocol):
    """Reads one provider's answers. ``piece`` says whether the piece carried output."""

    def whole(self, answer: Any, facts: Facts) -> None: ...

    def piece(self, piece: Any, facts: Facts) -> bool: ...


class OpenAIChat:
    """Chat completions, completions and embeddings, of OpenAI and whoever speaks like it.

    The usage of a stream is in whichever chunk has one, also beside choices that are not empty.
    """

    def whole(self, answer: Any, facts: Facts) -> None:
        _identify(answer, facts)
        facts.usage = getattr(answer, "usage", None)
        for choice in getattr(answer, "choices", None) or ():
            facts.finish_reason = _text(getattr(choice, "finish_reason", None)) or facts.finish_reason

    def piece(self, piece: Any, facts: Facts) -> bool:
        _identify(piece, facts)
        if (usage := getattr(piece, "usage", None)) is not None:
            facts.usage = usage
        size = 0
        for choice in getattr(piece, "choices", None) or ():
            facts.finish_reason = _text(getattr(choice, "finish_reason", None)) or facts.finish_reason
            size += _size_of_choice(choice)
        facts.output_bytes += size
        return size > 0


class Mistral(OpenAIChat):
    """As OpenAI; what a stream yields wraps the chunk."""

    def piece(self, piece: Any, facts: Facts) -> bool:
        return super().piece(getattr(piece, "data", piece), facts)


class OpenAIResponses:
    """The responses API: the last event of a stream holds the whole response, whose counts are cumulative."""

    def whole(self, answer: Any, facts: Facts) -> None:
        _identify(answer, facts)
        facts.usage = getattr(answer, "usage", None)
        incomplete = getattr(answer, "incomplete_details", None)
        facts.finish_reason = _text(getattr(incomplete, "reason", None)) or _text(getattr(answer, "status", None))

    def piece(self, piece: Any, facts: Facts) -> bool:
        if (response := getattr(piece, "response", None)) is not None:
            self.whole(response, facts)
        delta = getattr(piece, "delta", None)
        if not isinstance(delta, str):
            return False
        facts.output_bytes += _size(delta)
        return True


class Anthropic:
    """Messages. A stream states what was read in ``message_start`` and restates the counts so far later: the last
    value of each counts, none is added.
    """

    def whole(self, answer: Any, facts: Facts) -> None:
        _identify(answer, facts)
        facts.usage = getattr(answer, "usage", None)
        facts.finish_reason = _text(getattr(answer, "stop_reason", None))

    def piece(self, piece: Any, facts: Facts) -> bool:
        kind = getattr(piece, "type", "")
        if kind == "message_start":
            self.whole(piece.message, facts)
            facts.usage, facts.states_output = _known(facts.usage), False
        elif kind == "message_delta":
            facts.usage, facts.states_output = {**(facts.usage or {}), **_known(getattr(piece, "usage", None))}, True
            facts.finish_reason = _text(getattr(piece.delta, "stop_reason", None)) or facts.finish_reason
        elif kind == "content_block_delta":
            texts = (getattr(piece.delta, name, None) for name in ("text", "partial_json", "thinking"))
            facts.output_bytes += sum(_size(text) for text in texts)
            return True
        return False


class Google:
    """``generateContent`` of Gemini; every chunk of a stream repeats the counts so far, and the last wins."""

    def whole(self, answer: Any, facts: Facts) -> None:
        self.piece(answer, facts)
        facts.states_output = True  # an answer that was blocked, or an embedding, has none

    def piece(self, piece: Any, facts: Facts) -> bool:
        facts.response_id = _text(getattr(piece, "response_id", None)) or facts.response_id
        facts.response_model = _text(getattr(piece, "model_version", None)) or facts.response_model
        if (usage := getattr(piece, "usage_metadata", None)) is not None:
            facts.usage, facts.output_name = usage, "candidatesTokenCount"
            facts.states_output = getattr(usage, "candidates_token_count", None) is not None
        size = 0
        for candidate in getattr(piece, "candidates", None) or ():
            reason = getattr(candidate, "finish_reason", None)
            facts.finish_reason = _text(getattr(reason, "value", reason)) or facts.finish_reason
            parts = getattr(getattr(candidate, "content", None), "parts", None) or ()
            size += sum(_size(getattr(part, "text", None)) for part in parts)
        facts.output_bytes += size
        return size > 0


def _identify(answer: Any, facts: Facts) -> None:
    facts.response_id = _text(getattr(answer, "id", None)) or facts.response_id
    facts.response_model = _text(getattr(answer, "model", None)) or facts.response_model
    facts.service_tier = _text(getattr(answer, "service_tier", None)) or facts.service_tier


def _size_of_choice(choice: Any) -> int:
    """Bytes of all that a choice of a chunk adds: text, refusals, reasoning, arguments of tools."""
    delta = getattr(choice, "delta", None)
    texts = [getattr(choice, "text", None)]
    texts += [getattr(delta, name, None) for name in ("content", "refusal", "reasoning_content", "reasoning")]
    texts += [getattr(call.function, "arguments", None) for call in getattr(delta, "tool_calls", None) or ()]
    return sum(_size(text) for text in texts)


def _known(usage: Any) -> dict[str, Any]:
    """A usage object's counts that are there."""
    if usage is None:
        return {}
    given = usage if isinstance(usage, dict) else usage.model_dump(mode="json")
    return {name: value for name, value in given.items() if value is not None}


def _size(text: Any) -> int:
    return len(text.encode(errors="replace")) if isinstance(text, str) else 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
