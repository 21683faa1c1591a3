"""The end of what rules found long ago: a year to compare with, and a month."""

from datetime import datetime

from rules.alerts.retention import KEPT, forget
from rules.models import BudgetState, Insight


def forget_old(*, organization_id: int, now: datetime) -> int:
    """Remove insights that were resolved, and periods of budgets that ended, before KEPT; how many rows.

    What a rule still finds stays, though somebody resolved it: removed, it would be told as news.
    """
    before = now - KEPT
    resolved = {"status": Insight.Status.RESOLVED, "resolved_at__lt": before, "is_firing": False}
    insights = forget(organization_id, lambda: Insight.objects.filter(**resolved))
    return insights + forget(organization_id, lambda: BudgetState.objects.filter(until__lt=before))
