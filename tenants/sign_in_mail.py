"""The mail about a sign-in from a new place, sent by the worker: a slow mail server keeps nobody at the door."""

import logging
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from core import work
from tenants.models import SignInNotice
from tenants.sign_ins import MAIL_TASK

logger = logging.getLogger(__name__)

_TEMPLATE: Final = "account/email/new_sign_in"
_PATIENCE: Final = timedelta(days=1)  # news that could not be sent for so long is none any more


def send(*, notice_id: int, now: datetime) -> None:
    """Send the mail once; the sweep comes back when the mail server did not take it or the worker died on the way."""
    notice = _claim(notice_id, now)
    if notice is None:
        return
    try:
        _mail(notice).send()
    except OSError:  # smtplib's errors too
        logger.exception("a mail about a sign-in could not be sent", extra={"notice_id": notice_id})
        SignInNotice.objects.filter(pk=notice_id).update(claimed_at=None)
        return
    _finish(notice_id)


@transaction.atomic
def _claim(notice_id: int, now: datetime) -> SignInNotice | None:
    """The notice for whoever comes first; nobody else gets it as long as that one may be alive."""
    notice = SignInNotice.objects.select_for_update().filter(pk=notice_id).first()
    if notice is None or notice.created_at < now - _PATIENCE:
        _finish(notice_id)
        return None
    if notice.claimed_at is not None and notice.claimed_at > now - work.LEASE:
        return None
    notice.claimed_at = now
    notice.save(update_fields=["claimed_at"])
    return notice


@transaction.atomic
def _finish(notice_id: int) -> None:
    SignInNotice.objects.filter(pk=notice_id).delete()
    work.finish(MAIL_TASK, object_id=notice_id)


def _mail(notice: SignInNotice) -> EmailMultiAlternatives:
    """The same sign-in has the same Message-ID, so that a mail that is sent twice is shown once."""
    context = {
        "timestamp": notice.created_at,
        "ip": notice.address,
        "user_agent": notice.user_agent,
        "sessions_url": settings.BASE_URL + reverse("usersessions_list"),
    }
    host = urlsplit(settings.BASE_URL).hostname
    mail = EmailMultiAlternatives(
        subject=" ".join(render_to_string(f"{_TEMPLATE}_subject.txt", context).split()),
        body=render_to_string(f"{_TEMPLATE}_message.txt", context).strip(),
        to=[notice.email],
        headers={"Message-ID": f"<sign-in-{notice.pk}@{host}>"},
    )
    mail.attach_alternative(render_to_string(f"{_TEMPLATE}_message.html", context), "text/html")
    return mail
