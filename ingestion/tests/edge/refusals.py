"""What was counted as refused, read as the organization."""

from typing import Any

from core.scope import org_scope
from ingestion.models import RejectedEvents
from tenants.models import Organization


def counted(organization: Organization, **filters: Any) -> list[dict[str, Any]]:
    """Rows of the organization in the order of their key."""
    with org_scope(organization.pk):
        found = RejectedEvents.objects.filter(**filters)
        in_order = found.order_by("hour", "project_id", "endpoint", "kind", "field", "reason")
        return [dict(row) for row in in_order.values()]


def reasons(organization: Organization, **filters: Any) -> dict[tuple[str, str, str], tuple[int, int]]:
    """(count, events) by kind, field and reason."""
    return {
        (row["kind"], row["field"], row["reason"]): (row["count"], row["events"])
        for row in counted(organization, **filters)
    }
