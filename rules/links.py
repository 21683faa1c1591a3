"""Paths of pages that messages point to, before anybody asks for them."""

from tenants.models import Organization


def insight_path(*, organization: Organization, insight_id: int) -> str:
    return f"/o/{organization.slug}/insights/{insight_id}/"


def budget_path(*, organization: Organization, budget_id: int) -> str:
    return f"/o/{organization.slug}/budgets/{budget_id}/"
