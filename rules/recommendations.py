"""The report of what somebody may see of an organization's open insights."""

from collections.abc import Callable, Sequence

from core import formats
from rules import insight_words, selectors
from rules.engine import recommendations
from rules.engine.insights import Number
from rules.engine.names import Rule, Severity
from rules.engine.recommendations import Finding, Report
from rules.models import Insight
from rules.selectors import ACTIVE, InsightFilter
from tenants.models import Organization


def report(
    *,
    organization: Organization,
    project_ids: Sequence[int | None] | None,
    cost: Callable[[Number], str] = formats.usd,
) -> Report:
    """Of insights that are open or looked after; muted ones are nobody's business for a while."""
    narrowed = InsightFilter(project_ids=project_ids, statuses=ACTIVE)
    found = selectors.insights(organization=organization, narrowed=narrowed)
    return recommendations.recommend(_finding(insight, cost) for insight in found)


def _finding(insight: Insight, cost: Callable[[Number], str]) -> Finding:
    return Finding(
        insight_id=insight.pk,
        rule=Rule(insight.rule),
        severity=Severity(insight.severity),
        title=insight_words.title(insight),
        place=insight_words.place(insight),
        cause=insight_words.cause(insight, cost=cost),
        saving_month_usd=insight.saving_month_usd,
        is_upper_bound=insight.saving_is_upper_bound,
        parts=tuple(selectors.parts(insight)),
    )
