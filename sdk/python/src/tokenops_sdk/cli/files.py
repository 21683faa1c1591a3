"""Lines of a file as events: NDJSON and CSV read piece by piece, whatever the size. Errors name the line."""

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TextIO

from tokenops_sdk.cli.errors import FileError

STANDARD_INPUT: Final = Path("-")
_NUMBERS: Final = frozenset({"latency_ms", "time_to_first_token_ms"})
_FLAGS: Final = {"true": True, "false": False, "1": True, "0": False}
_FLAG_NAMES: Final = frozenset({"stream", "usage_partial", "usage_estimated"})
_OBJECTS: Final = frozenset({"tags", "usage", "extra_units"})


def events(path: Path) -> Iterator[dict[str, Any]]:
    """The events of a file, which its name says is CSV, or which holds a JSON object a line; ``-`` is standard input.

    :raises FileError: the file cannot be read, or a line is no event; the message says which.
    """
    try:
        if path == STANDARD_INPUT:
            yield from _lines(sys.stdin, "standard input")
            return
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from (_rows if path.suffix.lower() == ".csv" else _lines)(file, str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{path} cannot be read: {_why(error)}.") from error


def _why(error: OSError | UnicodeDecodeError) -> str:
    return "it is no UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error.strerror)


def _lines(file: TextIO, name: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except ValueError as error:
            raise FileError(f"{name}, line {number}: this is no JSON.") from error
        if not isinstance(found, dict):
            raise FileError(f"{name}, line {number}: an event is a JSON object.")
        yield found


def _rows(file: TextIO, name: str) -> Iterator[dict[str, Any]]:
    reader = csv.DictReader(file)
    try:
        for row in reader:
            yield dict(_cells(row, f"{name}, line {reader.line_num}"))
    except csv.Error as error:
        raise FileError(f"{name}, line {reader.line_num}: {error}.") from error


def _cells(row: dict[str, Any], place: str) -> Iterator[tuple[str, Any]]:
    for name, text in row.items():
        if not name or not text:  # None is the name of cells that have no column
            continue
        try:
            yield name, _value(name, text)
        except ValueError as error:
            raise FileError(f"{place}: {name} cannot be read as what it should be.") from error


def _value(name: str, text: str) -> Any:
    """A cell as the event's field wants it. ids stay text, also when they look like numbers."""
    if name in _OBJECTS:
        return json.loads(text)
    if name in _FLAG_NAMES:
        return _FLAGS.get(text.lower(), text)
    if name in _NUMBERS:
        return float(text)
    return int(text) if name.endswith("_tokens") or name in {"http_status", "retries"} else text
