"""A database as empty as it was, at the price of what was written.

TRUNCATE makes new files for every table, index and daily partition, seven hundred of them, however few have rows: a
second. Here the few tables with rows lose them; the superuser may leave out the keys and triggers between them.
"""

import psycopg
from django.conf import settings
from psycopg import sql

from core.databases import OWNER

_KEEP = ["django_migrations", "django_content_type"]
_MANY = 1_000  # dead rows, which nothing clears away: tests run without autovacuum


def empty_database() -> None:
    """Delete every row of our tables and let their ids begin anew."""
    with psycopg.connect(settings.DATABASE.url, autocommit=True) as superuser:
        superuser.execute("set session_replication_role = replica")
        for table in _with_rows(superuser):
            gone = superuser.execute(sql.SQL("delete from only {}").format(sql.Identifier(table)))
            if gone.rowcount > _MANY:
                superuser.execute(sql.SQL("vacuum {}").format(sql.Identifier(table)))
        superuser.execute(
            "select setval(format('%%I.%%I', schemaname, sequencename)::regclass, start_value, false) from pg_sequences"
            " where schemaname = 'public' and sequenceowner = %s and last_value is not null"
            " and sequencename <> all(%s)",
            [OWNER, [f"{table}_id_seq" for table in _KEEP]],
        )


def _with_rows(superuser: psycopg.Connection) -> list[str]:
    """Partitions by their own names; the tables they are of have no rows themselves.

    A table whose file is empty was never written to, and asking its size costs a fiftieth of looking into it.
    """
    ours = superuser.execute(
        "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
        " and relowner = %s::regrole and relname <> all(%s) and pg_relation_size(oid) > 0",
        [OWNER, _KEEP],
    )
    has_rows = sql.SQL("select {} where exists (select from only {})")
    asked = [has_rows.format(sql.Literal(name), sql.Identifier(name)) for (name,) in ours]
    return [name for (name,) in superuser.execute(sql.SQL(" union all ").join(asked))] if asked else []
