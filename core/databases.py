"""Where the database is and as which role to enter it. Pure: one URL and one secret decide every connection."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any, Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

OWNER: Final = "tokenops_owner"
APP: Final = "tokenops_app"
EDGE: Final = "tokenops_edge"
QUEUE: Final = "tokenops_queue"
ROLES: Final = (OWNER, APP, EDGE, QUEUE)

# A runaway statement of one role must not hold the others up; the owner migrates and may take its time.
STATEMENT_TIMEOUT_MS: Final = {OWNER: 0, APP: 60_000, EDGE: 2_000, QUEUE: 0}
WEB_STATEMENT_TIMEOUT_MS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Database:
    """One Postgres database and the four roles in it.

    ``url`` is a libpq URL of someone who may create roles; only provisioning uses that identity. Role passwords are
    derived from ``secret``, so there is nothing more to configure and nothing to store.
    """

    url: str
    secret: str

    def password(self, role: str) -> str:
        return hmac.new(self.secret.encode(), f"database-role:{role}".encode(), hashlib.sha256).hexdigest()

    def parameters(self, role: str) -> dict[str, str]:
        """libpq parameters to connect as ``role``."""
        base = {key: str(value) for key, value in conninfo_to_dict(self.url).items() if value is not None}
        return base | {"user": role, "password": self.password(role)}

    def conninfo(self, role: str, **extra: str) -> str:
        """The same as one ``key=value`` line, for psycopg and the queue's driver."""
        return make_conninfo(**(self.parameters(role) | extra))

    def django(self, role: str, *, statement_timeout_ms: int | None = None) -> dict[str, Any]:
        """A ``DATABASES`` entry for ``role``."""
        parameters = self.parameters(role)
        timeout = STATEMENT_TIMEOUT_MS[role] if statement_timeout_ms is None else statement_timeout_ms
        known = {"host", "port", "dbname", "user", "password"}
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": parameters["dbname"],
            "USER": role,
            "PASSWORD": parameters["password"],
            "HOST": parameters.get("host", ""),
            "PORT": parameters.get("port", ""),
            "OPTIONS": {k: v for k, v in parameters.items() if k not in known}
            | {"options": f"-c statement_timeout={timeout}", "application_name": role},
        }
