"""Events about insights: what to tell people, in numbers, for whoever delivers it."""

from typing import Any, Final

from core.fields import decimal_text
from rules import links
from rules.engine import insights as engine
from rules.engine import wording
from rules.engine.names import Rule
from rules.engine.thresholds import CATALOGUE
from rules.models import Insight
from tenants import events
from tenants.models import Event, Organization

OPENED, REOPENED, RESOLVED = "insight.opened", "insight.reopened", "insight.resolved"
BUDGET: Final = "budget.threshold"
_MOST_FIGURES: Final = 8


def tell_found(*, organization: Organization, insight: Insight, found: engine.Insight, kind: str) -> None:
    """An insight opened or came again; a budget's threshold is news of its own kind."""
    if found.rule is Rule.BUDGET_THRESHOLD:
        _record(organization, insight, BUDGET, **_budget_facts(insight, found))
        return
    _record(
        organization,
        insight,
        kind,
        title=wording.title(found) if not insight.budget_id else f"{CATALOGUE[found.rule].title}: {_name(insight)}",
        summary=wording.summary(found),
        advice=CATALOGUE[found.rule].fix,
        figures=_figures(found),
        **_saving(insight),
    )


def tell_resolved(*, organization: Organization, insight: Insight, reason: str) -> None:
    """What the rule looks for is gone, or somebody said so."""
    spec = CATALOGUE[Rule(insight.rule)]
    where = ", ".join(part for part in (insight.model, insight.feature, insight.resource, insight.team) if part)
    named = _name(insight) or where
    _record(organization, insight, RESOLVED, title=f"{spec.title}: {named}" if named else spec.title, reason=reason)


def _record(organization: Organization, insight: Insight, kind: str, **facts: Any) -> None:
    events.record(
        kind,
        severity=Event.Severity(insight.severity),
        subject=insight,
        dedup_key=insight.dedup_key,
        project=insight.project,
        team=insight.team,
        link=links.insight_path(organization=organization, insight_id=insight.pk, project=insight.project),
        rule=insight.rule,
        **facts,
    )


def _figures(found: engine.Insight) -> list[dict[str, str]]:
    shown = found.evidence.figures[:_MOST_FIGURES]
    return [
        {
            "label": wording.label(figure),
            "value": wording.text(figure.value, figure.unit),
            "normal": wording.against(figure),
        }
        for figure in shown
    ]


def _saving(insight: Insight) -> dict[str, str]:
    month = insight.saving_month_usd
    return {} if month is None else {"saving_usd_month": decimal_text(month)}


def _budget_facts(insight: Insight, found: engine.Insight) -> dict[str, Any]:
    figures = {figure.name: figure for figure in found.evidence.figures}
    budget = insight.budget
    amounts = {name: str(figure.value) for name, figure in figures.items()}
    return amounts | {
        "name": budget.name if budget else "",
        "metric": budget.metric if budget else "",
        "period": f"{budget.period} from {found.evidence.window.since:%Y-%m-%d %H:%M} UTC" if budget else "",
        "title": f"{CATALOGUE[found.rule].title}: {_name(insight)}",
        "figures": _figures(found),
    }


def _name(insight: Insight) -> str:
    return insight.budget.name if insight.budget else ""
