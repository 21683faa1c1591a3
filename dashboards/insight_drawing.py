"""Reads the numbers of an insight's chart: rollups of its window, or the samples of its resource."""

from core.charts import Unit
from core.periods import Period
from core.ranges import EXACT
from dashboards import insight_charts, resources, selectors
from dashboards.filters import Filter
from dashboards.insight_charts import OVER_TIME, Chart, OverTime
from dashboards.numbers import Sums
from ingestion import cloud_samples
from rules.engine.insights import Evidence
from rules.engine.names import Rule
from rules.engine.thresholds import OF_BUDGETS
from rules.models import Insight
from tenants.models import Organization, Project


def chart_of(insight: Insight, evidence: Evidence, *, organization: Organization, chosen: Filter) -> Chart | None:
    """The chart of an insight; None where nothing that is kept can draw it. ``chosen`` is who looks, and when."""
    rule = Rule(insight.rule)
    if rule is Rule.RAM_OVER_PROVISION:
        return _memory(insight, evidence, chosen)
    return insight_charts.of_items(rule, evidence) or _over_time(insight, rule, evidence, organization, chosen)


def _over_time(
    insight: Insight, rule: Rule, evidence: Evidence, organization: Organization, chosen: Filter
) -> Chart | None:
    calls = evidence.calls
    if calls is None or rule not in OVER_TIME or any(name in _NOT_KEPT for name, _ in calls.filters):
        return None
    shape = _in_tokens(OVER_TIME[rule]) if rule in OF_BUDGETS and _unit(evidence) == "tokens" else OVER_TIME[rule]
    project = Project.objects.filter(pk=calls.project_id).first() if calls.project_id is not None else None
    asked = insight_charts.filter_of(shape, calls, chosen)
    found = selectors.overview(organization=organization, project=project, chosen=asked)
    return insight_charts.over_time(shape, evidence, found.buckets, asked)


_NOT_KEPT = frozenset({"user_id", "api_key_id"})  # of a budget: rollups know no users, and keys by another name


def _unit(evidence: Evidence) -> str:
    return evidence.figures[0].unit


def _in_tokens(shape: OverTime) -> OverTime:
    unit: Unit = "tokens"
    return OverTime(shape.title, shape.caption, unit, "Tokens", _tokens)


def _tokens(sums: Sums) -> int:
    return sums.tokens


def _memory(insight: Insight, evidence: Evidence, chosen: Filter) -> Chart | None:
    if insight.project is None:
        return None
    window, zone = evidence.window, chosen.zone
    asked = Filter(range=EXACT, period=Period(window.since, window.until, zone), now=chosen.now)
    moments = cloud_samples.usage_over_time(
        project=insight.project,
        resource=insight.resource,
        since=window.since,
        until=window.until,
        bucket=resources.bucket_kind(asked.period),
        zone=zone.key,
    )
    spec = resources.memory_over_time(moments, asked)
    return Chart(spec, "Memory over time", "given, and used at the peak and on average")
