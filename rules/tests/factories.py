"""Insights without an evaluation, for tests about what is shown and done with them."""

from datetime import UTC, datetime
from typing import Any

from core.scope import org_scope
from rules.models import Insight, InsightChange
from tenants.models import Organization, Project

SINCE, UNTIL = datetime(2026, 7, 6, tzinfo=UTC), datetime(2026, 7, 13, tzinfo=UTC)


def evidence(
    *, project_id: int | None, figures: list[dict[str, Any]] | None = None, filters: dict[str, list[str]] | None = None
) -> dict[str, Any]:
    """As ``rules.engine.insights.evidence_json`` writes it: short answers of a premium model."""
    window = {"since": SINCE.isoformat(), "until": UNTIL.isoformat()}
    short = {
        "name": "output_tokens_a_call",
        "value": "9.5",
        "unit": "tokens a call",
        "comparison": "<",
        "against": "100",
    }
    return {
        "window": window | {"days": 7},
        "figures": figures if figures is not None else [short],
        "calls": window | {"project_id": project_id, "filters": filters or {"counted": ["true"]}},
        "items": [],
        "more_items": 0,
    }


def make_insight(organization: Organization, project: Project | None, **columns: Any) -> Insight:
    """An open insight of ``project``, or of the whole organization."""
    with org_scope(organization.pk):
        project_id = project.pk if project else None
        known = {
            "rule": "MODEL_MISUSE",
            "severity": "high",
            "fingerprint": f"{Insight.objects.count():064x}",
            "subject": {"team": "search", "feature": "titles", "provider": "openai", "model": "gpt-4o"},
            "team": "search",
            "feature": "titles",
            "provider": "openai",
            "model": "gpt-4o",
            "evidence": evidence(project_id=project_id),
            "window_days": 7,
        }
        made: Insight = Insight.objects.create(organization=organization, project=project, **known | columns)
        InsightChange.objects.create(organization=organization, insight=made, kind="opened", facts={})
    return made


def saving(month_usd: str, **columns: Any) -> dict[str, Any]:
    """Columns of an insight that saves so much a month in one place."""
    place = {"team": "search", "feature": "titles", "provider": "openai", "model": "gpt-4o"}
    return {
        "saving_month_usd": month_usd,
        "saving_year_usd": str(int(month_usd) * 12),
        "saving_window_usd": "1",
        "saving_parts": [place | {"month_usd": month_usd}],
    } | columns
