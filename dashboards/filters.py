"""What a page shows, read from its query string and written back to it: pure, and never an error page."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Self
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from core.periods import Granularity, Period
from core.ranges import (
    CUSTOM,
    DEFAULT_RANGE,
    EXACT,
    RANGES,
    compared_period,
    named_period,
    range_days,
    read_range,
    year_before,
)

SEARCH_DAYS: Final = 31

# Dimensions of rollups; each may have several values, any of which matches.
DIMENSIONS: Final[dict[str, str]] = {
    "project": "Project",
    "team": "Team",
    "provider": "Provider",
    "model": "Model",
    "feature": "Feature",
    "environment": "Environment",
    "key": "API key",
}
STATUSES: Final[dict[str, str]] = {"ok": "OK", "error": "Error"}
# Only calls themselves know these, except users, which have daily sums of their own.
SEARCHES: Final[dict[str, str]] = {"trace": "Trace", "session": "Session", "user": "User", "tag": "Tag"}
# The way a call came, which only calls know.
SENT_THROUGH: Final[dict[str, str]] = {
    "sdk": "SDK",
    "rest": "REST",
    "otlp": "OpenTelemetry",
    "gateway": "Gateway",
    "import": "Import",
}
# What findings of rules are proved by; links lead to them, nobody types them.
EVIDENCE: Final[dict[str, str]] = {
    "counted": "Counted",
    "prompt": "Prompt",
    "prefix": "Prompt begins",
    "below": "Tokens below",
    "cost_source": "Cost from",
    "usage_known": "Usage",
}
# Which records of calls the log lists. Numbers count a call once whatever it says, so nothing but the log looks at it.
DUPLICATES: Final = "duplicates"
WITHOUT: Final = "without"
LABELS: Final[dict[str, str]] = {
    **DIMENSIONS,
    "status": "Status",
    **SEARCHES,
    "source": "Sent through",
    DUPLICATES: "Duplicates",
    **EVIDENCE,
}
# What the numbers of the period are compared with.
COMPARISONS: Final[dict[str, str]] = {
    "previous": "Period before",
    "year": "Same days last year",
    "none": "Nothing",
}
DEFAULT_COMPARISON: Final = "previous"
_ONLY_IN_CALLS: Final = frozenset({*SEARCHES, "source", *EVIDENCE})
# What daily sums by user know; anything else of a user is in calls.
_OF_USERS: Final = frozenset({"user", "project", "provider", "model", "status", DUPLICATES})
_SEVERAL: Final = frozenset({*DIMENSIONS, "prompt", "prefix"})
_COST_SOURCES: Final = frozenset({"rate_card", "override", "reported", "none"})
# Every name of a field on the wire (telemetry.md) finds its filter.
ALIASES: Final[dict[str, str]] = {
    "endpoint_name": "feature",
    "endpointName": "feature",
    "model_key": "model",
    "env": "environment",
    "api_key": "key",
    "trace_id": "trace",
    "traceId": "trace",
    "session_id": "session",
    "sessionId": "session",
    "user_id": "user",
    "userId": "user",
}
NONE: Final = "(none)"  # how a URL says "has no team"
TIME_NAMES: Final = frozenset({"range", "from", "to", "since", "until"})
_KNOWN: Final = frozenset({*LABELS, *TIME_NAMES, "compare"})
_MOST_VALUES: Final = 50
_MOST_PROMPTS: Final = 100  # as many as a finding names
_LONGEST_NUMBER: Final = 12
_LONGEST_VALUE: Final = 255

type Query = Mapping[str, Iterable[str]]


class Source(StrEnum):
    """Which rows answer a filter: sums by every dimension, daily sums by user, or calls one by one."""

    ROLLUPS = "rollups"
    USERS = "users"
    CALLS = "calls"


@dataclass(frozen=True, slots=True)
class Option:
    """A value a filter can be narrowed to, as a URL and as a person writes it, and how many calls have it."""

    value: str
    label: str
    calls: int


@dataclass(frozen=True, slots=True)
class Opened:
    """The saved view a filter was read from, and whether it is somebody's default."""

    view_id: int
    name: str
    is_default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A time range, and ``narrowed_by``: (name of ``LABELS``, value) pairs in the order of the query string.

    ``compare`` is one of ``COMPARISONS``. ``hidden`` are ids of projects that whoever asks may not see. ``problems``
    are sentences about parts of the query that were left out. ``opened`` is the saved view it came from, if it did.
    """

    range: str
    period: Period
    now: datetime
    narrowed_by: tuple[tuple[str, str], ...] = ()
    compare: str = DEFAULT_COMPARISON
    hidden: tuple[int, ...] = ()
    problems: tuple[str, ...] = field(default=(), compare=False)
    opened: Opened | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, query: Query, *, now: datetime, zone: ZoneInfo) -> Self:
        """Read a query string (name to its values). What cannot be used becomes a problem and a sane default."""
        values, problems = _values(query)
        name, period, problem = read_range(values, now=now, zone=zone)
        if problem:
            problems.insert(0, problem)
        problems += _drop_invalid(values)
        return cls(
            range=name,
            period=period,
            now=now,
            narrowed_by=tuple((label, value) for label in LABELS for value in _kept(values, label)),
            compare=_first(values, "compare") or DEFAULT_COMPARISON,
            problems=tuple(problems),
        )

    @classmethod
    def of_pairs(cls, pairs: Iterable[Iterable[str]], *, now: datetime, zone: ZoneInfo) -> Self:
        """The filter that was kept as ``pairs`` (JSON's lists of two texts too); read as a query string is."""
        query: dict[str, list[str]] = {}
        for name, value in pairs:
            query.setdefault(name, []).append(value)
        return cls.parse(query, now=now, zone=zone)

    @property
    def granularity(self) -> Granularity:
        return self.period.granularity

    @property
    def zone(self) -> ZoneInfo:
        return self.period.zone

    @property
    def is_compared(self) -> bool:
        """Whether numbers of an earlier period are wanted beside these."""
        return self.compare != "none"

    @property
    def previous(self) -> Period:
        """The period that numbers are compared with, if they are (``is_compared``)."""
        if self.compare == "year":
            return year_before(self.period, now=self.now)
        return compared_period(self.range, self.period, now=self.now)

    @property
    def source(self) -> Source:
        """Which rows answer it; calls only over ``SEARCH_DAYS``, see ``for_calls``."""
        names = {name for name, _ in self.narrowed_by}
        if not names & _ONLY_IN_CALLS:
            return Source.ROLLUPS
        is_daily = self.granularity is Granularity.DAY and self.period.is_whole_days
        is_of_users = names <= _OF_USERS and "" not in self.values("user")  # who is nobody has no daily sums
        return Source.USERS if is_of_users and is_daily else Source.CALLS

    @property
    def status(self) -> str:
        """``ok``, ``error`` or, for both, the empty text."""
        return self.one("status")

    @property
    def is_search(self) -> bool:
        """Whether the log cannot find its days in rollups of every dimension."""
        return any(name in _ONLY_IN_CALLS for name, _ in self.narrowed_by)

    def values(self, name: str) -> tuple[str, ...]:
        """The chosen values as they are stored: "has none" is the empty text."""
        return tuple("" if value == NONE else value for label, value in self.narrowed_by if label == name)

    def one(self, name: str) -> str:
        """The value of a filter that takes only one, or the empty text."""
        return next(iter(self.values(name)), "")

    def has(self, name: str, stored: str) -> bool:
        """Whether this stored value of a dimension was chosen."""
        return stored in self.values(name)

    def query(self) -> str:
        """The canonical query string, without the question mark; parsing it again gives the same filter."""
        return urlencode(self.pairs)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The same as (name, value) pairs, for hidden fields of a form and to be kept as JSON: see ``of_pairs``."""
        return [*self.time_pairs, *self.narrowed_by]

    @property
    def time_pairs(self) -> list[tuple[str, str]]:
        """The time range and what it is compared with, as (name, value) pairs."""
        return [*self.range_pairs, *self.comparison_pairs]

    @property
    def comparison_pairs(self) -> list[tuple[str, str]]:
        """What it is compared with as (name, value) pairs; the default needs none."""
        return [] if self.compare == DEFAULT_COMPARISON else [("compare", self.compare)]

    @property
    def range_pairs(self) -> list[tuple[str, str]]:
        """The time range as (name, value) pairs of the query string; the default range needs none."""
        if self.range == EXACT:
            return [("since", self.period.start.isoformat()), ("until", self.period.end.isoformat())]
        if self.range == CUSTOM:
            return [("from", self.period.first_day.isoformat()), ("to", self.period.last_day.isoformat())]
        return [] if self.range == DEFAULT_RANGE else [("range", self.range)]

    def with_range(self, name: str) -> Self:
        """The same filter over one of ``RANGES`` or ``CALENDAR_RANGES``."""
        return replace(self, range=name, period=named_period(name, now=self.now, zone=self.zone))

    def with_comparison(self, name: str) -> Self:
        """The same filter beside one of ``COMPARISONS``."""
        return replace(self, compare=name)

    def widened(self) -> Self | None:
        """The same filter over the next longer range, or None when there is none."""
        longer = (name for name in RANGES if range_days(name) > self.period.day_count)
        name = next(longer, None)
        return self.with_range(name) if name else None

    def without(self, name: str, value: str) -> Self:
        """The same filter without one pair of ``narrowed_by``."""
        return replace(self, narrowed_by=tuple(pair for pair in self.narrowed_by if pair != (name, value)))

    def without_all(self, name: str) -> Self:
        """The same filter without any value of this name."""
        return replace(self, narrowed_by=tuple(pair for pair in self.narrowed_by if pair[0] != name))

    def only(self, **stored: str) -> Self:
        """The same filter with each named dimension narrowed to one stored value."""
        chosen = {name: value or NONE for name, value in stored.items()}
        kept = {name: [value for label, value in self.narrowed_by if label == name] for name in LABELS}
        kept |= {name: [value] for name, value in chosen.items()}
        return replace(self, narrowed_by=tuple((name, value) for name in LABELS for value in kept[name]))

    def cleared(self) -> Self:
        """The same time range and nothing else."""
        return replace(self, narrowed_by=())

    def for_rollups(self) -> Self:
        """Without what rollups cannot answer; the problem says so."""
        if not self.is_search:
            return self
        kept = tuple(pair for pair in self.narrowed_by if pair[0] not in _ONLY_IN_CALLS)
        problem = (
            "Trace, session, user, tag and source filters work in the calls log; the numbers here are without them."
        )
        if not any(name in SEARCHES or name == "source" for name, _ in self.narrowed_by):
            problem = "What proves a finding is filtered in the calls log; the numbers here are without it."
        return replace(self, narrowed_by=kept, problems=(*self.problems, problem))

    def for_log(self) -> Self:
        """Within the days a search of calls may read: the latest of a longer range; the problem says so."""
        return self._capped() if self.is_search else self

    def for_calls(self) -> Self:
        """The same for pages that read calls only when neither rollups nor sums by user know."""
        return self._capped() if self.source is Source.CALLS else self

    def _capped(self) -> Self:
        if self.period.day_count <= SEARCH_DAYS:
            return self
        last = min(self.period.last_day, self.now.astimezone(self.zone).date())
        period = Period.of_days(last - timedelta(days=SEARCH_DAYS - 1), last, self.zone)
        problem = f"Trace, session, user, tag and source filters read at most {SEARCH_DAYS} days: the latest are shown."
        return replace(self, range=CUSTOM, period=period, problems=(*self.problems, problem))


def is_known(name: str) -> bool:
    """Whether a name of a query string is the filter's, as LABELS or the wire have it."""
    return ALIASES.get(name, name) in _KNOWN


def _values(query: Query) -> tuple[dict[str, list[str]], list[str]]:
    """Usable values by canonical name, without repeats, and a problem for each name that lost one."""
    found: dict[str, list[str]] = {}
    problems: dict[str, None] = {}
    for given, values in query.items():
        name = ALIASES.get(given, given)
        if name not in _KNOWN:
            continue
        wanted = [*found.get(name, ()), *(text for value in values if (text := value.strip()))]
        found[name] = list(dict.fromkeys(value for value in wanted if _is_usable(value)))[: _most(name)]
        if len(found[name]) < len(set(wanted)):
            problems[f"The {LABELS.get(name, name)} filter has values that cannot be used; they were left out."] = None
    return found, list(problems)


def _most(name: str) -> int:
    return _MOST_PROMPTS if name in {"prompt", "prefix"} else _MOST_VALUES


def _is_usable(value: str) -> bool:
    return len(value) <= _LONGEST_VALUE and "\0" not in value


def _drop_invalid(values: dict[str, list[str]]) -> list[str]:
    """Remove what is no status and no tag; answers what was removed."""
    problems = []
    if _first(values, "status") not in {"", *STATUSES}:
        del values["status"]
        problems.append("The status must be ok or error; calls of every status are shown.")
    if (tag := _first(values, "tag")) and not all(part.strip() for part in tag.partition(":")[::2]):
        del values["tag"]
        problems.append("A tag is written key:value; the tag filter was left out.")
    if _first(values, "compare") not in {"", *COMPARISONS}:
        del values["compare"]
        problems.append(f"A comparison must be one of {', '.join(COMPARISONS)}; the period before is compared.")
    for name, is_right in _CHECKS.items():
        if (value := _first(values, name)) and not is_right(value):
            del values[name]
            problems.append(f"The {LABELS[name]} filter has a value that cannot be used; it was left out.")
    return problems


_CHECKS: Final[Mapping[str, Callable[[str], bool]]] = {
    DUPLICATES: lambda value: value == WITHOUT,
    "counted": lambda value: value == "true",
    "below": lambda value: value.isascii() and value.isdigit() and len(value) <= _LONGEST_NUMBER,
    "cost_source": lambda value: value in _COST_SOURCES,
    "usage_known": lambda value: value in {"true", "false"},
    "source": lambda value: value in SENT_THROUGH,
}


def _kept(values: Mapping[str, list[str]], name: str) -> list[str]:
    found = values.get(name, [])
    return found if name in _SEVERAL else found[:1]


def _first(values: Mapping[str, list[str]], name: str) -> str:
    return next(iter(values.get(name, ())), "")
