"""From the calls of a flush to what they add to the daily tables beside the rollups, sorted as every writer does."""

import threading
from collections import OrderedDict
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import date
from decimal import localcontext
from operator import itemgetter
from typing import Any, Final

import psycopg

from ingestion import daily_tables, store
from ingestion.daily_tables import FULL, PREFIX, PROMPTS, SIZES, USERS
from ingestion.pricing.calculator import EXACT
from ingestion.writer.rollups import Day
from ingestion.writer.rows import Dimensions, Measures, Prompts

type SumRow = tuple[Any, ...]  # daily_tables.COLUMNS of one of them
type PromptedCall = tuple[Dimensions, Measures, Prompts]  # dimensions as they are capped
type OfUser = tuple[str, Measures]  # a call's end user, and what it adds
type Owner = tuple[int, int, date]  # organization, project, local date
type UserKey = tuple[str, str, str]  # end user, provider, model
type UserDays = dict[Owner, dict[UserKey, list[Measures]]]

_ESTIMATED, _INPUT, _OUTPUT = (store.SUMS.index(name) for name in ("estimated_calls", "input_tokens", "output_tokens"))
_of_size = itemgetter(*(store.SUMS.index(name) for name in daily_tables.SUMS[SIZES]))
_of_prompt = itemgetter(*(store.SUMS.index(name) for name in daily_tables.SUMS[PROMPTS]))
_of_user = itemgetter(*(store.SUMS.index(name) for name in daily_tables.SUMS[USERS]))
_by_key = itemgetter(0)
_MOST_DAYS: Final = 2_000

_UPSERT_SIZES: Final = daily_tables.upsert(SIZES).encode()
_UPSERT_PROMPTS: Final = daily_tables.UPSERT_PROMPTS.encode()
_UPSERT_KNOWN_PROMPTS: Final = daily_tables.UPSERT_KNOWN_PROMPTS.encode()
_UPSERT_USERS: Final = daily_tables.upsert(USERS).encode()
_STORED: Final = f"""
    select project_id, bucket_date, count(*) from {PROMPTS}
    where (organization_id, project_id, bucket_date) in (select * from unnest(%s::bigint[], %s::bigint[], %s::date[]))
    group by 1, 2""".encode()


class PromptCounts:
    """How many rows of prompts a project's day has, so that it stops at ``daily_tables.MOST_PROMPTS``.

    Approximate on purpose: each process counts on its own from what it found, and a flush is kept or left whole.
    """

    def __init__(self, limit: int = daily_tables.MOST_PROMPTS) -> None:
        self._limit = limit
        self._days: OrderedDict[Day, int] = OrderedDict()
        self._lock = threading.Lock()

    def unseen(self, days: Iterable[Day]) -> set[Day]:
        with self._lock:
            return {day for day in days if day not in self._days}

    def learn(self, found: Mapping[Day, int]) -> None:
        """Remember days as they are stored; forgets the oldest when there are too many."""
        with self._lock:
            for day, rows in found.items():
                self._days.setdefault(day, rows)
            while len(self._days) > _MOST_DAYS:
                self._days.popitem(last=False)

    def add(self, new: Mapping[Day, int]) -> None:
        with self._lock:
            for day, rows in new.items():
                if day in self._days:
                    self._days[day] += rows

    def is_full(self, day: Day) -> bool:
        with self._lock:
            return self._days.get(day, 0) >= self._limit


def size_rows(groups: Mapping[Dimensions, Sequence[Measures]]) -> list[SumRow]:
    """Rows of ``call_sizes_daily`` of calls by their capped dimensions."""
    found: dict[tuple[Any, ...], list[Measures]] = {}
    for dimensions, measures in groups.items():
        organization, project, _, day, provider, model, feature, team, *_ = dimensions
        for size, calls in _by_size(measures).items():
            key = (organization, project, day, provider, model, feature, team, size)
            found.setdefault(key, []).extend(map(_of_size, calls))
    return _summed(found)


def _by_size(measures: Iterable[Measures]) -> dict[int, list[Measures]]:
    found: dict[int, list[Measures]] = {}
    for one in measures:
        if not one[_ESTIMATED]:
            found.setdefault(daily_tables.size(one[_INPUT] + one[_OUTPUT]), []).append(one)
    return found


