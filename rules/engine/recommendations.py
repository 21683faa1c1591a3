"""What to do about open insights, in which order and for how much: the same insights give the same report."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from rules.engine.names import Rule, Severity
from rules.engine.thresholds import CATALOGUE
from rules.engine.totals import MonthlyPart, Total, total


class Effort(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


_WEIGHT: Final = {Effort.LOW: Decimal(1), Effort.MEDIUM: Decimal(3), Effort.HIGH: Decimal(9)}
_RANK: Final = {Severity.HIGH: 0, Severity.MEDIUM: 1, Severity.LOW: 2}


@dataclass(frozen=True, slots=True)
class Work:
    """How much work a rule's fix is, and why."""

    effort: Effort
    reason: str


EFFORTS: Final[Mapping[Rule, Work]] = {
    Rule.MODEL_MISUSE: Work(Effort.MEDIUM, "The model is one setting, but answers must be compared on a sample first."),
    Rule.MODEL_DOWNGRADE: Work(Effort.MEDIUM, "Calls must be told apart by size before they are sent."),
    Rule.LONG_PROMPTS: Work(Effort.HIGH, "Prompts must be rewritten and their answers judged again."),
    Rule.CACHE_WASTE: Work(Effort.LOW, "The same question has the same answer: it is kept under the prompt."),
    Rule.SPIKE: Work(Effort.MEDIUM, "Somebody must find out what changed."),
    Rule.RAM_OVER_PROVISION: Work(Effort.LOW, "It is one number in the resource’s configuration."),
    Rule.PROMPT_CACHE_OPPORTUNITY: Work(Effort.LOW, "What is the same comes first; the provider does the rest."),
    Rule.ERROR_BURST: Work(Effort.MEDIUM, "Somebody must find out what fails; a fallback takes some code."),
    Rule.LATENCY_REGRESSION: Work(Effort.HIGH, "The cause may be the provider’s, the prompts’ or the load’s."),
    Rule.UNPRICED_MODEL: Work(Effort.LOW, "A price, or the name of a known model, is entered once."),
    Rule.BUDGET_THRESHOLD: Work(Effort.MEDIUM, "Somebody must decide between a higher limit and less use."),
    Rule.BUDGET_FORECAST: Work(Effort.MEDIUM, "Somebody must decide between a higher limit and less use."),
}
"""Reviewed by hand. Low is a setting or an afternoon; medium needs a decision, a comparison or a piece of code; high
is a project, because what comes out must be judged again. A step weighs three times the one below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An open insight as far as a report is about it."""

    insight_id: int
    rule: Rule
    severity: Severity
    title: str
    place: str
    cause: str
    saving_month_usd: Decimal | None
    is_upper_bound: bool
    parts: tuple[MonthlyPart, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """A step of the plan: one rule's fix, wherever it is needed. Savings are None where they are not known."""

    rule: Rule
    what: str
    work: Work
    severity: Severity
    findings: tuple[Finding, ...]
    saving: Total | None
    is_upper_bound: bool

    @property
    def worth(self) -> Decimal:
        """Dollars a month for the effort."""
        return self.saving.month_usd / _WEIGHT[self.work.effort] if self.saving else Decimal(0)


@dataclass(frozen=True, slots=True)
class Report:
    """What an analyst would write: the summary in sentences, each insight's root cause, and the plan, best first.

    ``saving`` counts one cost once, so the actions' savings may add up to more.
    """

    summary: tuple[str, ...]
    causes: tuple[Finding, ...]
    plan: tuple[Action, ...]
    saving: Total
    is_upper_bound: bool


def recommend(found: Iterable[Finding]) -> Report:
    """The report of ``found``; their order does not matter."""
    causes = tuple(sorted(found, key=_by_urgency))
    plan = tuple(sorted((_action(rule, causes) for rule in _rules(causes)), key=_by_worth))
    saving = _saving(causes)
    return Report(_summary(causes, plan, saving), causes, plan, saving, any(one.is_upper_bound for one in causes))


def _by_urgency(finding: Finding) -> tuple[int, Decimal, int]:
    return _RANK[finding.severity], -(finding.saving_month_usd or Decimal(0)), finding.insight_id


def _by_worth(action: Action) -> tuple[Decimal, int, int]:
    return -action.worth, _RANK[action.severity], list(Rule).index(action.rule)


def _rules(causes: Iterable[Finding]) -> list[Rule]:
    return list(dict.fromkeys(finding.rule for finding in causes))


def _action(rule: Rule, causes: Iterable[Finding]) -> Action:
    ours = tuple(finding for finding in causes if finding.rule == rule)
    saving = _saving(ours)
    return Action(
        rule,
        CATALOGUE[rule].fix,
        EFFORTS[rule],
        ours[0].severity,
        ours,
        saving if saving.month_usd else None,
        any(finding.is_upper_bound for finding in ours),
    )


def _saving(found: Iterable[Finding]) -> Total:
    return total(part for finding in found for part in finding.parts)


def _summary(causes: Sequence[Finding], plan: Sequence[Action], saving: Total) -> tuple[str, ...]:
    """Sentences without amounts of money, which whoever shows them writes in the reader's currency."""
    if not causes:
        return ("No insight is open: nothing needs to be done.",)
    counts = {severity: sum(finding.severity == severity for finding in causes) for severity in reversed(Severity)}
    named = [f"{count} of {severity} severity" for severity, count in counts.items() if count]
    sentences = [f"{_insights(len(causes))} open: {_listed(named)}."]
    worst = next((finding for finding in causes if finding.severity == Severity.HIGH), None)
    if worst is not None:
        sentences.append(f"Most urgent: {worst.title}.")
    if saving.month_usd:
        sentences.append(f"The best first step, savings for effort: {plan[0].what}")
    unknown = sum(finding.saving_month_usd is None for finding in causes)
    if unknown:
        sentences.append(f"For {_count(unknown, len(causes))} no saving is known.")
    return tuple(sentences)


def _insights(count: int) -> str:
    return "1 insight is" if count == 1 else f"{count} insights are"


def _count(part: int, whole: int) -> str:
    return "all of them" if part == whole else f"{part} of them"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if parts[1:] else parts[0]
