"""Mails to owners and admins about what somebody did to a key."""

import logging
from datetime import datetime, timedelta
from email.utils import formataddr
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from core import work
from core.scope import org_scope
from tenants.key_news import MAIL_TASK
from tenants.models import AuditEntry, Event, Membership, Organization, User
from tenants.permissions import Role

logger = logging.getLogger(__name__)

_PATIENCE: Final = timedelta(days=1)  # news that could not be sent for so long is none any more
_WORDS: Final = {"key.created": "was created", "key.rotated": "is being replaced", "key.revoked": "was revoked"}


def send(*, organization_id: int, event_id: int, now: datetime) -> None:
    """Send the mails about an event, once; the sweep comes back when the mail server did not take them."""
    with work.held(MAIL_TASK, object_id=event_id) as is_ours:
        if is_ours and _send_all(_due_mails(organization_id, event_id, now), event_id):
            work.finish(MAIL_TASK, object_id=event_id)


def _send_all(mails: list[EmailMultiAlternatives], event_id: int) -> bool:
    for mail in mails:
        try:
            mail.send()
        except OSError:  # smtplib's errors too
            logger.exception("a mail about a key could not be sent", extra={"event_id": event_id})
            return False
    return True


def _due_mails(organization_id: int, event_id: int, now: datetime) -> list[EmailMultiAlternatives]:
    """One to each owner and admin; none when the event is gone with its project, or old."""
    with org_scope(organization_id):
        found = Event.objects.select_related("project", "organization").filter(pk=event_id)
        event = found.filter(created_at__gt=now - _PATIENCE).first()
        if event is None:
            return []
        of_key = AuditEntry.objects.filter(action=event.kind, target_kind="apikey", target_id=event.subject_id)
        context = _context(event, of_key.order_by("pk").last())
        return [_mail(person, event, context) for person in _recipients(event.organization)]


def _context(event: Event, entry: AuditEntry | None) -> dict[str, Any]:
    until = event.facts.get("until")
    return {
        "organization": event.organization,
        "event": event,
        "until": datetime.fromisoformat(until) if until else None,
        "by": entry.actor_name if entry else "",
        "by_key": entry is not None and entry.actor_kind == AuditEntry.ActorKind.KEY,
        "what": _WORDS[event.kind],
        "url": settings.BASE_URL + event.link,
    }


def _recipients(organization: Organization) -> list[User]:
    memberships = Membership.objects.select_related("user").filter(
        organization=organization, role__in=[Role.OWNER, Role.ADMIN], user__is_active=True
    )
    return [membership.user for membership in memberships.order_by("pk")]


def _mail(person: User, event: Event, context: dict[str, Any]) -> EmailMultiAlternatives:
    """The same event and person have the same Message-ID, so that a mail that is sent twice is shown once."""
    subject = render_to_string("tenants/email/key_subject.txt", context)
    host = urlsplit(settings.BASE_URL).hostname
    mail = EmailMultiAlternatives(
        subject=" ".join(subject.split()),
        body=render_to_string("tenants/email/key_message.txt", context),
        to=[formataddr((person.name, person.email))],
        headers={"Message-ID": f"<key-event-{event.pk}-{person.pk}@{host}>"},
    )
    mail.attach_alternative(render_to_string("tenants/email/key_message.html", context), "text/html")
    return mail
