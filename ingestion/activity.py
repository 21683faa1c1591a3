"""Whether calls have arrived, asked of ``project_activity`` so that waiting for the first one costs nothing."""

from ingestion.models import Call, ProjectActivity
from tenants.models import Organization, Project


def has_calls(*, organization: Organization) -> bool:
    """Whether any project of the organization ever received a call."""
    return ProjectActivity.objects.filter(organization_id=organization.pk).exists()


def project_activity(*, project: Project) -> ProjectActivity | None:
    """When ``project`` first and last received calls; None before the first."""
    return ProjectActivity.objects.filter(pk=project.pk, organization_id=project.organization_id).first()


def latest_call(*, project: Project) -> Call | None:
    """The call of ``project`` that started last; None when there is none, or none is kept any more."""
    return Call.objects.filter(project=project).order_by("-started_at", "-call_id").first()
