"""Ids and hashes of events: an id that sorts by time, and what names a prompt without saying it."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any, Final

_CONTENT: Final = ("messages", "input", "contents", "system", "tools")


def uuid7(unix_ms: int) -> str:
    """A UUIDv7 (RFC 9562, 5.7) of a moment in milliseconds since 1970."""
    random = secrets.randbits(74)
    value = (unix_ms & (1 << 48) - 1) << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def prompt_hashes(model: str, request: Mapping[str, Any]) -> tuple[str, str]:
    """The hashes of a whole prompt and of how it begins, '' where there is none or it cannot be written as JSON.

    SHA-256 over UTF-8 JSON with sorted keys and no spaces: of the model, the messages, the system prompt and the tools;
    and of the first message and the tools (docs of the server, telemetry). The server keys them again per organization.
    """
    given = {name: request[name] for name in _CONTENT if request.get(name)}
    if not given:
        return "", ""
    messages = next((given[name] for name in ("messages", "input", "contents") if name in given), None)
    first = messages[0] if isinstance(messages, list) and messages else messages
    beginning = {name: value for name, value in (("first", first), ("tools", given.get("tools"))) if value}
    return _digest({"model": model, **given}), _digest(beginning) if beginning else ""


def _digest(value: object) -> str:
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)
        return hashlib.sha256(text.encode()).hexdigest()
    except (TypeError, ValueError, RecursionError):
        return ""


def _plain(value: Any) -> Any:
    """Models of the provider's SDK as what they are on the wire."""
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError("no JSON")
    return dump(mode="json", exclude_none=True)
