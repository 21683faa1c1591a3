"""Where a person signed in from before: a sign-in from elsewhere is worth a mail."""

import hmac
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction

from core import user_agents
from core.origin import Origin
from tenants.models import KnownDevice, User

REMEMBERED: Final = timedelta(days=180)


@transaction.atomic
def remember_device(*, user: User, origin: Origin, now: datetime) -> bool:
    """Remember where ``user`` signs in from; True when that is new and something else was known.

    The very first sign-in is nobody's news: it follows the sign-up.
    """
    known = KnownDevice.objects.filter(user=user)
    known.filter(seen_at__lt=now - REMEMBERED).delete()
    is_first = not known.exists()
    digest = _digest(user, origin)
    _device, is_new = KnownDevice.objects.update_or_create(user=user, digest=digest, defaults={"seen_at": now})
    return is_new and not is_first


def _digest(user: User, origin: Origin) -> bytes:
    """Of the browser's name without its version, or every update would be news."""
    device = f"{user.pk}\n{origin.address}\n{user_agents.described(origin.user_agent)}"
    return hmac.digest(settings.SECRET_KEY.encode(), b"known-device\n" + device.encode(), "sha256")
