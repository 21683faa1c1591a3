"""Excel workbooks: rows on the first sheet, what they are on the second. Pure.

The library makes a workbook of the head and one sample row; this writes the rows in the sample's place, a page at a
time, because the library cannot go on with what another process began.
"""

import csv
import io
import re
import zipfile
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final
from xml.sax.saxutils import escape

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from core.spreadsheets import plain
from dashboards.exports.writers import zipped
from dashboards.exports.writers.types import Column, Content, Kind, Read, Rendering, State, WriteError

MOST_ROWS: Final = 1_048_575  # and one for the names
TOO_MANY_ROWS: Final = "A sheet of Excel has room for 1,048,575 rows. Narrow the filter, or export as CSV or Parquet."
_TOO_LARGE: Final = "This is too much for one workbook. Export fewer columns, or as CSV or Parquet."
_ROWS, _ABOUT = "Rows", "About"
_SHEET: Final = "xl/worksheets/sheet1.xml"
_FORMATS: Final = {Kind.MOMENT: "yyyy-mm-dd hh:mm:ss.000", Kind.MONEY: "0.00##################"}
_WIDTHS: Final = {Kind.TEXT: 24, Kind.JSON: 36, Kind.MOMENT: 23}
_EPOCH: Final = datetime(1899, 12, 30, tzinfo=UTC)  # day 0 of Excel's calendar, after its 1900-02-29
_DAY: Final = timedelta(days=1)
_MADE: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - the library wants no zone; the same rows give the same file
_SAMPLE: Final = re.compile(r'<row r="2".*?</row>', re.DOTALL)
_STYLE: Final = re.compile(r'<c r="([A-Z]+)2" s="(\d+)"')
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]|_x[0-9A-Fa-f]{4}_")


class XlsxWriter:
    """Moments are UTC with milliseconds. A cell's number has 15 digits to Excel; the file has all of them."""

    rendering: ClassVar[Rendering] = Rendering.SAFE_CSV
    pages: ClassVar[int] = 1

    def __init__(self, content: Content, state: State) -> None:
        self._content = content
        self.state = state
        before, self._after, styles = _sheet(content)
        self._before = before.encode()
        self._cells = [_cell(one.kind, xl_col_to_name(at), styles) for at, one in enumerate(content.columns)]
        self._member = zipped.Member(**state["member"]) if state else zipped.Member(_SHEET, 0)

    def begin(self) -> bytes:
        members, directory, entries = zipped.split(_without_rows(_workbook(self._content)))
        self._member = zipped.Member(_SHEET, len(members))
        self.state |= {"row": 1, "directory": b64encode(directory).decode(), "entries": entries}
        return members + self._member.head() + self._add(self._before)

    def rows(self, page: bytes) -> bytes:
        return self._add("".join(self._lines(page)).encode())

    def end(self, read: Read) -> bytes:
        data = self._add(self._after.encode()) + self._member.end()
        head = len(self._member.head())
        trailer = 16  # bytes of the member's sizes behind it
        directory = b64decode(self.state["directory"]) + self._member.entry()
        offset = self._member.offset + head + self._member.compressed + trailer
        return data + zipped.closing(directory, entries=self.state["entries"] + 1, offset=offset)

    def _add(self, data: bytes) -> bytes:
        try:
            packed = self._member.add(data)
        except zipped.TooLargeError as error:
            raise WriteError(_TOO_LARGE) from error
        self.state["member"] = self._member.state()
        return packed

    def _lines(self, page: bytes) -> Iterator[str]:
        number: int = self.state["row"]
        for fields in csv.reader(io.StringIO(page.decode(), newline="")):
            number += 1
            # A row of nothing but one empty field is an empty line.
            pairs = zip(self._cells, fields or [""], strict=True)
            cells = "".join([cell(text, number) for cell, text in pairs if text])
            yield f'<row r="{number}">{cells}</row>'
        if number > MOST_ROWS + 1:
            raise WriteError(TOO_MANY_ROWS)
        self.state["row"] = number


type Cell = Callable[[str, int], str]


def _cell(kind: Kind, letters: str, styles: dict[str, str]) -> Cell:
    """How a field of this column is written, given its row."""
    style = f' s="{styles[letters]}"' if letters in styles else ""

    def text(field: str, row: int) -> str:
        return f'<c r="{letters}{row}" t="inlineStr"><is><t xml:space="preserve">{_escaped(field)}</t></is></c>'

    def number(field: str, row: int) -> str:
        is_finite = field[-1].isdigit()  # the database also knows NaN and Infinity
        return f'<c r="{letters}{row}"{style}><v>{field}</v></c>' if is_finite else text(field, row)

    def moment(field: str, row: int) -> str:
        day = (datetime.fromisoformat(field) - _EPOCH) / _DAY
        return f'<c r="{letters}{row}"{style}><v>{day:.9f}</v></c>'

    def flag(field: str, row: int) -> str:
        return f'<c r="{letters}{row}" t="b"><v>{int(field == "true")}</v></c>'

    numbers = dict.fromkeys((Kind.INTEGER, Kind.NUMBER, Kind.MONEY), number)
    return (numbers | {Kind.MOMENT: moment, Kind.FLAG: flag}).get(kind, text)


def _escaped(text: str) -> str:
    """For XML; what that cannot hold, as Excel writes it (ECMA-376, ST_Xstring)."""
    return escape(_CONTROL.sub(lambda found: _hidden(found[0]), text))


def _hidden(found: str) -> str:
    return f"_x005F{found}" if len(found) > 1 else f"_x{ord(found):04X}_"


def _workbook(content: Content) -> bytes:
    """A workbook with the names, one sample row and the second sheet."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False}) as book:
        book.set_properties({"created": _MADE})
        bold = book.add_format({"bold": True})
        formats = {kind: book.add_format({"num_format": text}) for kind, text in _FORMATS.items()}
        rows, about = book.add_worksheet(_ROWS), book.add_worksheet(_ABOUT)
        rows.freeze_panes(1, 0)
        for at, column in enumerate(content.columns):
            _head(rows, at, column, bold, formats)
        about.set_column(0, 0, 24, bold)
        about.set_column(1, 1, 100)
        for line, (name, text) in enumerate(content.about):
            about.write_string(line, 0, plain(name))
            about.write_string(line, 1, plain(text))
    return file.getvalue()


def _head(sheet: Any, at: int, column: Column, bold: Any, formats: dict[Kind, Any]) -> None:
    sheet.set_column(at, at, _WIDTHS.get(column.kind, max(12, len(column.name) + 2)))
    sheet.write_string(0, at, column.name, bold)
    sheet.write_number(1, at, 0, formats.get(column.kind))


def _sheet(content: Content) -> tuple[str, str, dict[str, str]]:
    """The first sheet up to its rows and after them, and the style of each column that has one."""
    with zipfile.ZipFile(io.BytesIO(_workbook(content))) as archive:
        text = archive.read(_SHEET).decode()
    text = re.sub(r"<dimension [^>]*/>", "", text)  # how many rows there will be is not known
    before, after = _SAMPLE.split(text, maxsplit=1)
    sample = text[len(before) : len(text) - len(after)]
    return before, after, dict(_STYLE.findall(sample))


def _without_rows(workbook: bytes) -> bytes:
    """The same archive without its first sheet."""
    kept = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive, zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as made:
        for name in archive.namelist():
            if name != _SHEET:
                made.writestr(zipfile.ZipInfo(name), archive.read(name), zipfile.ZIP_DEFLATED)
    return kept.getvalue()
