"""How numbers and times read on every page; ``static/js/formats.js`` says the same, and a test compares the two."""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from core.currencies import DOLLARS, Style

type Number = Decimal | int | float
type Direction = Literal["up", "down", "flat", "new"]

UNKNOWN = "–"
NBSP = "\u00a0"
MINUS = "−"
_SUFFIXES = ("", "K", "M", "B", "T")
_MEMORY = ("MB", "GB", "TB")
_SMALLEST = Decimal("1e-12")  # of any currency
_COMPACT_MONEY = 10_000
_HUNDRED = 100
_EMPTY_CENTS = re.compile(r"\.0+$")
_NOW_SECONDS = 5
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Delta:
    """Change against the previous period, ready to show."""

    text: str
    direction: Direction


def usd(value: Number | None, unknown: str = UNKNOWN) -> str:
    """Dollars: ``$1,234.56``; below one dollar three significant digits, so that a cost never reads as nothing."""
    return money(value, DOLLARS, unknown)


def money(value: Number | None, style: Style, unknown: str = UNKNOWN) -> str:
    """An amount of any currency, as ``usd`` writes dollars: ``€1,234.56``, ``¥15,235``, ``CHF 0.000123``."""
    if value is None:
        return unknown
    amount = _exact(value)
    size = abs(amount)
    if 0 < size < _SMALLEST:
        return f"<{style.sign}{_SMALLEST:f}"
    least = _least(size, style)
    decimals = least if size >= 1 or not size else 2 - size.adjusted()
    return _sign(amount) + style.sign + _at_least(f"{_round(size, decimals):,f}", least)


def usd_compact(value: Number | None, unknown: str = UNKNOWN) -> str:
    """Dollars where room is short (axes): ``$12.3 K`` from ten thousand on, ``$950`` without empty cents."""
    return money_compact(value, DOLLARS, unknown)


def money_compact(value: Number | None, style: Style, unknown: str = UNKNOWN) -> str:
    """An amount of any currency, as ``usd_compact`` writes dollars."""
    if value is None:
        return unknown
    amount = _exact(value)
    if abs(amount) >= _COMPACT_MONEY:
        return _sign(amount) + style.sign + _compact(abs(amount))
    return _EMPTY_CENTS.sub("", money(amount, style))


def tokens(value: Number | None, unknown: str = UNKNOWN) -> str:
    """Tokens and other large counts: ``950``, ``1.2 K``, ``12.3 M``, ``123 B``."""
    if value is None:
        return unknown
    amount = _exact(value)
    return _sign(amount) + _compact(abs(amount))


def count(value: Number | None, unknown: str = UNKNOWN) -> str:
    """Whole numbers with thousands separators: ``1,234,567``."""
    if value is None:
        return unknown
    amount = _round(_exact(value), 0)
    return _sign(amount) + f"{abs(amount):,f}"


def duration_ms(value: Number | None, unknown: str = UNKNOWN) -> str:
    """Milliseconds in the unit people think in: ``0.4 ms``, ``850 ms``, ``1.23 s``, ``2 m 05 s``, ``1 h 02 m``."""
    if value is None:
        return unknown
    amount = _exact(value)
    return _sign(amount) + _duration(abs(amount))


def megabytes(value: Number | None, unknown: str = UNKNOWN) -> str:
    """Memory in the unit people think in, steps of 1,024: ``0.5 MB``, ``212 MB``, ``1.5 GB``."""
    if value is None:
        return unknown
    amount = _exact(value)
    return _sign(amount) + _memory(abs(amount))


def percent(fraction: Number | None, unknown: str = UNKNOWN) -> str:
    """A fraction as a percentage: ``0.1234`` is ``12.3%``; something never reads as 0%."""
    if fraction is None:
        return unknown
    amount = _exact(fraction) * 100
    size = abs(amount)
    if not size:
        return "0%"
    if size < Decimal("0.05"):
        return "<0.1%"
    return _sign(amount) + f"{_round(size, _one_if_below_100(size)):,f}%"


