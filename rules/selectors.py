"""Reads insights and budgets for pages, the API and reports."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db.models import Case, F, IntegerField, Max, Prefetch, Q, QuerySet, Value, When

from rules.engine.names import Severity
from rules.engine.totals import MonthlyPart, Total, total
from rules.models import Insight, InsightChange, InsightComment, RuleEvaluation
from tenants.models import Membership, Organization, Project, ProjectRole, User
from tenants.permissions import Role

UNRESOLVED = (Insight.Status.OPEN, Insight.Status.ACKNOWLEDGED, Insight.Status.MUTED)
ACTIVE = (Insight.Status.OPEN, Insight.Status.ACKNOWLEDGED)
_MOST_TEAMS = 200
_TEXTS = ("model", "feature", "resource", "team")
_RANK = {Severity.HIGH: 0, Severity.MEDIUM: 1, Severity.LOW: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightFilter:
    """What a list is narrowed to; an empty field asks for nothing in particular.

    ``project_ids`` are the projects somebody may see, None among them standing for what belongs to the organization
    as a whole (without any: everything there is). ``text`` is looked for in models, features, resources and teams.
    """

    project_ids: Sequence[int | None] | None = None
    statuses: Sequence[str] = UNRESOLVED
    rules: Sequence[str] = ()
    severities: Sequence[str] = ()
    teams: Sequence[str] = ()
    features: Sequence[str] = ()
    models: Sequence[str] = ()
    assignee_ids: Sequence[int] = ()
    since: datetime | None = None
    budget_ids: Sequence[int] = field(default=())
    text: str = ""

    def condition(self) -> Q:
        named = {
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
        if self.text:
            found &= Q(*[(f"{name}__icontains", self.text) for name in _TEXTS], _connector=Q.OR)
        if self.since is not None:
            found &= Q(last_seen_at__gte=self.since)
        return found & of_projects(self.project_ids)


def of_projects(project_ids: Sequence[int | None] | None) -> Q:
    """Insights of these projects, and with None among them those of the whole organization."""
    if project_ids is None:
        return Q()
    found = Q(project_id__in=[project_id for project_id in project_ids if project_id is not None])
    return found | Q(project=None) if None in project_ids else found


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


def insight(
    *, organization: Organization, insight_id: int, project_ids: Sequence[int | None] | None = None
) -> Insight | None:
    """One insight, whatever its state, with its history and comments, oldest first; None when there is none to see."""
    changes = InsightChange.objects.select_related("actor").order_by("created_at", "pk")
    comments = InsightComment.objects.select_related("author").order_by("created_at", "pk")
    found = Insight.objects.filter(of_projects(project_ids), organization=organization, pk=insight_id).select_related(
        "project", "budget", "assignee"
    )
    return found.prefetch_related(
        Prefetch("changes", queryset=changes), Prefetch("comments", queryset=comments)
    ).first()


def counts(*, organization: Organization, narrowed: InsightFilter = ALL_OPEN) -> dict[str, int]:
    """How many insights there are of each severity."""
    found = Insight.objects.filter(narrowed.condition(), organization=organization).values_list("severity", flat=True)
    severities = list(found)
    return {severity.value: severities.count(severity.value) for severity in Severity}


def teams(*, organization: Organization, project_ids: Sequence[int | None] | None) -> list[str]:
    """Teams that insights are of, '' for none; those of ended ones too."""
    found = Insight.objects.filter(of_projects(project_ids), organization=organization)
    return list(found.order_by("team").values_list("team", flat=True).distinct()[:_MOST_TEAMS])


def assignable(*, organization: Organization, project: Project | None) -> list[User]:
    """Members who may be given an insight of ``project`` (None: of the organization): those who may see it."""
    found = User.objects.filter(
        pk__in=Membership.objects.filter(organization=organization).exclude(role=Role.NONE).values("user_id")
    )
    if project is not None:
        hidden = ProjectRole.objects.filter(project=project, role=Role.NONE)
        owners = Membership.objects.filter(organization=organization, role=Role.OWNER)
        found = found.exclude(Q(pk__in=hidden.values("user_id")) & ~Q(pk__in=owners.values("user_id")))
    return list(found.order_by("name", "email", "pk"))


@dataclass(frozen=True, slots=True)
class Freshness:
    """When rules last looked: those of every minute, and those of every hour; None where they never did."""

    evaluated_at: datetime | None
    fully_evaluated_at: datetime | None


def freshness(*, organization: Organization, project_ids: Sequence[int | None] | None) -> Freshness:
    """When the projects (None among them: the budgets) were last evaluated."""
    cursors = RuleEvaluation.objects.filter(organization_id=organization.pk)
    if project_ids is not None:
        cursors = cursors.filter(project_id__in=[project_id or 0 for project_id in project_ids])
    return Freshness(
        **cursors.aggregate(evaluated_at=Max("evaluated_at"), fully_evaluated_at=Max("fully_evaluated_at"))
    )


def potential_savings(found: Iterable[Insight]) -> Total:
    """What insights would save together, a month and a year; one cost is saved once."""
    return total(part for one in found for part in parts(one))


def parts(one: Insight) -> list[MonthlyPart]:
    """Where an insight's saving of a month is made."""
    return [
        MonthlyPart(
            one.project_id, part["team"], part["feature"], part["provider"], part["model"], Decimal(part["month_usd"])
        )
        for part in one.saving_parts
    ]
