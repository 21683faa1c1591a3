"""What names a prompt without saying it (telemetry.md): the same request hashes the same wherever it is seen."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

_CONTENT: Final = ("messages", "input", "contents", "system", "tools")
_LISTS: Final = ("messages", "input", "contents")
_encode: Final = msgspec.json.Encoder(order="sorted").encode


def prompt_hashes(model: str, request: Mapping[str, Any]) -> tuple[str, str]:
    """SHA-256 in hex over UTF-8 JSON with sorted keys and no spaces: of model, messages, system prompt and tools, and
    of the first message and the tools. '' where there is no prompt.
    """
    given = {name: request[name] for name in _CONTENT if request.get(name)}
    if not given:
        return "", ""
    messages = next((given[name] for name in _LISTS if name in given), None)
    first = messages[0] if isinstance(messages, list) and messages else messages
    beginning = {name: value for name, value in (("first", first), ("tools", given.get("tools"))) if value}
    return _digest({"model": model, **given}), _digest(beginning) if beginning else ""


def text_bytes(value: object) -> int:
    """UTF-8 bytes of all text in a request; names of fields are none."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode(errors="replace"))
    if isinstance(value, dict):
        return sum(map(text_bytes, value.values()))
    return sum(map(text_bytes, value)) if isinstance(value, list) else 0


def prompt_bytes(request: Mapping[str, Any]) -> int:
    """Those of what the model reads."""
    return sum(text_bytes(request[name]) for name in (*_CONTENT, "prompt", "systemInstruction") if name in request)


def _digest(value: object) -> str:
    return hashlib.sha256(_encode(value)).hexdigest()
