"""The mail to owners and admins about a channel that was turned off: it takes no channel to arrive."""

import logging
from datetime import datetime, timedelta
from email.utils import formataddr
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from core import work
from core.scope import org_scope
from rules.alerts.channel_health import MAIL_TASK
from rules.alerts.messages.message import clip
from tenants.models import Event, Membership, User
from tenants.permissions import Role

logger = logging.getLogger(__name__)

_PATIENCE: Final = timedelta(days=1)  # news that could not be sent for so long is none any more


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
            logger.exception("a mail about a channel could not be sent", extra={"event_id": event_id})
            return False
    return True


def _due_mails(organization_id: int, event_id: int, now: datetime) -> list[EmailMultiAlternatives]:
    with org_scope(organization_id):
        found = Event.objects.select_related("organization").filter(pk=event_id, created_at__gt=now - _PATIENCE)
        event = found.first()
        if event is None:
            return []
        memberships = Membership.objects.select_related("user").filter(
            organization_id=organization_id, role__in=[Role.OWNER, Role.ADMIN], user__is_active=True
        )
        return [_mail(membership.user, event) for membership in memberships.order_by("pk")]


def _mail(person: User, event: Event) -> EmailMultiAlternatives:
    context = {"event": event, "organization": event.organization, "url": settings.BASE_URL + event.link}
    host = urlsplit(settings.BASE_URL).hostname
    mail = EmailMultiAlternatives(
        subject=clip(f"The channel “{event.facts['name']}” of {event.organization.name} was turned off", 200),
        body=render_to_string("alerts/email/disabled.txt", context),
        to=[formataddr((person.name, person.email))],
        headers={"Message-ID": f"<channel-disabled-{event.pk}-{person.pk}@{host}>"},
    )
    mail.attach_alternative(render_to_string("alerts/email/disabled.html", context), "text/html")
    return mail
