"""The filter bar as its template shows it: ranges, chips and facets, each a link or a form field. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from core.ranges import CALENDAR_RANGES, DEFAULT_RANGE, RANGES
from dashboards.filters import (
    COMPARISONS,
    DIMENSIONS,
    DUPLICATES,
    EVIDENCE,
    LABELS,
    NONE,
    SEARCHES,
    SENT_THROUGH,
    STATUSES,
    Filter,
    Option,
    Source,
)

MOST_OPTIONS: Final = 100  # that a facet lists, the most frequent ones
_SHORT: Final = {"24h": "24 h", "7d": "7 d", "30d": "30 d", "90d": "90 d"}


@dataclass(frozen=True, slots=True)
class Link:
    """A choice that is an address."""

    key: str
    text: str
    url: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Chip:
    """One value the page is narrowed to, and the address without it."""

    label: str
    value: str
    remove_url: str


@dataclass(frozen=True, slots=True)
class Facet:
    """A dimension and the values to choose from: (option, whether it is chosen).

    When the list ``is_cut``, others than the most frequent can be typed.
    """

    name: str
    label: str
    options: list[tuple[Option, bool]]
    is_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterBar:
    """Everything between the page's title and its numbers. ``facets`` is None until somebody opens the panel."""

    chosen: Filter
    ranges: list[Link]
    calendar: list[Link]
    comparisons: list[Link]
    is_custom: bool
    first_day: str
    last_day: str
    latest_day: str
    days_text: str
    hidden: Sequence[tuple[str, str]]
    options: Sequence[tuple[str, str]]
    views_url: str
    without_view_url: str
    chips: list[Chip]
    source_note: str
    clear_url: str
    panel_url: str
    statuses: list[tuple[str, str, bool]]
    sources: list[tuple[str, str, bool]]
    searches: list[tuple[str, str, str]]
    evidence: list[tuple[str, str]]
    facets: list[Facet] | None


# Where the numbers come from, when not from the sums of every dimension.
_SOURCE_NOTES: Final[dict[Source, str]] = {
    Source.ROLLUPS: "",
    Source.USERS: "From daily sums per user",
    Source.CALLS: "Read from single calls, at most 31 days",
}


def filter_bar(
    chosen: Filter,
    *,
    path: str,
    options: Mapping[str, list[Option]] | None,
    keep: Sequence[tuple[str, str]] = (),
    views_url: str = "",
    is_log: bool = False,
    is_compared: bool = True,
) -> FilterBar:
    """The bar of the page at ``path``.

    ``options`` are those of its dimensions, once they were asked for. ``keep`` is what else the page is asked, which
    changing a filter must not lose. ``views_url`` lists its saved views. A log shows calls and compares
    nothing; nor does a page that is not ``is_compared``.
    """
    today = chosen.now.astimezone(chosen.zone).date()

    def link(other: Filter, *more: tuple[str, str]) -> str:
        return address(path, other, *keep, *more)

    return FilterBar(
        chosen=chosen,
        ranges=[Link(name, short, link(chosen.with_range(name)), RANGES[name]) for name, short in _SHORT.items()],
        calendar=[Link(name, text, link(chosen.with_range(name))) for name, text in CALENDAR_RANGES.items()],
        comparisons=[*_comparisons(chosen, link)] if is_compared and not is_log else [],
        is_custom=chosen.range not in RANGES,
        first_day=chosen.period.first_day.isoformat(),
        last_day=chosen.period.last_day.isoformat(),
        latest_day=today.isoformat(),
        days_text=CALENDAR_RANGES.get(chosen.range) or chosen.period.days_text(today=today),
        hidden=[*chosen.comparison_pairs, *chosen.narrowed_by, *keep],
        options=keep,
        views_url=views_url,
        without_view_url=f"{path}?range={DEFAULT_RANGE}",
        chips=_chips(chosen, link),
        source_note=_source_note(chosen, is_log=is_log),
        clear_url=link(chosen.cleared()),
        panel_url=link(chosen, ("panel", "filters")),
        statuses=[
            ("", "Any", not chosen.status),
            *((key, text, chosen.status == key) for key, text in STATUSES.items()),
        ],
        sources=[
            ("", "Any", not chosen.one("source")),
            *((key, text, chosen.has("source", key)) for key, text in SENT_THROUGH.items()),
        ],
        searches=[(name, label, chosen.one(name)) for name, label in SEARCHES.items()],
        evidence=[pair for pair in chosen.narrowed_by if pair[0] in EVIDENCE or pair[0] == DUPLICATES],
        facets=None if options is None else [_facet(chosen, name, found) for name, found in options.items()],
    )


def _comparisons(chosen: Filter, link: Callable[[Filter], str]) -> Iterable[Link]:
    return (Link(name, text, link(chosen.with_comparison(name))) for name, text in COMPARISONS.items())


def _source_note(chosen: Filter, *, is_log: bool) -> str:
    return _SOURCE_NOTES[Source.CALLS if is_log and chosen.is_search else chosen.source]


def time_ranges(chosen: Filter, *, path: str) -> list[Link]:
    """The page at ``path`` over each of the usual ranges."""
    return [Link(name, _SHORT[name], address(path, chosen.with_range(name)), RANGES[name]) for name in RANGES]


def address(path: str, chosen: Filter, *more: tuple[str, str]) -> str:
    """The page at ``path`` with this filter, and ``more`` pairs of the query string.

    A page asked without any query may show somebody's default view, so "the last 7 days and nothing else" is written.
    """
    return f"{path}?{urlencode([*chosen.pairs, *more] or [('range', DEFAULT_RANGE)])}"


def _chips(chosen: Filter, link: Callable[[Filter], str]) -> list[Chip]:
    """One a value; of a finding's many prompts one for all."""
    chips = []
    for name, value in chosen.narrowed_by:
        values = chosen.values(name)
        if name not in EVIDENCE or len(values) == 1:
            chips.append(Chip(LABELS[name], _shown(name, value), link(chosen.without(name, value))))
        elif value == values[0]:
            chips.append(Chip(LABELS[name], f"{len(values)} prompts", link(chosen.without_all(name))))
    return chips


def _shown(name: str, value: str) -> str:
    if name == "status":
        return STATUSES.get(value, value)
    if name == "source":
        return SENT_THROUGH.get(value, value)
    if name in EVIDENCE:
        return _EVIDENCE_WORDS.get((name, value), _shortened(value))
    return "None" if value == NONE else value


_EVIDENCE_WORDS: Final = {
    ("counted", "true"): "not estimated, not twice",
    ("cost_source", "none"): "no price",
    ("cost_source", "rate_card"): "the price list",
    ("cost_source", "override"): "own prices",
    ("cost_source", "reported"): "the sender",
    ("usage_known", "true"): "known",
    ("usage_known", "false"): "unknown",
}
_SHORTENED: Final = 12


def _shortened(value: str) -> str:
    """A hash by its first characters, without the source before it."""
    found = value.rpartition(":")[2]
    return found if len(found) <= _SHORTENED else f"{found[:_SHORTENED]}…"


def _facet(chosen: Filter, name: str, found: Sequence[Option]) -> Facet:
    """Chosen values stay on the list even when the period has none of them."""
    picked = [value for label, value in chosen.narrowed_by if label == name]
    known = {option.value for option in found}
    missing = [Option(value, value, 0) for value in picked if value not in known]
    options = [(option, option.value in picked) for option in [*missing, *found]]
    return Facet(name, DIMENSIONS[name], options, is_cut=len(found) >= MOST_OPTIONS)
