"""The provider's id of a response: two instrumentations around one call are found to be one by it."""

import re
from typing import Final

from ingestion.wire.otlp import names
from ingestion.wire.otlp.spans import Attributes, Value
from ingestion.wire.otlp.values import first_text, json_value

_LONGEST: Final = 255
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:\-]{3,254}", re.ASCII)  # an identifier, never a text
# OpenAI's own answer; LangChain's result, streamed or not.
_PLACES: Final = (
    ("id",),
    ("llm_output", "id"),
    ("generations", 0, 0, "message", "kwargs", "response_metadata", "id"),
)


def response_id(attributes: Attributes) -> str:
    """As the span says it, else, from OpenInference, as the raw response has it; ``''`` when nobody knows."""
    found = first_text(attributes, names.RESPONSE_ID, _LONGEST)
    if found or names.RAW_RESPONSE not in attributes:
        return found
    return _in_response(attributes[names.RAW_RESPONSE])


def _in_response(raw: Value) -> str:
    if not isinstance(raw, str) or not raw.startswith("{"):
        return ""
    response = json_value(raw)
    for place in _PLACES:
        found = _at(response, place)
        if isinstance(found, str) and _ID.fullmatch(found):
            return found
    return ""


def _at(value: object, place: tuple[str | int, ...]) -> object:
    for step in place:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and len(value) > step else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value
