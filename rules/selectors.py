"""Reads insights and budgets for pages, the API and reports."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db.models import Case, F, IntegerField, Prefetch, Q, QuerySet, Value, When

from rules.engine.names import Severity
from rules.engine.totals import MonthlyPart, Total, total
from rules.models import Insight, InsightChange, InsightComment
from tenants.models import Organization

UNRESOLVED = (Insight.Status.OPEN, Insight.Status.ACKNOWLEDGED, Insight.Status.MUTED)
_RANK = {Severity.HIGH: 0, Severity.MEDIUM: 1, Severity.LOW: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightFilter:
    """What a list is narrowed to; an empty field asks for nothing in particular.

    ``project_ids`` are the projects somebody may see (None: all of them, and what belongs to no project).
    """

    project_ids: Sequence[int] | None = None
    statuses: Sequence[str] = UNRESOLVED
    rules: Sequence[str] = ()
    severities: Sequence[str] = ()
    teams: Sequence[str] = ()
    features: Sequence[str] = ()
    models: Sequence[str] = ()
    assignee_ids: Sequence[int] = ()
    since: datetime | None = None
    budget_ids: Sequence[int] = field(default=())

    def condition(self) -> Q:
        named = {
            "project_id": self.project_ids,
            "status": self.statuses or None,
            "rule": self.rules or None,
            "severity": self.severities or None,
            "team": self.teams or None,
            "feature": self.features or None,
            "model": self.models or None,
            "assignee_id": self.assignee_ids or None,
            "budget_id": self.budget_ids or None,
        }
        found = Q(**{f"{name}__in": list(values) for name, values in named.items() if values is not None})
        return found if self.since is None else found & Q(last_seen_at__gte=self.since)


ALL_OPEN = InsightFilter()


def insights(*, organization: Organization, narrowed: InsightFilter = ALL_OPEN) -> QuerySet[Insight]:
    """Insights, the most severe first, then those that save most, then the newest."""
    ranked = Case(
        *[When(severity=severity.value, then=Value(rank)) for severity, rank in _RANK.items()],
        output_field=IntegerField(),
    )
    found = Insight.objects.filter(narrowed.condition(), organization=organization)
    found = found.select_related("project", "budget", "assignee").annotate(severity_rank=ranked)
    return found.order_by("severity_rank", F("saving_month_usd").desc(nulls_last=True), "-opened_at", "-pk")


def insight(*, organization: Organization, insight_id: int, project_ids: Sequence[int] | None = None) -> Insight | None:
    """One insight, whatever its state, with its history and comments, oldest first; None when there is none to see."""
    changes = InsightChange.objects.select_related("actor").order_by("created_at", "pk")
    comments = InsightComment.objects.select_related("author").order_by("created_at", "pk")
    found = Insight.objects.filter(organization=organization, pk=insight_id).select_related(
        "project", "budget", "assignee"
    )
    if project_ids is not None:
        found = found.filter(project_id__in=list(project_ids))
    return found.prefetch_related(
        Prefetch("changes", queryset=changes), Prefetch("comments", queryset=comments)
    ).first()


def counts(*, organization: Organization, narrowed: InsightFilter = ALL_OPEN) -> dict[str, int]:
    """How many insights there are of each severity."""
    found = Insight.objects.filter(narrowed.condition(), organization=organization).values_list("severity", flat=True)
    severities = list(found)
    return {severity.value: severities.count(severity.value) for severity in Severity}


def potential_savings(found: Iterable[Insight]) -> Total:
    """What insights would save together, a month and a year; one cost is saved once."""
    return total(part for one in found for part in _parts(one))


def _parts(one: Insight) -> list[MonthlyPart]:
    return [
        MonthlyPart(
            one.project_id, part["team"], part["feature"], part["provider"], part["model"], Decimal(part["month_usd"])
        )
        for part in one.saving_parts
    ]
