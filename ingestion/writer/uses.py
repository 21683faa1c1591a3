"""That a key was used: by when and from where, and the digest it gets when its pepper is being replaced."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from psycopg import Connection

from core.keys import Renewal

_NOTE: Final = """
    insert into api_key_usage as u (key_id, organization_id, last_used_at, last_address) values (%s, %s, %s, %s)
    on conflict (key_id) do update set last_used_at = excluded.last_used_at, last_address = excluded.last_address
    where u.last_used_at <= excluded.last_used_at - interval '1 minute'"""
_RENEW: Final = "select renew_key_digest(%s, %s, %s, %s)"


@dataclass(frozen=True, slots=True)
class KeyUse:
    """One request of a key; ``address`` is the client's, '' when nobody knows."""

    key_id: int
    organization_id: int
    address: str = ""
    renewal: Renewal | None = field(default=None, repr=False)


def note_use(connection: Connection[Any], use: KeyUse, now: datetime) -> None:
    """Write it down in the connection's transaction; other processes have perhaps done so within the minute."""
    connection.execute(_NOTE.encode(), [use.key_id, use.organization_id, now, use.address])
    if use.renewal:
        renewed = use.renewal
        connection.execute(_RENEW.encode(), [use.key_id, renewed.seen, renewed.digest, renewed.pepper_id])
