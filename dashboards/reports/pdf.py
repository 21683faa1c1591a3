"""The report as PDF, typeset by Typst, with every font it needs embedded (docs/adr/0019-reports-on-paper.md).

It takes a tenth of a second of a processor, so only workers call it.
"""

import json
import re
from dataclasses import asdict
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import typst

from dashboards.reports.document import Cell, Document, Table

MOST_BYTES: Final = 5_000_000
TEMPLATE: Final = Path(__file__).with_name("report.typ")
# Packages that carry nothing but a font: the product's own, then one for each script that it does not have.
_FONTS: Final = (
    "fontpkg_space_grotesk",
    "fontpkg_noto_sans",
    "fontpkg_noto_sans_arabic",
    "fontpkg_heebo",
    "fontpkg_noto_sans_thai",
    "cvttf_NotoSansCJK_Regular",
)
_SHORT, _LONG = 12, 60  # characters of a column
_LONG_WORD: Final = re.compile(r"\S{24}(?=\S{8})")


class PdfError(Exception):
    """The report cannot be brought to paper; the text is for people."""


def render(document: Document, *, made_at: datetime) -> bytes:
    """The same document gives the same bytes.

    :raises PdfError: it could not be typeset, or became larger than MOST_BYTES.
    """
    data = json.dumps(_data(document), ensure_ascii=False)
    try:
        made = typst.compile(
            TEMPLATE,
            font_paths=fonts(),
            ignore_system_fonts=True,
            format="pdf",
            sys_inputs={"report": data},
            timestamp=int(made_at.timestamp()),
        )
    except typst.TypstError as error:
        raise PdfError("The PDF could not be made.") from error
    assert isinstance(made, bytes)  # noqa: S101 - of this format, and without an output file
    if len(made) > MOST_BYTES:
        raise PdfError("The PDF became too large. Choose fewer sections.")
    return made


@cache
def fonts() -> typst.Fonts:
    """Ours alone: what a machine has installed must not decide how a report looks."""
    directories = [directory for package in _FONTS for directory in _directories(package)]
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=directories)


def _directories(package: str) -> list[str]:
    root = Path(str(resources.files(package)))
    return sorted({str(path.parent) for suffix in ("ttf", "otf") for path in root.rglob(f"*.{suffix}")})


def _data(document: Document) -> dict[str, Any]:
    made: dict[str, Any] = _breakable(asdict(document))
    for section, source in zip(made["sections"], document.sections, strict=True):
        if source.table is not None:
            section["table"]["widths"] = _widths(source.table)
    return made


def _widths(table: Table) -> list[int]:
    """Shares of the paper's width; 0 is as wide as what is in it, which is right for numbers and short words."""
    longest = [max(_length(row[place]) for row in table.rows) for place in range(len(table.columns))]
    widths = [
        0 if column.is_number or length <= _SHORT else min(length, _LONG)
        for column, length in zip(table.columns, longest, strict=True)
    ]
    return widths if any(widths) else [1, *widths[1:]]


def _length(cell: Cell) -> int:
    return _LONG if cell.share is not None else max(len(cell.text), len(cell.note))


def _breakable(value: Any) -> Any:
    """The same with a place to break in every word that is too long for a line; pictures stay as they are."""
    if isinstance(value, dict):
        return {name: one if name == "svg" else _breakable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_breakable(one) for one in value]
    return _LONG_WORD.sub(lambda found: f"{found[0]}\u200b", value) if isinstance(value, str) else value
