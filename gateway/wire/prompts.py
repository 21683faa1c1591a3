"""What names a prompt without saying it, and how much text was sent. Nothing of either is kept.

The same bytes as the SDK hashes (sdk/python: ``tokenops_sdk.identity.prompt_hashes``): telemetry.md, ``prompt_hash``.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Final

_MEDIA: Final = frozenset({"data", "file_data", "b64_json", "bytes"})
_MEDIA_TYPES: Final = frozenset({"media_type", "mimeType", "mime_type", "format"})
_CONTENT: Final = ("messages", "input", "contents", "system", "tools")
# ensure_ascii off: a text that is no Unicode (half a surrogate pair) cannot be hashed, here as there.
# What was read from JSON has no circles to look for.
_canonical: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False
).encode


def prompt_hashes(model: str, request: Mapping[str, object]) -> tuple[str, str]:
    """Of the whole prompt and of how it begins; '' where there is none, or none that can be written."""
    given = {name: request[name] for name in _CONTENT if request.get(name)}
    if not given:
        return "", ""
    messages = next((given[name] for name in ("messages", "input", "contents") if name in given), None)
    first = messages[0] if isinstance(messages, list) and messages else messages
    beginning = {name: value for name, value in (("first", first), ("tools", given.get("tools"))) if value}
    return _digest({"model": model, **given}), _digest(beginning) if beginning else ""


def text_bytes(value: object) -> int:
    """UTF-8 bytes of all text in a part of a request; names of members are none, and neither is inlined media."""
    size, left = 0, [value]
    while left:  # no recursion: a body may be nested as deep as its reader allows
        part = left.pop()
        if isinstance(part, str):
            size += _size(part)
        elif isinstance(part, dict):
            left.extend(part.values() if _MEDIA.isdisjoint(part) else _beside_media(part))
        elif isinstance(part, list):
            left.extend(part)
    return size


def _size(text: str) -> int:
    if text.startswith("data:"):
        return 0
    return len(text) if text.isascii() else len(text.encode(errors="replace"))


def _beside_media(part: Mapping[str, object]) -> Iterator[object]:
    """Without the base64 of an image, a sound or a file: it is not billed by its letters."""
    is_media = not _MEDIA_TYPES.isdisjoint(part)
    return (value for name, value in part.items() if name not in _MEDIA or (name == "data" and not is_media))


def _digest(value: object) -> str:
    try:
        return hashlib.sha256(_canonical(value).encode()).hexdigest()
    except (TypeError, ValueError, RecursionError):
        return ""
