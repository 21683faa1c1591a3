"""The chart contract between pages and ``static/js/charts.js``, and the same numbers as a table for everybody else."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal, NamedTuple, NotRequired, TypedDict

from core import formats
from core.currencies import Display, Style
from core.formats import Number

type Kind = Literal["stacked-area", "stacked-bar", "line", "bar", "donut", "ranking", "heatmap"]
type MarkKind = Literal["insight", "price"]
type Unit = Literal["usd", "tokens", "count", "ms", "percent", "mb", "tokens_per_s"]

FORMATS: dict[Unit, Callable[[Number | None], str]] = {
    "usd": formats.usd,
    "tokens": formats.tokens,
    "count": formats.count,
    "ms": formats.duration_ms,
    "percent": formats.percent,
    "mb": formats.megabytes,
    "tokens_per_s": formats.tokens_per_s,
}
SUMMABLE: frozenset[Unit] = frozenset({"usd", "tokens", "count"})
OTHER: Final = 0
HUES: Final = 10
PATTERNS: Final = 4  # plain, and three that tell series of one hue apart
_WHOLES: Final[frozenset[Kind]] = frozenset({"donut", "ranking"})  # one value a series, no ``x``
_OVER_TIME: Final[frozenset[Kind]] = frozenset({"stacked-area", "stacked-bar", "line", "bar"})
_BUCKET = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d.*)?")


class Look(NamedTuple):
    """How a series is told apart: ``color_index`` 1 to 10 is a hue, 0 is "other"; ``pattern`` 0 is plain.

    Where there are more series than hues a pattern (stripes, or the dashes of a line) says which of one hue it is.
    """

    color_index: int
    pattern: int = 0


class Series(TypedDict):
    """One line, layer or slice with its ``Look``; None in ``data`` is unknown.

    ``dashed`` is for a line that is no measurement: a limit, a forecast.
    """

    name: str
    color_index: int
    data: Sequence[Number | None]
    pattern: NotRequired[int]
    dashed: NotRequired[bool]


def series(name: str, look: Look, data: Sequence[Number | None]) -> Series:
    """A series with the look it has elsewhere."""
    made: Series = {"name": name, "color_index": look.color_index, "data": data}
    return {**made, "pattern": look.pattern} if look.pattern else made


class Mark(TypedDict):
    """Something that happened in a bucket and explains its numbers, and where it is told."""

    bucket: str
    kind: MarkKind
    text: str
    href: str


class Money(TypedDict):
    """How amounts of a chart's currency are written (currencies.Style)."""

    code: str
    sign: str
    digits: int


class ChartSpec(TypedDict):
    """What a chart shows, without how. ``x`` holds buckets on the organization's wall clock
    (``2026-07-12`` or ``2026-07-12T14:00:00+02:00``) or plain labels; a donut and a ranking have one value a series and
    no ``x``; of a heat map ``x`` are the columns and the series the rows. With ``partial`` the last bucket is not over.
    ``unsummed`` are means, limits and totals so far, whose sum means nothing. ``marks`` are of charts over time.
    ``money`` is the currency of unit "usd" when it is another one: see ``converted``.
    """

    kind: Kind
    unit: Unit
    x: Sequence[str]
    series: Sequence[Series]
    total: NotRequired[Number | None]
    partial: NotRequired[bool]
    money: NotRequired[Money]
    unsummed: NotRequired[bool]
    marks: NotRequired[Sequence[Mark]]


@dataclass(frozen=True, slots=True)
class Legend:
    """One entry below the chart's title."""

    name: str
    color_index: int
    total: str
    pattern: int = 0


@dataclass(frozen=True, slots=True)
class Scale:
    """What the palest and the strongest colour of a heat map stand for."""

    low: str
    high: str


