"""What the suite's own fixtures promise to the tests that take them."""

import json

from django.db import connection, transaction

from conftest import insert_organization, make_organization
from core.scope import org_scope

# What no two organizations have in common, besides ids.
OF_EACH = {"created_at", "hash_key"}


def tables(cursor):
    """Those that the application may read, without partitions."""
    cursor.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        " and not relispartition and has_table_privilege(oid, 'select') order by 1"
    )
    return [name for (name,) in cursor.fetchall()]


def made_by(make):
    """Every row there is in any table once ``make`` has made an organization, which does not stay."""
    with transaction.atomic():
        organization = make("Acme")
        with org_scope(organization.pk), connection.cursor() as cursor:
            found = {name: rows(cursor, name) for name in tables(cursor)}
        transaction.set_rollback(True)
    return {name: content for name, content in found.items() if content}


def rows(cursor, table):
    cursor.execute(f"select to_jsonb(t)::text from {table} t order by t.*")
    return [common(json.loads(row)) for (row,) in cursor.fetchall()]


def common(row):
    """The row with a mark in place of what is its alone."""
    return {name: "…" if value and (name in OF_EACH or name.endswith("id")) else value for name, value in row.items()}


def test_an_organization_of_the_fixtures_is_one_that_services_made(db):
    inserted = made_by(insert_organization)

    assert inserted == made_by(make_organization)
    assert {"users", "organizations", "memberships", "projects", "audit_entries"} <= set(inserted)
