"""Charts as SVG, drawn on the server: the same picture on paper, in a mail's attachment and without scripts. Pure.

Colours and sizes are attributes, because a page's policy allows no inline style and a file knows no style sheet.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from typing import Final

WIDTH, HEIGHT = 720, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 4, 12, 26
_TICKS: Final = 4
_MOST_LABELS: Final = 8
_GAP: Final = 0.28  # of a bar's place
_WIDEST: Final = 48
_FONT: Final = 'font-family="Space Grotesk, Noto Sans, sans-serif" font-size="11"'
_BAR, _GRID, _TEXT, _UNKNOWN = "#3567de", "#e8e6e3", "#6c6e77", "#cbc9c4"
_STEPS: Final = tuple(map(Decimal, ("1", "2", "2.5", "5", "10")))


@dataclass(frozen=True, slots=True)
class Point:
    """One bar; None is unknown, which is drawn as a hollow stub."""

    label: str
    value: Decimal | None


def bars(points: Sequence[Point], *, write: Callable[[Decimal], str], title: str) -> str:
    """Bars over time from zero on, with amounts as ``write`` writes them."""
    top = _nice_top(max((point.value for point in points if point.value is not None), default=Decimal(0)))
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box}>',
        *_grid(top, write),
        *_bars(points, top),
        *_labels(points),
        "</svg>",
    ]
    return "".join(parts)


def _nice_top(largest: Decimal) -> Decimal:
    """The end of the axis: the first of 1, 2, 2.5, 5 and 10 times a power of ten that holds the largest value."""
    if largest <= 0:
        return Decimal(1)
    power = Decimal(1).scaleb(largest.adjusted())
    return next(step * power for step in _STEPS if step * power >= largest)


def _grid(top: Decimal, write: Callable[[Decimal], str]) -> list[str]:
    lines = []
    for tick in range(_TICKS + 1):
        y = _y(top * tick / _TICKS, top)
        lines.append(f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_GRID}"/>')
        text = escape(write(top * tick / _TICKS))
        lines.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="{_TEXT}" {_FONT}>{text}</text>')
    return lines


def _bars(points: Sequence[Point], top: Decimal) -> list[str]:
    place = _place(points)
    width = min(place * (1 - _GAP), _WIDEST)
    return [
        _bar(_LEFT + place * (number + 0.5) - width / 2, width, point.value, top) for number, point in enumerate(points)
    ]


def _bar(x: float, width: float, value: Decimal | None, top: Decimal) -> str:
    floor = HEIGHT - _BOTTOM
    if value is None:
        return (
            f'<rect x="{x:.1f}" y="{floor - 10}" width="{width:.1f}" height="10" fill="none" stroke="{_UNKNOWN}"'
            ' stroke-dasharray="3 2"/>'
        )
    y = _y(value, top)
    if value and floor - y < 1:
        y = floor - 1.0  # little is not nothing
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{max(0.0, floor - y):.1f}" rx="1.5" fill="{_BAR}"/>'
    )


def _labels(points: Sequence[Point]) -> list[str]:
    """As many as there is room for, the first one always."""
    place, every = _place(points), max(1, math.ceil(len(points) / _MOST_LABELS))
    return [
        f'<text x="{_LEFT + place * (number + 0.5):.1f}" y="{HEIGHT - 8}" text-anchor="middle" fill="{_TEXT}" {_FONT}>'
        f"{escape(point.label)}</text>"
        for number, point in enumerate(points)
        if number % every == 0
    ]


def _place(points: Sequence[Point]) -> float:
    return (WIDTH - _LEFT - _RIGHT) / max(1, len(points))


def _y(value: Decimal, top: Decimal) -> float:
    return HEIGHT - _BOTTOM - float(value / top) * (HEIGHT - _BOTTOM - _TOP)
