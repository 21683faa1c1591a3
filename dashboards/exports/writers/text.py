"""CSV, JSON and NDJSON: what the database has written, and what belongs around it. Pure."""

import json
from typing import ClassVar, Final

from core.spreadsheets import csv_lines
from dashboards.exports.writers.types import Content, Read, Rendering, State


class CsvWriter:
    """Lines of CSV (RFC 4180, UTF-8), the first with the names. Formulas are made harmless.

    A line about the file is no CSV: with ``note`` it begins with ``#``, which most programs can be told to leave out.
    """

    rendering: ClassVar[Rendering] = Rendering.SAFE_CSV
    pages: ClassVar[int] = 2

    def __init__(self, content: Content, state: State) -> None:
        self._content = content
        self.state = state

    def begin(self) -> bytes:
        about = " · ".join(f"{name}: {text}" for name, text in self._content.about)
        note = f"# {' '.join(about.split())}\n" if self._content.note else ""
        names = "".join(csv_lines([[column.name for column in self._content.columns]])).replace("\r\n", "\n")
        return (note + names).encode()

    def rows(self, page: bytes) -> bytes:
        return page

    def end(self, read: Read) -> bytes:
        return b""


class NdjsonWriter:
    """One JSON object a line; with ``note`` the first has ``about`` and no row."""

    rendering: ClassVar[Rendering] = Rendering.JSON
    pages: ClassVar[int] = 2

    def __init__(self, content: Content, state: State) -> None:
        self._content = content
        self.state = state

    def begin(self) -> bytes:
        return _dumped({"about": dict(self._content.about)}) + b"\n" if self._content.note else b""

    def rows(self, page: bytes) -> bytes:
        return page

    def end(self, read: Read) -> bytes:
        return b""


class JsonWriter:
    """One object: ``about`` says what the file was made of, ``rows`` is the array."""

    rendering: ClassVar[Rendering] = Rendering.JSON
    pages: ClassVar[int] = 2

    def __init__(self, content: Content, state: State) -> None:
        self._content = content
        self.state: State = {"rows": False} | state

    def begin(self) -> bytes:
        return b'{"about": ' + _dumped(dict(self._content.about)) + b', "rows": ['

    def rows(self, page: bytes) -> bytes:
        """A line break inside of a row would be escaped, so every one of them ends a row."""
        if not page:
            return b""
        before = _BETWEEN if self.state["rows"] else b"\n"
        self.state["rows"] = True
        return before + page.removesuffix(b"\n").replace(b"\n", _BETWEEN)

    def end(self, read: Read) -> bytes:
        return b"\n]}\n"


_BETWEEN: Final = b",\n"


def _dumped(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
