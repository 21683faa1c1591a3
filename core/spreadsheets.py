"""Text for spreadsheets: what begins like a formula is a text there too."""

import csv
from collections.abc import Iterable, Iterator
from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def plain(cell: str) -> str:
    """``cell`` so that no spreadsheet runs it: a quote before what it takes for a formula (OWASP, CSV injection)."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def csv_lines(rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Each row as a line of CSV (RFC 4180), formulas made harmless."""
    writer = csv.writer(_Echo())
    for row in rows:
        yield writer.writerow([plain(cell) for cell in row])


class _Echo:
    """What the csv module writes to; it gives the line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line
