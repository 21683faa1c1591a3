"""What a rule would have found in the past with other numbers: evaluated day by day, nothing is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from core.scope import org_scope
from rules.engine.days import midnight, today
from rules.engine.evaluate import evaluate
from rules.engine.insights import Insight
from rules.engine.names import Rule, Severity
from rules.engine.thresholds import OF_PROJECTS, RuleConfig, checked
from rules.snapshots import snapshot
from tenants import selectors
from tenants.models import Organization, Project

DAYS: Final = 30
MOST_DAYS: Final = 90
_MOMENT: Final = timedelta(microseconds=1)
# Rules of hours are looked at for each hour of a day; the others once, when the day is over.
_HOURLY: Final = frozenset({Rule.ERROR_BURST})


@dataclass(frozen=True, slots=True)
class Found:
    """One insight of a backtest: on which local days it would have been there, and its last numbers."""

    insight: Insight
    days: tuple[date, ...]

    @property
    def first_day(self) -> date:
        return self.days[0]

    @property
    def last_day(self) -> date:
        return self.days[-1]


def backtest(
    *,
    organization: Organization,
    project: Project,
    rule: Rule,
    thresholds: Mapping[str, object],
    now: datetime,
    days: int = DAYS,
    severity: Severity | None = None,
    muted_features: frozenset[str] = frozenset(),
) -> list[Found]:
    """The insights that ``rule`` would have given in the last ``days`` full local days with these thresholds.

    Each day is looked at as of its last moment, with the prices of then; the hourly rule as of the end of each hour.

    :raises ThresholdError: a threshold is unknown or out of its bounds.
    :raises ValueError: the rule is none of a project's, or the days are too many.
    """
    if rule not in OF_PROJECTS or not 0 < days <= MOST_DAYS:
        raise ValueError("A backtest takes a rule of projects and 1 to 90 days.")
    config = RuleConfig(values=checked(rule, thresholds), severity=severity, muted_features=muted_features)
    with org_scope(organization.pk):
        zone = selectors.time_zone(organization=organization)
        seen: dict[str, Found] = {}
        for day in _days(now, zone, days):
            for as_of in _moments(rule, day, zone):
                for insight in _evaluate(organization, project, rule, config, as_of, zone):
                    seen[insight.fingerprint] = _with(seen.get(insight.fingerprint), insight, day)
    return sorted(seen.values(), key=lambda found: (found.first_day, found.insight.subject))


def _days(now: datetime, zone: ZoneInfo, days: int) -> list[date]:
    end = today(now, zone)
    return [end - timedelta(days=back) for back in range(days, 0, -1)]


def _moments(rule: Rule, day: date, zone: ZoneInfo) -> list[datetime]:
    """When a day is looked at: never later than its last moment, so that the running day is that day."""
    start, end = midnight(day, zone), midnight(day + timedelta(days=1), zone)
    if rule not in _HOURLY:
        return [end - _MOMENT]
    hours = (end - start) // timedelta(hours=1)
    return [start + timedelta(hours=hour) for hour in range(1, hours + 1)]


def _evaluate(  # noqa: PLR0917 - private, and each of them once
    organization: Organization, project: Project, rule: Rule, config: RuleConfig, as_of: datetime, zone: ZoneInfo
) -> list[Insight]:
    configs = {rule: config}
    taken = snapshot(organization=organization, project=project, as_of=as_of, zone=zone, configs=configs, rules=[rule])
    return evaluate(taken, configs, [rule])


def _with(before: Found | None, insight: Insight, day: date) -> Found:
    days = before.days if before else ()
    return Found(insight, days if days and days[-1] == day else (*days, day))
