"""What a key leaves behind when the API takes it: when and from where, and a new digest. The edge does the same."""

from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import connection

from core.keys import Peppers
from core.recent import Recent
from tenants.models import ApiKeyLookup

_NOTE: Final = """
    insert into api_key_usage as u (key_id, organization_id, last_used_at, last_address) values (%s, %s, %s, %s)
    on conflict (key_id) do update set last_used_at = excluded.last_used_at, last_address = excluded.last_address
    where u.last_used_at <= excluded.last_used_at - interval '1 minute'"""

noted = Recent(60.0)


def peppers() -> Peppers:
    return Peppers(settings.KEY_PEPPER, settings.KEY_PEPPER_PREVIOUS)


def note_use(*, key_id: int, organization_id: int, address: str, now: datetime) -> None:
    """Remember the use, at most once a minute a key; call inside the scope."""
    if key_id in noted:
        return
    noted.add(key_id)
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [key_id, organization_id, now, address])


def renew_digest(*, text: str, row: ApiKeyLookup) -> None:
    """Store the digest under the current pepper if it has another; ``text`` is the key that ``row`` was found for."""
    renewal = peppers().renewal(text, stored=bytes(row.digest), stored_id=row.pepper_id)
    if renewal is not None:
        unchanged = ApiKeyLookup.objects.filter(key_id=row.key_id, digest=renewal.seen)
        unchanged.update(digest=renewal.digest, pepper_id=renewal.pepper_id)
