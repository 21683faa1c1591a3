"""A team that makes far more calls on a day than it usually does."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from rules.engine import savings
from rules.engine.building import counted_calls, exceeds, grouped, subject
from rules.engine.days import one_day, today
from rules.engine.insights import Evidence, Figure, Insight, Item
from rules.engine.names import Rule, Severity
from rules.engine.snapshot import Snapshot
from rules.engine.thresholds import RuleConfig

RULE = Rule.SPIKE


@dataclass(frozen=True, slots=True)
class TeamsDay:
    """A day of a team beside the days before it."""

    team: str
    day: date
    calls: int
    before: tuple[int, ...]

    def is_above(self, config: RuleConfig, times: str) -> bool:
        if self.calls < config.number(RULE, "calls") or len(self.before) < config.number(RULE, "least_days"):
            return False
        return exceeds(self.calls * len(self.before), sum(self.before), config.number(RULE, times))


def find(snapshot: Snapshot, config: RuleConfig) -> Iterator[Insight]:
    """The running day where it is a spike already, else the last full one."""
    running = today(snapshot.as_of, snapshot.zone)
    starts = {start.team: start.day for start in snapshot.team_starts}
    by_team = grouped(snapshot.team_days, [row.team for row in snapshot.team_days])
    for team, rows in by_team.items():
        calls = {row.day: row.calls for row in rows}
        for day in (running, running - timedelta(days=1)):
            before = _before(calls, day, starts.get(team, day), config.whole(RULE, "baseline_days"))
            found = TeamsDay(team, day, calls.get(day, 0), before)
            if found.is_above(config, "times"):
                yield _insight(snapshot, config, found)
                break


def _before(calls: Mapping[date, int], day: date, first: date, days: int) -> tuple[int, ...]:
    """Calls of each day before ``day``, none counting as 0; days before the first call are not there."""
    before = (day - timedelta(days=back) for back in range(days, 0, -1))
    return tuple(calls.get(one, 0) for one in before if one >= first)


def _insight(snapshot: Snapshot, config: RuleConfig, found: TeamsDay) -> Insight:
    window = one_day(found.day, snapshot.zone)
    return Insight(
        rule=RULE,
        project_id=snapshot.project_id,
        subject=subject(team=found.team),
        severity=Severity.HIGH if found.is_above(config, "times_high") else Severity.LOW,
        team=found.team,
        evidence=Evidence(
            window=window,
            figures=_figures(config, found),
            calls=counted_calls(snapshot, window, team=found.team),
            items=tuple(_days(found)),
        ),
    )


def _figures(config: RuleConfig, found: TeamsDay) -> tuple[Figure, ...]:
    mean = savings.ratio(sum(found.before), len(found.before))
    return (
        Figure("calls", found.calls, "calls a day", ">", mean * config.number(RULE, "times")),
        Figure("least_calls", found.calls, "calls a day", "≥", config.number(RULE, "calls")),
        Figure("mean_before", mean, "calls a day"),
        Figure("days_before", len(found.before), "days", "≥", config.number(RULE, "least_days")),
    )


def _days(found: TeamsDay) -> Iterator[Item]:
    """Each day with its calls, for the chart."""
    first = found.day - timedelta(days=len(found.before))
    for offset, calls in enumerate((*found.before, found.calls)):
        yield Item((first + timedelta(days=offset)).isoformat(), calls)
