"""How many calls a shorter retention costs, asked of the sums by day: counting takes too long."""

from datetime import datetime, timedelta

from django.db.models import Sum

from ingestion.models import DailyRollup
from tenants import selectors
from tenants.models import Project


def calls_lost(*, project: Project, days: int, now: datetime) -> int:
    """About how many calls of ``project`` go when it keeps them only for ``days``; whole local days are counted."""
    zone = selectors.time_zone(organization=project.organization)
    first = project.kept_from(now).astimezone(zone).date()
    end = (now - timedelta(days=days)).astimezone(zone).date()
    lost = DailyRollup.objects.filter(project=project, bucket_date__gte=first, bucket_date__lt=end)
    return int(lost.aggregate(calls=Sum("calls"))["calls"] or 0)
