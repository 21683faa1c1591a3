"""System checks of tenant isolation: a start with a hole in the wall is refused."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.apps import apps
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connection
from django.db.utils import DatabaseError

from core.databases import APP
from core.scope import OrgScopedModel

# The closed list: tables the application role may read without a scope. Everything else has row-level security.
TABLES_WITHOUT_RLS: Final = frozenset(
    {
        "account_emailaddress",
        "account_emailconfirmation",
        "api_key_lookup",
        "catalogue_changes",
        "django_cache",
        "django_content_type",
        "django_migrations",
        "django_session",
        "heartbeats",
        "invitation_lookup",
        "known_devices",
        "memberships",
        "mfa_authenticator",
        "organizations",
        "project_activity",
        "sign_in_notices",
        "socialaccount_socialaccount",
        "socialaccount_socialtoken",
        "rule_evaluations",
        "users",
        "usersessions_usersession",
        "work_due",
    }
)

# Row-level security that shows rows of no organization to everybody (core.rls.shared_table).
TABLES_WITH_SHARED_ROWS: Final = frozenset({"rate_cards"})

_ROLE = "select rolsuper or rolbypassrls from pg_roles where rolname = current_user"
_OWNED = "select count(*) from pg_class where relowner = (select oid from pg_roles where rolname = current_user)"
_UNPROTECTED = """
    select c.relname from pg_class c
    where c.relname = any(%s) and c.relnamespace = 'public'::regnamespace
      and not (c.relrowsecurity and exists (select from pg_policy p where p.polrelid = c.oid
               and (select oid from pg_roles where rolname = %s) = any(p.polroles)))"""
_PUBLIC = "select distinct polrelid::regclass::text from pg_policy where 0 = any(polroles)"


def tenant_tables() -> list[str]:
    """Tables of every model with an organization."""
    return sorted(model._meta.db_table for model in apps.get_models() if issubclass(model, OrgScopedModel))


@register(Tags.database)
def check_isolation(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Refuse a role or a table that row-level security does not bind."""
    if "default" not in (databases or ()):
        return []
    try:
        with connection.cursor() as cursor:
            return isolation_errors(cursor)
    except DatabaseError as error:
        return [Error(f"The database cannot be asked about tenant isolation: {error}", id="tokenops.E000")]


def isolation_errors(cursor: Any) -> list[CheckMessage]:
    """What is wrong for the role and the database behind ``cursor``."""
    return [*_role_errors(cursor), *_table_errors(cursor)]


def _role_errors(cursor: Any) -> Iterable[CheckMessage]:
    cursor.execute(_ROLE)
    if cursor.fetchone()[0]:
        yield Error("The web role is a superuser or bypasses row-level security.", id="tokenops.E001")
    cursor.execute(_OWNED)
    if cursor.fetchone()[0]:
        yield Error("The web role owns tables, so row-level security does not bind it.", id="tokenops.E002")


def _table_errors(cursor: Any) -> Iterable[CheckMessage]:
    cursor.execute(_UNPROTECTED, [[*tenant_tables(), *TABLES_WITH_SHARED_ROWS], APP])
    for (table,) in cursor.fetchall():
        yield Error(f"Tenant table {table} has no row-level security for the web role.", id="tokenops.E003")
    cursor.execute(_PUBLIC)
    for (table,) in cursor.fetchall():
        yield Error(f"Table {table} has a policy for PUBLIC.", id="tokenops.E004")
