"""How commands answer: tables for people at a terminal, plain lines for pipes and logs, JSON for programs.

What is shown was sent by others, so nothing of it may steer a terminal: only what can be seen is written.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final, TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

Update = Callable[[str, int, "int | None"], None]
_MILLION, _THOUSAND = 1_000_000, 1_000
_CENT: Final = Decimal("0.01")
_SMALLEST: Final = Decimal("0.000001")


def console(stream: TextIO) -> Console:
    """Colours and movement only on a terminal, whatever ``FORCE_COLOR`` of a build says; Rich obeys ``NO_COLOR``."""
    return Console(file=stream, force_terminal=stream.isatty(), highlight=False, emoji=False, markup=False)


def is_terminal() -> bool:
    return sys.stdout.isatty()


def as_json(document: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json_text(document, indent=2) + "\n")


def json_text(document: Any, *, indent: int | None = None) -> str:
    """JSON in letters that standard output can write."""
    is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    return json.dumps(document, indent=indent, ensure_ascii=not is_unicode)


def line(text: str = "") -> None:
    """A line of standard output, as long as it is."""
    sys.stdout.write(f"{plain(text)}\n")


def note(text: str) -> None:
    """A line beside the answer, for people: standard error, so that whoever reads the answer does not read it."""
    sys.stderr.write(f"{plain(text)}\n")


def complain(text: str) -> None:
    """Why the command fails."""
    note(f"tokenops: {text}")


def plain(text: str) -> str:
    """The text without what steers terminals: control characters, escapes, changes of direction."""
    spaced = text.replace("\t", " ").replace("\u00a0", " ")
    return "".join(letter for letter in spaced if letter.isprintable() or letter == "\n")


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Iterable[str] = (),
    styles: Mapping[str, str] | None = None,
) -> None:
    """A table that fits the terminal, or lines as long as they are where there is none.

    ``numbers`` are the columns that are read from the right; ``styles`` maps what a cell says to its colour.
    """
    cells = [[plain(cell).replace("\n", " ") for cell in row] for row in rows]
    right = [name in set(numbers) for name in columns]
    if is_terminal():
        console(sys.stdout).print(_drawn(columns, cells, right, styles or {}))
        return
    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    for row in (columns, *cells):
        padded = map(_padded, row, widths, right)
        sys.stdout.write("  ".join(padded).rstrip() + "\n")


def _drawn(columns: Sequence[str], rows: list[list[str]], right: list[bool], styles: Mapping[str, str]) -> Table:
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column, is_right in zip(columns, right, strict=True):
        made.add_column(column, justify="right" if is_right else "left", overflow="fold", no_wrap=is_right)
    for row in rows:
        made.add_row(*(Text(cell, style=styles.get(cell, "")) for cell in row))
    return made


def _padded(text: str, width: int, is_right: bool) -> str:
    blanks = " " * (width - cell_len(text))
    return blanks + text if is_right else text + blanks


def fitted(text: str, width: int) -> str:
    """The text in exactly so many columns of a terminal, where letters of some scripts take two."""
    shown = plain(text)
    if cell_len(shown) > width:
        shown = set_cell_size(shown, width - 1) + "…"
    return set_cell_size(shown, width)


@contextmanager
def progress(text: str) -> Iterator[Update]:
    """Shows on standard error how far something is, while somebody sees it: ``update(text, done, total)``."""
    columns = (TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=console(sys.stderr), transient=True, disable=not sys.stderr.isatty()) as shown:
        task = shown.add_task(text, total=None)

        def update(text: str, done: int, total: int | None) -> None:
            shown.update(task, description=text, completed=done, total=total)

        yield update


def dollars(text: str | None) -> str:
    """``$1,234.50``, ``$0.000123``; an unknown cost is said to be."""
    if text is None:
        return "unknown"
    amount = Decimal(text)
    if amount == 0:
        return "$0"
    sign = "-" if amount < 0 else ""
    if abs(amount) >= _CENT:
        return f"{sign}${abs(amount):,.2f}"
    return f"{sign}${abs(amount).quantize(_SMALLEST).normalize():f}" if abs(amount) >= _SMALLEST else "< $0.000001"


def tokens(count: int | None) -> str:
    """``950``, ``12.3 K``, ``1.2 M``."""
    if count is None:
        return "-"
    if count >= _MILLION:
        return f"{count / _MILLION:,.1f} M"
    return f"{count / _THOUSAND:,.1f} K" if count >= 10 * _THOUSAND else f"{count:,}"


def size(count: int) -> str:
    """``950 bytes``, ``12.3 kB``, ``4.1 MB``."""
    if count >= _MILLION:
        return f"{count / _MILLION:,.1f} MB"
    return f"{count / _THOUSAND:,.1f} kB" if count >= _THOUSAND else f"{count:,} {'byte' if count == 1 else 'bytes'}"


def counted(count: int, one: str, many: str = "") -> str:
    """``1 call``, ``1,200 calls``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def flush() -> None:
    """Show what was written now: pipes would wait for more of it."""
    sys.stdout.flush()
