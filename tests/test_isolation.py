"""Tenant isolation asked of the database itself, by raw SQL as the product's own roles."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from core import checks
from core.databases import APP, EDGE, OWNER

RELATIONS = """
    select c.relname from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f') order by 1"""
PARTITIONS = """
    select c.oid::regclass::text from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'calls'::regclass order by 1"""
# Tables the edge writes for many organizations at once (architecture.md, "Database roles").
EDGE_TABLES = {
    "calls",
    "call_rollups_hourly",
    "call_rollups_daily",
    "call_sizes_daily",
    "prompt_hash_daily",
    "user_rollups_daily",
    "condensed_days",
    "condensed_hours",
    "api_key_usage",
    "gateway_providers",
    "gateway_settings",
    "gateway_traffic_hourly",
    "ingest_counters",
    "cloud_samples",
    "ingest_idempotency",
    "response_seen",
    "organization_settings",
    "projects",
    "provider_credentials",
    "rate_cards",
    "rejected_events",
    "team_aliases",
    "teams",
}


def rows(statement: str, *parameters: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def is_readable(table: str) -> bool:
    """Through an index: who reads an empty table from one end to the other is not asked for a scope, for no row."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("set local enable_seqscan = off")
            cursor.execute(f'select * from "{table}" limit 1')
    except DatabaseError:
        return False
    return True


def test_the_tests_run_as_the_web_role(db):
    assert rows("select current_user") == [(APP,)]


def test_without_a_scope_only_the_closed_list_can_be_read(acme, globex):
    relations = {name for (name,) in rows(RELATIONS)}

    readable = {name for name in relations if is_readable(name)}

    assert readable == checks.TABLES_WITHOUT_RLS | checks.TABLES_WITH_SHARED_ROWS


def test_every_tenant_table_binds_the_web_role_to_its_scope(db):
    found = rows(
        "select tablename, policyname, roles::text[], cmd, qual, with_check from pg_policies"
        " where schemaname = 'public' and policyname = 'app_scope' order by 1"
    )

    assert [table for table, *_ in found] == checks.tenant_tables()
    for table, _name, roles, command, using, with_check in found:
        assert (roles, command) == ([APP], "ALL"), table
        assert "organization_id = " in using, table
        assert "tokenops.org_id" in using, table
        assert with_check == using, table


def test_policies_are_for_the_web_role_and_the_edge_and_nobody_else(db):
    found = {(table, tuple(roles)) for table, roles in rows("select tablename, roles::text[] from pg_policies")}

    assert {roles for _table, roles in found} == {(APP,), (EDGE,)}
    assert {table for table, roles in found if roles == (EDGE,)} == EDGE_TABLES


def test_row_level_security_is_on_for_exactly_the_tenant_and_shared_tables(db):
    found = rows(
        "select relname from pg_class where relrowsecurity and relnamespace = 'public'::regnamespace order by 1"
    )

    assert {name for (name,) in found} == {*checks.tenant_tables(), *checks.TABLES_WITH_SHARED_ROWS}


def card_of(organization_id: int | None) -> str:
    owner = "null" if organization_id is None else str(organization_id)
    return (
        "insert into rate_cards (organization_id, provider, provider_name, catalogue_id, model_name, position, match,"
        f" context, prices, source, version, created_at) values ({owner}, 'p', '', 'm', '', 0, '{{}}', '{{}}', '{{}}',"
        " 'own', '', now())"
    )


def run(statement: str) -> int:
    """How many rows ``statement`` changed; -1 where the policies refuse it."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
            return int(cursor.rowcount)
    except DatabaseError:
        return -1


def test_own_rate_cards_are_seen_and_written_in_their_scope_and_the_catalogue_outside_of_all(acme, globex, scope):
    assert run(card_of(None)) == 1
    assert run(card_of(acme.pk)) == -1
    with scope(acme):
        assert run(card_of(acme.pk)) == 1
        assert run(card_of(globex.pk)) == -1
        assert run(card_of(None)) == -1

    def owners():
        return sorted(owner or 0 for (owner,) in rows("select organization_id from rate_cards"))

    assert owners() == [0]
    with scope(globex):
        assert owners() == [0]
        assert run("update rate_cards set prices = '{}'") == 0
        assert run("delete from rate_cards") == 0
    with scope(acme):
        assert owners() == [0, acme.pk]
        assert run("update rate_cards set organization_id = null") == -1
        assert run("update rate_cards set version = 'x'") == 1
        assert run("delete from rate_cards") == 1
    assert run("delete from rate_cards") == 1


def test_partitions_give_the_web_role_nothing_and_the_edge_only_insert(db):
    grants = """
        select privilege_type from information_schema.role_table_grants
        where table_name = %s and grantee = %s order by 1"""
    partitions = [name for (name,) in rows(PARTITIONS)]
    assert len(partitions) > 40

    with psycopg.connect(settings.DATABASE.conninfo(OWNER)) as owner:
        for name in partitions:
            assert owner.execute(grants, [name, APP]).fetchall() == [], name
            assert owner.execute(grants, [name, EDGE]).fetchall() == [("INSERT",)], name
            assert owner.execute(grants, [name, "PUBLIC"]).fetchall() == [], name


def test_the_edge_reads_neither_people_nor_whole_calls(db):
    forbidden = ["users", "memberships", "audit_entries", "api_keys", "django_session", "team_members"]
    with psycopg.connect(settings.DATABASE.conninfo(EDGE), autocommit=True) as edge:
        for table in forbidden:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                edge.execute(f"select * from {table}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            edge.execute("select cost_usd from calls")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            edge.execute("delete from calls")


def test_no_role_of_the_product_is_above_the_policies(db):
    found = rows("select rolname from pg_roles where rolname like 'tokenops\\_%%' and (rolsuper or rolbypassrls)")

    assert found == []


def test_the_checks_pass_on_the_database_as_it_is(db):
    assert checks.check_isolation(databases=["default"]) == []
    assert checks.check_isolation(databases=[]) == []


@contextmanager
def broken(conninfo: str, *statements: str) -> Iterator[Any]:
    """A cursor of a transaction in which ``statements`` have happened and will not stay."""
    with psycopg.connect(conninfo) as other:
        for statement in statements:
            other.execute(statement)
        yield other.cursor()
        other.rollback()


def ids(cursor: Any) -> set[str | None]:
    return {message.id for message in checks.isolation_errors(cursor)}


def test_a_superuser_as_web_role_is_refused(db):
    with broken(settings.DATABASE.url) as cursor:
        assert "tokenops.E001" in ids(cursor)


def test_a_web_role_that_owns_tables_is_refused(db):
    with broken(settings.DATABASE.conninfo(OWNER)) as cursor:
        assert ids(cursor) == {"tokenops.E002"}


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("projects", "alter table projects disable row level security"),
        ("projects", "drop policy app_scope on projects"),
        ("rate_cards", "alter table rate_cards disable row level security"),
        ("rate_cards", "drop policy app_own on rate_cards; drop policy app_shared on rate_cards"),
    ],
)
def test_a_tenant_table_without_its_policy_is_refused(db, table, statement):
    with broken(settings.DATABASE.conninfo(OWNER), statement) as cursor:
        found = [message for message in checks.isolation_errors(cursor) if message.id == "tokenops.E003"]

    assert [message.msg for message in found] == [f"Tenant table {table} has no row-level security for the web role."]


def test_a_policy_for_everybody_is_refused(db):
    with broken(settings.DATABASE.conninfo(OWNER), "create policy open on projects using (true)") as cursor:
        found = [message for message in checks.isolation_errors(cursor) if message.id == "tokenops.E004"]

    assert [message.msg for message in found] == ["Table projects has a policy for PUBLIC."]


def test_a_database_that_cannot_be_asked_is_refused(db, monkeypatch):
    monkeypatch.setattr(checks, "_ROLE", "select nonsense")

    with transaction.atomic():
        found = checks.check_isolation(databases=["default"])
        transaction.set_rollback(True)

    assert [message.id for message in found] == ["tokenops.E000"]
