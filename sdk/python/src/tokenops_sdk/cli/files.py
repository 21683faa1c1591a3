"""Lines of a file as events: NDJSON and CSV read piece by piece, whatever the size. Errors name the line."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TextIO

_NUMBERS: Final = frozenset({"latency_ms", "time_to_first_token_ms"})
_FLAGS: Final = {"true": True, "false": False, "1": True, "0": False}
_FLAG_NAMES: Final = frozenset({"stream", "usage_partial", "usage_estimated"})
_OBJECTS: Final = frozenset({"tags", "usage", "extra_units"})


def events(path: Path) -> Iterator[dict[str, Any]]:
    """The events of a file, which its name says is CSV, or which holds a JSON object a line.

    :raises ValueError: the file cannot be read, or a line is no event; the message says which.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _rows(file, path) if path.suffix.lower() == ".csv" else _lines(file, path)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {type(error).__name__}.") from error


def _lines(file: TextIO, path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: this is no JSON.") from error
        if not isinstance(found, dict):
            raise ValueError(f"{path}, line {number}: an event is a JSON object.")
        yield found


def _rows(file: TextIO, path: Path) -> Iterator[dict[str, Any]]:
    reader = csv.DictReader(file)
    try:
        for row in reader:
            yield {name: _value(name, text) for name, text in row.items() if name and text not in {None, ""}}
    except (csv.Error, ValueError) as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}.") from error


def _value(name: str, text: str) -> Any:
    """A cell as the event's field wants it. ids stay text, also when they look like numbers."""
    if name in _OBJECTS:
        return json.loads(text)
    if name in _FLAG_NAMES:
        return _FLAGS.get(text.lower(), text)
    if name in _NUMBERS:
        return float(text)
    return int(text) if name.endswith("_tokens") or name in {"http_status", "retries"} else text
