"""Where a person signed in from before: a sign-in from elsewhere is worth a mail."""

import hmac
from datetime import datetime, timedelta
from typing import Final

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction

from core import user_agents, work
from core.origin import Origin
from tenants.models import KnownDevice, SignInNotice, User

REMEMBERED: Final = timedelta(days=180)
MAIL_TASK: Final = "tenants.mail_sign_in"


@transaction.atomic
def record_sign_in(*, user: User, origin: Origin, now: datetime) -> bool:
    """Remember where ``user`` signs in from; True when that is new and something else was known, and is mailed.

    The very first sign-in is nobody's news: it follows the sign-up.
    """
    known = KnownDevice.objects.filter(user=user)
    known.filter(seen_at__lt=now - REMEMBERED).delete()
    is_first = not known.exists()
    digest = _digest(user, origin)
    _device, is_new = KnownDevice.objects.update_or_create(user=user, digest=digest, defaults={"seen_at": now})
    is_news = is_new and not is_first
    if is_news:
        _leave_notice(user, origin, now)
    return is_news


def _leave_notice(user: User, origin: Origin, now: datetime) -> None:
    """To the address of this moment: whoever came in might change it before the mail is sent."""
    notice = SignInNotice.objects.create(
        user=user,
        email=EmailAddress.objects.get_primary_email(user) or user.email,
        address=origin.address,
        user_agent=origin.user_agent,
        created_at=now,
    )
    work.make_due(MAIL_TASK, organization_id=None, object_id=notice.pk)


def _digest(user: User, origin: Origin) -> bytes:
    """Of the browser's name without its version, or every update would be news."""
    device = f"{user.pk}\n{origin.address}\n{user_agents.described(origin.user_agent)}"
    return hmac.digest(settings.SECRET_KEY.encode(), b"known-device\n" + device.encode(), "sha256")
