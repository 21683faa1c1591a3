"""A list as its template shows it: columns that can be sorted by, rows, pages, and an address for each choice. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import ceil
from typing import Final, Self

from core import formats
from core.formats import Number
from dashboards.bars import address
from dashboards.charts import has_begun
from dashboards.filters import Filter
from dashboards.groups.totals import Totals
from dashboards.numbers import NOTHING

PAGE_ROWS: Final = 100
LONGEST_SEARCH: Final = 100
_SLOW_TOKENS: Final = 10

type Query = Mapping[str, Sequence[str]]
type Measure = Callable[["Entry"], Number | None]
type Show = Callable[[Number | None], str]


@dataclass(frozen=True, slots=True)
class Column:
    """What can be sorted by. ``css`` says on which screens there is room for it."""

    key: str
    label: str
    measure: Measure
    show: Show
    css: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a row is about, before it is text. ``parts`` are the rows that this one sums up, where they are shown.

    ``wire_name`` is what calls call a feature, ``group`` what it is shown as part of; a group's own row is unfolded and
    folded at ``toggle_url``.
    """

    name: str
    totals: Totals
    note: str = ""
    url: str = ""
    wire_name: str = ""
    group: str = ""
    toggle_url: str = ""
    costs: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    before_cost_usd: Decimal = NOTHING
    parts: Sequence["Entry"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row: ``cells`` are (text, css) in the order of the columns."""

    entry: Entry
    cells: list[tuple[str, str]]
    share: float | None
    spark: list[Number | None]
    parts: list["Line"]

    @property
    def unpriced(self) -> str:
        """What is missing from the cost, in words."""
        count = self.entry.totals.unpriced_calls
        return f"{formats.count(count)} unpriced" if count and self.entry.totals.priced_calls else ""


@dataclass(frozen=True, slots=True)
class Header:
    """The head of a column; ``order`` is the value of aria-sort, '' where the list is sorted by another one."""

    label: str
    url: str
    order: str
    css: str
    title: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What a query string says of the list itself: order, page and what is looked for."""

    sort: str
    is_reversed: bool = False
    page: int = 1
    text: str = ""

    @classmethod
    def parse(cls, query: Query, columns: Sequence[Column]) -> Self:
        """Read a query string; what cannot be used is the default: the first column, the first page."""
        given = _first(query, "sort")
        sort = given.removeprefix("-")
        known = sort == "name" or any(column.key == sort for column in columns)
        page = _first(query, "page")
        return cls(
            sort=sort if known else columns[0].key,
            is_reversed=known and given.startswith("-"),
            page=max(int(page), 1) if page.isascii() and page.isdigit() and len(page) < len("1000") else 1,
            text=_first(query, "q").replace("\0", "")[:LONGEST_SEARCH],
        )

    def pairs(self, default: str) -> list[tuple[str, str]]:
        """As a query string says it; the usual order needs no words."""
        sort = f"-{self.sort}" if self.is_reversed else self.sort
        found = [("q", self.text)] if self.text else []
        return found + ([("sort", sort)] if sort != default else [])


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Everything of the list. ``hidden`` are the fields a search form keeps."""

    name_header: Header
    headers: list[Header]
    lines: list[Line]
    wish: Wish
    hidden: list[tuple[str, str]]
    clear_url: str
    summary: str
    newer_url: str
    older_url: str


def columns(chosen: Filter, *, show_cost: Show, has_earlier: bool) -> list[Column]:
    """Everything that is known of calls; of calls of one status, how many there are.

    ``has_earlier`` says whether there are numbers to compare with.
    """
    if chosen.status:
        label = {"ok": "Calls without error", "error": "Calls with an error"}[chosen.status]
        return [
            Column("calls", label, _of(lambda totals: totals.with_status(chosen.status)), formats.count),
            Column("errors", "Error rate", _of(lambda totals: totals.error_rate), formats.percent),
        ]
    change = [Column("change", "Change", _change, lambda value: _signed(value, show_cost), "hide-s", _AGAINST)]
    return [
        Column("cost", "Cost", _of(lambda totals: totals.known_cost_usd), show_cost),
        *(change if has_earlier else []),
        Column("per-call", "Per call", _of(lambda totals: totals.cost_per_call), show_cost, "hide-s", _PRICED),
        Column("calls", "Calls", _of(lambda totals: totals.calls), formats.count),
        Column("tokens", "Tokens", _of(lambda totals: totals.all_tokens), formats.tokens, "hide-s", "In and out"),
        Column("cached", "Cached", _of(lambda totals: totals.cached_share), formats.percent, "hide-m", "Of input"),
        Column("errors", "Errors", _of(lambda totals: totals.error_rate), formats.percent, "hide-s", "Of calls"),
        Column("p50", "p50", _of(lambda totals: totals.p50_ms), formats.duration_ms, "hide-m", "Median latency"),
        Column("p95", "p95", _of(lambda totals: totals.p95_ms), formats.duration_ms, "hide-m", "95th percentile"),
        Column("first-token", "TTFT", _of(lambda totals: totals.first_token_ms), formats.duration_ms, "hide-m", _TTFT),
        Column("speed", "Tok/s", _of(lambda totals: totals.tokens_per_second), _speed, "hide-m", _SPEED),
    ]


def _of(measure: Callable[[Totals], Number | None]) -> Measure:
    return lambda entry: measure(entry.totals)


def _change(entry: Entry) -> Number | None:
    """More or less spent than in the period before; unknown where the cost is."""
    cost = entry.totals.known_cost_usd
    return None if cost is None else cost - entry.before_cost_usd


def _signed(value: Number | None, show: Show) -> str:
    """A plus before what is more; as safe as the text is, which may be markup."""
    text = show(value)
    return type(text)("+") + text if value is not None and value > 0 else text


_AGAINST: Final = "Against the period before"
_PRICED: Final = "Cost of a priced call"
_SPEED: Final = "Output tokens a second"
_TTFT: Final = "Median time to the first token"


def table(
    entries: Sequence[Entry],
    found: Sequence[Column],
    *,
    wish: Wish,
    chosen: Filter,
    path: str,
    total: Totals,
    noun: str,
    cut: int,
) -> Table:
    """``entries`` in the wished order, the wished page of them. ``cut`` is how many of ``noun`` there are besides."""
    ordered = _sorted(entries, found, wish)
    pages = max(ceil(len(ordered) / PAGE_ROWS), 1)
    page = min(wish.page, pages)
    shown = ordered[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
    default = found[0].key

    def url(pairs: Sequence[tuple[str, str]], number: int = 1) -> str:
        return address(path, chosen, *pairs, *([("page", str(number))] if number > 1 else []))

    def header(key: str, label: str, css: str = "", title: str = "") -> Header:
        is_active = wish.sort == key
        turned = Wish(key, is_active and not wish.is_reversed, 1, wish.text)
        is_ascending = (key == "name") != wish.is_reversed
        order = ("ascending" if is_ascending else "descending") if is_active else ""
        return Header(label, url(turned.pairs(default)), order, css, title)

    return Table(
        name_header=header("name", noun.capitalize()),
        headers=[header(column.key, column.label, column.css, column.title) for column in found],
        lines=[_line(entry, found, chosen, total) for entry in shown],
        wish=wish,
        hidden=[*chosen.pairs, *Wish(wish.sort, wish.is_reversed).pairs(default)],
        clear_url=url(Wish(wish.sort, wish.is_reversed).pairs(default)),
        summary=_summary(len(ordered), page, cut, noun),
        newer_url=url(wish.pairs(default), page - 1) if page > 1 else "",
        older_url=url(wish.pairs(default), page + 1) if page < pages else "",
    )


def _sorted(entries: Sequence[Entry], found: Sequence[Column], wish: Wish) -> list[Entry]:
    """What is not known comes last in either direction; equals are in the order of their names."""
    by_name = sorted(entries, key=lambda entry: (entry.name.casefold(), entry.note))
    if wish.sort == "name":
        return by_name[::-1] if wish.is_reversed else by_name
    measure = next(column.measure for column in found if column.key == wish.sort)
    known = [(value, entry) for entry in by_name if (value := measure(entry)) is not None]
    unknown = [entry for entry in by_name if measure(entry) is None]
    known.sort(key=lambda pair: pair[0], reverse=not wish.is_reversed)
    return [entry for _, entry in known] + unknown


def _line(entry: Entry, found: Sequence[Column], chosen: Filter, total: Totals) -> Line:
    return Line(
        entry=entry,
        cells=[(column.show(column.measure(entry)), column.css) for column in found],
        share=_share(entry.totals, total, chosen),
        spark=_spark(entry, chosen),
        parts=[_line(part, found, chosen, total) for part in entry.parts],
    )


def _share(part: Totals, whole: Totals, chosen: Filter) -> float | None:
    """Of the spend, or of the calls of the chosen status; unknown where a cost is."""
    if chosen.status:
        return part.with_status(chosen.status) / (whole.with_status(chosen.status) or 1)
    return float(part.cost_usd / whole.cost_usd) if whole.cost_usd and part.known_cost_usd is not None else None


def _spark(entry: Entry, chosen: Filter) -> list[Number | None]:
    """The shape of the cost over the buckets that have begun; of the calls where there is no cost."""
    if chosen.status:
        return []
    values: Mapping[str, Number] = entry.costs if any(entry.costs.values()) else entry.counts
    return [values.get(bucket, 0) for bucket in chosen.period.buckets() if has_begun(bucket, chosen)]


def _summary(listed: int, page: int, cut: int, noun: str) -> str:
    rest = f", and {formats.count(cut)} smaller ones that are not listed" if cut else ""
    if listed <= PAGE_ROWS:
        return f"{formats.count(listed)} {noun}{'' if listed == 1 else 's'}{rest}"
    first, last = (page - 1) * PAGE_ROWS + 1, min(page * PAGE_ROWS, listed)
    return f"{formats.count(first)} – {formats.count(last)} of {formats.count(listed)} {noun}s{rest}"


def _speed(value: Number | None) -> str:
    if value is None or value >= _SLOW_TOKENS:
        return formats.count(None if value is None else round(value))
    return f"{value:.1f}"


def _first(query: Query, name: str) -> str:
    return next((text for value in query.get(name, ()) if (text := value.strip())), "")
