"""Everything a database needs before the first query: roles, privileges, migrations. Safe to run at every start."""

import psycopg
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from core.databases import APP, EDGE, OWNER, QUEUE, ROLES, Database

_ALL = "select, insert, update, delete"
# Tables of Django and its packages: their migrations know nothing of our roles, so the grants are made here.
PACKAGE_TABLES = {
    "account_emailaddress": _ALL,
    "account_emailconfirmation": _ALL,
    "django_cache": _ALL,
    "django_content_type": _ALL,
    "django_migrations": "select",
    "django_session": _ALL,
    "mfa_authenticator": _ALL,
    "socialaccount_socialaccount": _ALL,
    # No token of an identity provider is kept; what refers to an account is looked for when the account goes.
    "socialaccount_socialtoken": "select, delete",
    "usersessions_usersession": _ALL,
}


def create_roles(database: Database) -> None:
    """Create the four roles, or set their passwords anew, and give the owner the schema.

    :raises psycopg.Error: the identity in ``DATABASE_URL`` may not create roles.
    """
    with psycopg.connect(database.url, autocommit=True) as connection:
        existing = {name for (name,) in connection.execute("select rolname from pg_roles")}
        name = connection.info.dbname
        for role in ROLES:
            verb = sql.SQL("alter" if role in existing else "create")
            statement = sql.SQL("{} role {} login password {}")
            connection.execute(statement.format(verb, sql.Identifier(role), sql.Literal(database.password(role))))
        for grant in _privileges(name):
            connection.execute(grant)


def _privileges(database_name: str) -> list[sql.Composed]:
    statements = (
        "revoke all on database {db} from public",
        f"grant connect, temporary on database {{db}} to {APP}, {EDGE}",
        f"grant connect, create, temporary on database {{db}} to {OWNER}, {QUEUE}",
        f"grant usage, create on schema public to {OWNER}",
        f"grant usage on schema public to {APP}, {EDGE}",
    )
    return [sql.SQL(text).format(db=sql.Identifier(database_name)) for text in statements]


def migrate(*, verbosity: int = 0) -> None:
    """Bring the schema up to date as its owner, then let the web and worker role use what packages created."""
    call_command("migrate", database="owner", verbosity=verbosity, interactive=False)
    call_command("createcachetable", database="owner", verbosity=0)
    with connections["owner"].cursor() as cursor:
        for table, rights in PACKAGE_TABLES.items():
            cursor.execute(f"grant {rights} on {table} to {APP}")
        cursor.execute(f"grant usage on all sequences in schema public to {APP}")
