"""What happens to tenants by the clock. Each is safe to run twice, also at the same time."""

from celery import shared_task
from django.utils import timezone

from tenants import deletion, key_expiry, key_mail, key_news, sign_in_mail, sign_ins


@shared_task(name=deletion.PROJECT_TASK, acks_late=True)
def purge_project(*, organization_id: int, object_id: int, **_: object) -> None:
    """Delete the next slice of a project whose days of grace are over."""
    deletion.purge_project(organization_id=organization_id, project_id=object_id)


@shared_task(name=deletion.ORGANIZATION_TASK, acks_late=True)
def purge_organization(*, organization_id: int, **_: object) -> None:
    """Delete the next slice of an organization whose days of grace are over."""
    deletion.purge_organization(organization_id=organization_id)


@shared_task(name="tenants.tell_expiring_keys", acks_late=True)
def tell_expiring_keys(**_: object) -> None:
    """Record an event for each key that expires in a week or in a day, once each."""
    now = timezone.now()
    for organization_id in key_expiry.organizations_with_expiring_keys(now=now):
        key_expiry.tell_expiring(organization_id=organization_id, now=now)


@shared_task(name=key_news.MAIL_TASK, acks_late=True)
def mail_key_event(*, organization_id: int, object_id: int, **_: object) -> None:
    """Tell owners and admins what happened to a key."""
    key_mail.send(organization_id=organization_id, event_id=object_id, now=timezone.now())


@shared_task(name=sign_ins.MAIL_TASK, acks_late=True)
def mail_sign_in(*, object_id: int, **_: object) -> None:
    """Tell a person that somebody signed in as them from a new place."""
    sign_in_mail.send(notice_id=object_id, now=timezone.now())
