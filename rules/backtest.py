"""What a rule would have found with other settings: the past evaluated again, nothing written.

Days are looked at as they ended, the running one as it is now; bursts of errors, which an hour decides, at the start of
each hour of the last week. A rule of every minute would have looked in between too, at the same sums half-way.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from rules.engine.days import midnight, running_hour, today
from rules.engine.evaluate import evaluate
from rules.engine.insights import Insight
from rules.engine.names import Rule
from rules.engine.thresholds import RuleConfig
from rules.snapshots import snapshot
from tenants.models import Organization, Project

DAYS: Final = 30
HOURS: Final = 168
BY_HOUR: Final = frozenset({Rule.ERROR_BURST})
SECONDS: Final = 4.0  # a page or an answer waits no longer
MOST_LISTED: Final = 50
_HOUR: Final = timedelta(hours=1)
_INSTANT: Final = timedelta(microseconds=1)

type Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Found:
    """One insight of the past: as it was found last, and at which moments it was there."""

    insight: Insight
    first_at: datetime
    last_at: datetime
    times: int


@dataclass(frozen=True, slots=True)
class Backtest:
    """``looked_at`` moments of ``wanted``, the newest first: fewer where there was no time for more."""

    rule: Rule
    found: tuple[Found, ...]
    more: int
    since: datetime | None
    looked_at: int
    wanted: int

    @property
    def is_by_hour(self) -> bool:
        return self.rule in BY_HOUR

    @property
    def is_cut(self) -> bool:
        return self.looked_at < self.wanted


def backtest(
    *,
    organization: Organization,
    project: Project,
    rule: Rule,
    config: RuleConfig,
    now: datetime,
    zone: ZoneInfo,
    clock: Clock,
) -> Backtest:
    """What ``rule`` would have found in ``project`` with ``config``; a rule that is off is tried as if it were on.

    ``clock`` gives seconds: after ``SECONDS`` no further moment is looked at.
    """
    wanted = list(moments(rule, now, zone))
    begun, looked_at, seen = clock(), list[datetime](), dict[str, list[tuple[datetime, Insight]]]()
    configs = {rule: replace(config, enabled=True)}
    for as_of in wanted:
        if looked_at and clock() - begun > SECONDS:
            break
        taken = snapshot(
            organization=organization, project=project, as_of=as_of, zone=zone, configs=configs, rules=[rule]
        )
        for insight in evaluate(taken, configs, [rule]):
            seen.setdefault(insight.fingerprint, []).append((as_of, insight))
        looked_at.append(as_of)
    found = sorted((_found(hits) for hits in seen.values()), key=_order)
    return Backtest(
        rule=rule,
        found=tuple(found[:MOST_LISTED]),
        more=max(0, len(found) - MOST_LISTED),
        since=min(looked_at, default=None),
        looked_at=len(looked_at),
        wanted=len(wanted),
    )


def moments(rule: Rule, now: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """When ``rule`` is tried, the newest first."""
    yield now
    if rule in BY_HOUR:
        start = running_hour(now, zone)
        yield from (start - back * _HOUR for back in range(1, HOURS))
        return
    day = today(now, zone)
    yield from (midnight(day - timedelta(days=back), zone) - _INSTANT for back in range(DAYS - 1))


def _found(hits: list[tuple[datetime, Insight]]) -> Found:
    """``hits`` come newest first."""
    (last_at, insight), (first_at, _) = hits[0], hits[-1]
    return Found(insight, first_at, last_at, len(hits))


def _order(found: Found) -> tuple[float, tuple[tuple[str, str], ...]]:
    """Those that were there last come first."""
    return -found.last_at.timestamp(), found.insight.subject
