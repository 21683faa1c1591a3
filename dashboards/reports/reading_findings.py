"""What rules found: insights that are open now, and what the period's savings came to."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from django.db.models import QuerySet
from django.urls import reverse

from core.periods import Period
from dashboards.reports import money
from dashboards.reports.numbers import Currency, Findings, Saving
from dashboards.reports.numbers import Insight as Line
from rules import insight_words, selectors
from rules.engine import wording
from rules.models import Insight
from rules.selectors import ACTIVE, InsightFilter
from tenants.models import Organization

MOST: Final = 200  # insights that a report names; it counts all
_EVERY: Final = tuple(Insight.Status.values)


def findings(
    *, organization: Organization, project_ids: Sequence[int | None], period: Period, currency: Currency
) -> Findings:
    """Of these projects, None among them standing for what belongs to the organization as a whole."""
    narrowed = InsightFilter(project_ids=project_ids, statuses=ACTIVE)
    found = list(selectors.insights(organization=organization, narrowed=narrowed))
    every = selectors.insights(
        organization=organization, narrowed=InsightFilter(project_ids=project_ids, statuses=_EVERY)
    )
    counts: dict[str, int] = {}
    for insight in found:
        counts[insight.severity] = counts.get(insight.severity, 0) + 1
    return Findings(
        open=tuple(_line(organization, insight, currency) for insight in found[:MOST]),
        counts=counts,
        potential=_saving(found),
        found=_saving(_opened(every, period)),
        realised=_saving(_realised(every, period)),
    )


def _opened(every: QuerySet[Insight], period: Period) -> list[Insight]:
    return list(every.filter(opened_at__gte=period.start, opened_at__lt=period.end))


def _realised(every: QuerySet[Insight], period: Period) -> list[Insight]:
    """Those that ended within the period because the rule finds them no more: somebody has acted."""
    over = every.filter(status=Insight.Status.RESOLVED, is_firing=False)
    return list(over.filter(resolved_at__gte=period.start, resolved_at__lt=period.end))


def _saving(found: Sequence[Insight]) -> Saving:
    total = selectors.potential_savings(found)
    return Saving(
        month_usd=total.month_usd,
        year_usd=total.year_usd,
        is_upper_bound=any(one.saving_is_upper_bound and one.saving_month_usd for one in found),
        insights=len(found),
    )


def _line(organization: Organization, insight: Insight, currency: Currency) -> Line:
    return Line(
        id=insight.pk,
        rule=insight.rule,
        title=insight_words.spec(insight).title,
        place=_place(insight),
        severity=insight.severity,
        team=insight.team,
        project=insight.project.name if insight.project else "",
        evidence=_evidence(insight, currency),
        path=_path(organization, insight),
        saving_month_usd=insight.saving_month_usd,
        is_upper_bound=insight.saving_is_upper_bound,
    )


def _place(insight: Insight) -> str:
    """Without the team, which has a column of its own."""
    if insight.budget:
        return insight.budget.name
    return wording.place_of({name: value for name, value in insight.subject.items() if name != "team"})


def _evidence(insight: Insight, currency: Currency) -> str:
    """``Output a call: 9.50 tokens a call, fires below 100 tokens a call``; '' where nothing was compared."""
    decided = insight_words.decided(insight_words.evidence(insight), cost=partial(money.shown, currency=currency))
    if decided is None:
        return ""
    fires = f", fires {decided.normal}" if decided.normal else ""
    return f"{decided.label}: {decided.value}{fires}"


def _path(organization: Organization, insight: Insight) -> str:
    if insight.project is None:
        return reverse("dashboards:organization-insight", args=[organization.slug, insight.pk])
    return reverse("dashboards:project-insight", args=[organization.slug, insight.project.slug, insight.pk])
