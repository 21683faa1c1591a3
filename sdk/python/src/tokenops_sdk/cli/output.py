"""How commands answer: tables for people at a terminal, plain lines for pipes and logs, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from rich.console import Console
from rich.table import Table

_MILLION, _THOUSAND = 1_000_000, 1_000
_CENT: Final = Decimal("0.01")
_SMALLEST: Final = Decimal("0.000001")


def console(*, stderr: bool = False) -> Console:
    """Colours and boxes only on a terminal."""
    return Console(stderr=stderr, highlight=False, soft_wrap=True)


def is_terminal() -> bool:
    return sys.stdout.isatty()


def as_json(document: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def line(text: str = "") -> None:
    """A line of standard output as it is; what other people sent may hold anything, so it is not read as markup."""
    console().print(text, markup=False)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[str] = ()) -> None:
    """A table, or lines with tabs between their columns where nobody sees it."""
    if not is_terminal():
        for row in (columns, *rows):
            sys.stdout.write("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in row) + "\n")
        return
    made = Table(box=None, pad_edge=False, header_style="bold")
    right = set(numbers)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(_plain(cell) for cell in row))
    console().print(made)


def dollars(text: str | None) -> str:
    """``$1,234.50``, ``$0.000123``; an unknown cost is said to be."""
    if text is None:
        return "unknown"
    amount = Decimal(text)
    if amount == 0:
        return "$0"
    if abs(amount) >= _CENT:
        return f"${amount:,.2f}"
    return f"${amount.quantize(_SMALLEST).normalize():f}" if abs(amount) >= _SMALLEST else "< $0.000001"


def tokens(count: int | None) -> str:
    """``950``, ``12.3 K``, ``1.2 M``."""
    if count is None:
        return "-"
    if count >= _MILLION:
        return f"{count / _MILLION:,.1f} M"
    return f"{count / _THOUSAND:,.1f} K" if count >= 10 * _THOUSAND else f"{count:,}"


def _plain(text: str) -> Any:
    from rich.text import Text  # noqa: PLC0415 - only where something is drawn

    return Text(text)
