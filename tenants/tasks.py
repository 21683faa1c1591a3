"""What happens to tenants by the clock. Each is safe to run twice, also at the same time."""

from celery import shared_task

from tenants import deletion


@shared_task(name=deletion.PROJECT_TASK, acks_late=True)
def purge_project(*, organization_id: int, object_id: int, **_: object) -> None:
    """Delete the next slice of a project whose days of grace are over."""
    deletion.purge_project(organization_id=organization_id, project_id=object_id)


@shared_task(name=deletion.ORGANIZATION_TASK, acks_late=True)
def purge_organization(*, organization_id: int, **_: object) -> None:
    """Delete the next slice of an organization whose days of grace are over."""
    deletion.purge_organization(organization_id=organization_id)