def prompt_rows(calls: Iterable[PromptedCall]) -> list[SumRow]:
    """Rows of ``prompt_hash_daily``."""
    found: dict[tuple[Any, ...], list[Measures]] = {}
    for dimensions, measures, prompts in calls:
        organization, project, _, day, *names = dimensions[:8]
        sums = _of_prompt(measures)
        for kind, value in ((FULL, prompts.full), (PREFIX, prompts.prefix)):
            if value:
                key = (organization, project, day, value, kind, prompts.source, *names)
                found.setdefault(key, []).append(sums)
    return _summed(found)


def by_user(groups: Mapping[Dimensions, Iterable[OfUser]]) -> UserDays:
    """Calls by end user and model, of each project's day; ``groups`` are those that have an end user."""
    days: UserDays = {}
    for dimensions, calls in groups.items():
        organization, project, _, day, provider, model = dimensions[:6]
        found = days.setdefault((organization, project, day), {})
        for user_id, measures in calls:
            found.setdefault((user_id, provider, model), []).append(measures)
    return days


def without_users(calls: Mapping[UserKey, list[Measures]], beyond: Container[str]) -> dict[UserKey, list[Measures]]:
    """``calls`` of a day, those of the users ``beyond`` its limit together."""
    found: dict[UserKey, list[Measures]] = {}
    for (user_id, provider, model), measures in calls.items():
        name = store.OTHER if user_id in beyond else user_id
        found.setdefault((name, provider, model), []).extend(measures)
    return found


def user_rows(days: UserDays) -> list[SumRow]:
    """Rows of ``user_rollups_daily``."""
    with localcontext(EXACT):
        return [
            (*owner, *key, *_sums_of_user(measures))
            for owner, calls in sorted(days.items(), key=_by_key)
            for key, measures in sorted(calls.items(), key=_by_key)
        ]


def _sums_of_user(measures: Sequence[Measures]) -> Measures:
    sums: list[Measures] = list(map(_of_user, measures))
    return sums[0] if len(sums) == 1 else tuple(map(sum, zip(*sums, strict=True)))


def _summed(groups: Mapping[tuple[Any, ...], Sequence[Measures]]) -> list[SumRow]:
    with localcontext(EXACT):
        rows = [
            (*key, *(measures[0] if len(measures) == 1 else map(sum, zip(*measures, strict=True))))
            for key, measures in groups.items()
        ]
    rows.sort()  # keys differ, so the sums behind them are never compared
    return rows


def add_sizes(cursor: psycopg.Cursor[Any], rows: Sequence[SumRow]) -> None:
    if rows:
        cursor.execute(_UPSERT_SIZES, store.array_literals(rows))


def add_users(cursor: psycopg.Cursor[Any], rows: Sequence[SumRow]) -> None:
    if rows:
        cursor.execute(_UPSERT_USERS, store.array_literals(rows))


def add_prompts(cursor: psycopg.Cursor[Any], rows: Sequence[SumRow], counts: PromptCounts) -> None:
    """Add rows; on a day that is full only to prompts that are there already."""
    unseen = counts.unseen(map(_day, rows))
    if unseen:
        counts.learn(dict.fromkeys(unseen, 0) | _stored(cursor, {row[:3] for row in rows if _day(row) in unseen}))
    full = [row for row in rows if counts.is_full(_day(row))]
    free = [row for row in rows if not counts.is_full(_day(row))] if full else rows
    if free:
        cursor.execute(_UPSERT_PROMPTS, store.array_literals(free))
        counts.add({(project, day): new for project, day, new in cursor})
    if full:
        cursor.execute(_UPSERT_KNOWN_PROMPTS, store.array_literals(full))


def _day(row: SumRow) -> Day:
    return row[1], row[2]


def _stored(cursor: psycopg.Cursor[Any], owners: Iterable[tuple[Any, ...]]) -> dict[Day, int]:
    organizations, projects, days = zip(*owners, strict=True)
    cursor.execute(_STORED, [list(organizations), list(projects), list(days)])
    return {(project, day): count for project, day, count in cursor}
