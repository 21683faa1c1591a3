"""The end of old reports: they say what was, and can be made anew for as long as the numbers are kept."""

from datetime import datetime, timedelta

from django.conf import settings

from dashboards.reports.models import Report
from rules.alerts.retention import forget


def forget_old(*, organization_id: int, now: datetime) -> int:
    """Remove the reports that are older than REPORTS_KEPT_DAYS, in small transactions; how many."""
    before = now - timedelta(days=settings.REPORTS_KEPT_DAYS)
    return forget(organization_id, lambda: Report.objects.filter(created_at__lt=before))
