"""Paths of pages that messages point to, before anybody asks for them."""

from tenants.models import Organization, Project


def insight_path(*, organization: Organization, insight_id: int, project: Project | None = None) -> str:
    """Below its project, where it has one: a role in a project opens no page of the organization."""
    below = f"p/{project.slug}/" if project else ""
    return f"/o/{organization.slug}/{below}insights/{insight_id}/"