def tokens_per_s(value: Number | None, unknown: str = UNKNOWN) -> str:
    """Speed of an answer: ``43.2 tokens/s``, ``0.4 tokens/s``, ``1.2 K tokens/s``; something never reads as 0."""
    if value is None:
        return unknown
    amount = _exact(value)
    return f"{_sign(amount)}{_speed(abs(amount))}{NBSP}tokens/s"


def delta(current: Number | None, previous: Number | None) -> Delta | None:
    """Relative change from ``previous`` to ``current``; None when either is unknown, ``new`` when it began at zero."""
    if current is None or previous is None:
        return None
    now, before = _exact(current), _exact(previous)
    if not before:
        return Delta("new", "new") if now else Delta("0%", "flat")
    change = (now - before) / abs(before)
    if abs(change) < Decimal("0.0005"):
        return Delta("0%", "flat")
    return Delta(("+" if change > 0 else "") + percent(change), "up" if change > 0 else "down")


def relative_time(moment: datetime, now: datetime) -> str:
    """``12 s ago`` up to ``29 d ago``, then the date; a moment ahead of us (clock skew) is ``in 5 min``."""
    seconds = int((now - moment).total_seconds())
    if abs(seconds) < _NOW_SECONDS:
        return "just now"
    text = _ago(abs(seconds))
    if text is None:
        return f"{moment.day} {moment:%b %Y}"
    return f"{text} ago" if seconds > 0 else f"in {text}"


def absolute_time(moment: datetime) -> str:
    """``12 Jul 2026, 14:03:22 UTC``, in the zone the moment carries."""
    return f"{moment.day} {moment:%b %Y, %H:%M:%S %Z}".rstrip()


def _exact(value: Number) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _round(value: Decimal, decimals: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def _sign(value: Decimal) -> str:
    return MINUS if value < 0 else ""


def _least(size: Decimal, style: Style) -> int:
    """Digits behind the point: the currency's own, but cents where it has none and little is spent."""
    return style.digits if size >= _HUNDRED or not size else max(style.digits, 2)


def _at_least(text: str, digits: int) -> str:
    whole, _, cents = text.partition(".")
    cents = cents.rstrip("0").ljust(digits, "0")
    return f"{whole}.{cents}" if cents else whole


def _one_if_below_100(size: Decimal) -> int:
    return 1 if size < Decimal("99.95") else 0


def _compact(size: Decimal) -> str:
    step = 0
    while size >= Decimal("999.5") and step < len(_SUFFIXES) - 1:
        size, step = size / 1000, step + 1
    decimals = _one_if_below_100(size) if step else 0
    return f"{_round(size, decimals):,f}" + (NBSP + _SUFFIXES[step] if step else "")


def _speed(size: Decimal) -> str:
    if 0 < size < Decimal("0.05"):
        return "<0.1"
    if size < Decimal("999.5"):
        return f"{_round(size, _one_if_below_100(size) if size else 0):f}"
    return _compact(size)


def _memory(size: Decimal) -> str:
    step = 0
    while size >= Decimal("1023.5") and step < len(_MEMORY) - 1:
        size, step = size / 1024, step + 1
    text = f"{_round(size, _one_if_below_100(size)):,f}".removesuffix(".0")
    return f"{text}{NBSP}{_MEMORY[step]}"


def _duration(size: Decimal) -> str:
    if size < Decimal("999.5"):
        decimals = 1 if 0 < size < Decimal("9.95") else 0
        return f"{_round(size, decimals):f}{NBSP}ms"
    seconds = size / 1000
    if seconds < Decimal("59.95"):
        return f"{_round(seconds, 2 if seconds < Decimal('9.995') else 1):f}{NBSP}s"
    whole = int(_round(seconds, 0))
    if whole < _HOUR:
        return f"{whole // 60}{NBSP}m{NBSP}{whole % 60:02d}{NBSP}s"
    return f"{whole // _HOUR:,}{NBSP}h{NBSP}{whole % _HOUR // 60:02d}{NBSP}m"


def _ago(seconds: int) -> str | None:
    for limit, size, unit in ((60, 1, "s"), (_HOUR, 60, "min"), (86_400, _HOUR, "h"), (30 * 86_400, 86_400, "d")):
        if seconds < limit:
            return f"{seconds // size}{NBSP}{unit}"
    return None