@dataclass(frozen=True, slots=True)
class MarkLine:
    """A mark as a line of text below the table."""

    when: str
    kind: MarkKind
    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Table:
    """A chart as rows of text: the first column is the bucket or label."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def converted(spec: ChartSpec, display: Display) -> ChartSpec:
    """The chart in the currency that costs are shown in; a chart of anything else, or of dollars, as it is."""
    if spec["unit"] != "usd" or not display.is_converted:
        return spec

    def convert(value: Number | None) -> Decimal | None:
        return None if value is None else display.of(value if isinstance(value, Decimal) else Decimal(str(value)))

    series: list[Series] = [{**one, "data": [convert(value) for value in one["data"]]} for one in spec["series"]]
    money: Money = {"code": display.code, "sign": display.style.sign, "digits": display.style.digits}
    changed: ChartSpec = {**spec, "series": series, "money": money}
    if "total" in spec:
        changed["total"] = convert(spec["total"])
    return changed


def annotated(spec: ChartSpec, marks: Iterable[Mark]) -> ChartSpec:
    """The chart with the marks of its buckets."""
    shown = [mark for mark in marks if mark["bucket"] in spec["x"]]
    return {**spec, "marks": shown} if shown else spec


def _shows(spec: ChartSpec) -> Callable[[Number | None], str]:
    """How the chart's numbers are written."""
    if "money" not in spec:
        return FORMATS[spec["unit"]]
    style = Style(spec["money"]["sign"], spec["money"]["digits"])
    return lambda value: formats.money(value, style)


def legend(spec: ChartSpec) -> list[Legend]:
    """Series names with their sums; a sum of latencies, shares or running totals means nothing, so those have none."""
    return [Legend(s["name"], s["color_index"], _total(spec, s["data"]), s.get("pattern", 0)) for s in spec["series"]]


def table(spec: ChartSpec) -> Table:
    """The numbers of a chart, formatted as its tooltip formats them."""
    show = _shows(spec)
    if spec["kind"] in _WHOLES:
        return Table(("Name", "Value"), tuple((s["name"], show(s["data"][0])) for s in spec["series"]))
    first = "Time" if _has_buckets(spec) else "Name"
    columns = (first, *(series["name"] for series in spec["series"]))
    rows = ((_row_name(spec, i), *(show(s["data"][i]) for s in spec["series"])) for i in range(len(spec["x"])))
    return Table(columns, tuple(rows))


def is_over_time(spec: ChartSpec) -> bool:
    """Whether the chart has a time axis, which can be zoomed and marked."""
    return spec["kind"] in _OVER_TIME and bool(spec["x"]) and _has_buckets(spec)


def so_far(spec: ChartSpec) -> str:
    """Which bucket is not over, for the legend; nothing when all are."""
    return _row_name(spec, len(spec["x"]) - 1) if spec.get("partial") and is_over_time(spec) else ""


def scale(spec: ChartSpec) -> Scale | None:
    """What the colours of a heat map mean; None of any other chart."""
    if spec["kind"] != "heatmap":
        return None
    show = _shows(spec)
    known = [value for one in spec["series"] for value in one["data"] if value is not None]
    return Scale(show(min(known)), show(max(known))) if known else None


def mark_lines(spec: ChartSpec) -> list[MarkLine]:
    """The marks as text, in the order of time."""
    marks = sorted(spec.get("marks", ()), key=lambda mark: spec["x"].index(mark["bucket"]))
    return [MarkLine(bucket_label(m["bucket"]), m["kind"], m["text"], m["href"]) for m in marks]


def is_empty(spec: ChartSpec) -> bool:
    """Whether there is nothing to draw: no series, or only zeros and unknowns."""
    return not any(value for series in spec["series"] for value in series["data"])


def bucket_label(bucket: str) -> str:
    """``12 Jul`` for a day, ``12 Jul, 14:00`` for a shorter bucket, the text itself for a label."""
    if not _BUCKET.fullmatch(bucket):
        return bucket
    moment = datetime.fromisoformat(bucket)
    day = f"{moment.day} {moment:%b}"
    return f"{day}, {moment:%H:%M}" if "T" in bucket else day


def _has_buckets(spec: ChartSpec) -> bool:
    return all(_BUCKET.fullmatch(x) for x in spec["x"])


def _row_name(spec: ChartSpec, place: int) -> str:
    is_running = spec.get("partial") and place == len(spec["x"]) - 1
    return bucket_label(spec["x"][place]) + (" so far" if is_running else "")


def _total(spec: ChartSpec, data: Sequence[Number | None]) -> str:
    known = [value for value in data if value is not None]
    if spec["unit"] not in SUMMABLE or spec.get("unsummed") or not known:
        return ""
    return _shows(spec)(sum(known))
