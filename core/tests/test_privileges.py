"""What each role of the product may do in a migrated database, asked of the database; and the helpers that say so."""

from contextlib import closing, contextmanager

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import DatabaseError, OperationalError, connection, connections, transaction
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg import errors

from core import checks, provisioning, queue, rls
from core.databases import APP, EDGE, OWNER, QUEUE, ROLES

ALL = {"SELECT", "INSERT", "UPDATE", "DELETE"}
READ, APPEND = {"SELECT"}, {"SELECT", "INSERT"}
# Everything else the web role may read and write.
APP_EXCEPTIONS: dict[str, set[str]] = {
    "api_answers": {"SELECT", "INSERT", "UPDATE"},
    "api_key_usage": {"SELECT", "INSERT", "UPDATE"},
    # Permissions of django.contrib.auth are not used; its tables are only there.
    "auth_group": set(),
    "auth_group_permissions": set(),
    "auth_permission": set(),
    "audit_entries": APPEND,
    "audit_heads": READ,
    "calls": ALL - {"INSERT"},
    "calls_stage": set(),
    "cloud_samples": {"SELECT", "DELETE"},
    "features_apart": {"SELECT", "INSERT", "DELETE"},
    "gateway_spool_segments": set(),
    "gateway_traffic_hourly": {"SELECT", "DELETE"},
    "django_migrations": READ,
    "ingest_counters": READ,
    "ingest_idempotency": READ,
    "response_seen": READ,
    "rejected_events": READ,
    # Identity providers are configuration, and their tokens are not kept.
    "socialaccount_socialapp": set(),
    "socialaccount_socialtoken": {"SELECT", "DELETE"},
}
GRANTED = """
    select c.relname, p.privilege from pg_class c,
      unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER,MAINTAIN}'::text[]) as p (privilege)
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
      and has_table_privilege(%s, c.oid, p.privilege)"""
TABLES = """
    select relname from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition"""


# Some take sessions of their own and no other fixture of the database.
pytestmark = pytest.mark.usefixtures("django_db_setup")


def asked(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def granted(role):
    found: dict[str, set[str]] = {}
    for table, privilege in asked(GRANTED, role):
        found.setdefault(table, set()).add(privilege)
    return found


def refused(role, *statements):
    """Each statement, as ``role``, fails for want of a privilege."""
    with psycopg.connect(settings.DATABASE.conninfo(role), autocommit=True) as session:
        for statement in statements:
            with pytest.raises(errors.InsufficientPrivilege):
                session.execute(statement)


# --- The roles in the migrated database ---


def test_the_web_role_changes_rows_and_never_tables(db):
    expected = {table: APP_EXCEPTIONS.get(table, ALL) for (table,) in asked(TABLES)}

    assert granted(APP) == {table: rights for table, rights in expected.items() if rights}


def test_the_edge_has_whole_tables_only_where_it_writes(db):
    write = {"SELECT", "INSERT", "UPDATE"}

    assert granted(EDGE) == {
        "api_key_lookup": READ,
        "api_key_usage": write,
        "call_rollups_daily": write,
        "call_rollups_hourly": write,
        "call_sizes_daily": write,
        "calls": {"INSERT"},  # and three columns to find duplicates by
        "calls_stage": READ,
        "ingest_counters": write,
        "gateway_providers": READ,
        "gateway_settings": READ,
        "gateway_spool_segments": write | {"DELETE"},
        "gateway_traffic_hourly": write,
        "cloud_samples": {"INSERT"},  # and the identity to find duplicates by
        "heartbeats": write,
        "ingest_idempotency": write,
        "organization_settings": READ,
        "project_activity": write,
        "projects": READ,
        "provider_credentials": READ,
        "prompt_hash_daily": write,
        "rate_cards": READ,
        "response_seen": write,
        "rejected_events": write,
        "team_aliases": READ,
        "teams": READ,
        "user_rollups_daily": write,
        "condensed_days": write,
        "condensed_hours": write,
    }


def test_the_queue_role_has_no_right_on_any_table_of_ours(db):
    assert granted(QUEUE) == {}


def test_nobody_but_the_owner_may_truncate_and_nobody_owns_but_the_owner(db):
    assert {role for role in ROLES if any("TRUNCATE" in rights for rights in granted(role).values())} == {OWNER}
    assert asked(
        "select distinct relowner::regrole::text from pg_class where relnamespace = 'public'::regnamespace"
    ) == [(OWNER,)]


def test_the_web_role_creates_alters_and_empties_nothing(db):
    refused(
        APP,
        "create table mine (n integer)",
        "create table public.mine (n integer)",
        "create schema mine",
        "create role mine",
        "create database mine",
        "drop table projects",  # "must be owner"
        "alter table projects disable row level security",
        "drop policy app_scope on projects",
        "truncate audit_entries",
        "update audit_entries set action = 'nothing'",
        "delete from audit_entries",
        "insert into django_migrations (app, name, applied) values ('core', '9999', now())",
        f"alter role {APP} bypassrls",
    )

    assert asked("select to_regclass('public.mine'), to_regnamespace('mine')") == [(None, None)]


def test_edge_and_queue_create_no_tables_in_the_products_schema(db):
    for role in (EDGE, QUEUE):
        refused(role, "create table public.mine (n integer)", "create index on public.projects (name)")

    assert asked("select to_regclass('public.mine')") == [(None,)]


def test_the_queue_role_reads_no_table(db):
    refused(QUEUE, *[f"select 1 from {table}" for (table,) in asked(TABLES)])


def test_web_role_and_edge_read_no_queue(committed_db):
    queue.install_queue(settings.DATABASE)

    for role in (APP, EDGE):
        refused(
            role,
            "select * from pgmq.q_tokenops",
            "select * from pgmq.meta",
            "select * from pgmq.read('tokenops', 30, 1)",
            "select pgmq.send('tokenops', '{}'::jsonb)",
            "delete from pgmq.q_tokenops",
        )


@pytest.mark.parametrize("role", [EDGE, QUEUE])
@pytest.mark.parametrize(
    "call", ["ensure_partitions(date '2001-01-01', date '2001-01-02')", "drop_partitions('today')"]
)
def test_partitions_are_made_and_dropped_by_the_web_role_only(db, role, call):
    before = asked("select * from call_partitions()")

    refused(role, f"select {call}")

    assert asked("select * from call_partitions()") == before


def test_migrating_again_changes_no_right(committed_db):
    acl = "select relname, relacl::text from pg_class where relnamespace = 'public'::regnamespace order by 1"
    applied = "select app, name, applied from django_migrations order by id"
    before = asked(acl), asked(applied)

    provisioning.migrate()

    assert (asked(acl), asked(applied)) == before


# --- Statement timeouts ---


@contextmanager
def session_as(role, **options):
    """A cursor of a connection of Django's with the settings of ``role``."""
    entry = connection.settings_dict | settings.DATABASE.django(role, **options)
    with closing(DatabaseWrapper(entry)) as other, other.cursor() as cursor:
        yield cursor


def test_a_session_is_given_the_time_its_role_has(db):
    def seconds(role, **options):
        with (
            closing(
                DatabaseWrapper({**connection.settings_dict, **settings.DATABASE.django(role, **options)})
            ) as other,
            other.cursor() as cursor,
        ):
            cursor.execute("select current_user, current_setting('statement_timeout')")
            return cursor.fetchone()

    assert [seconds(role) for role in ROLES] == [(OWNER, "0"), (APP, "1min"), (EDGE, "2s"), (QUEUE, "0")]
    assert seconds(APP, statement_timeout_ms=5_000) == (APP, "5s")
    assert asked("select current_setting('statement_timeout')") == [("5s",)]


def test_a_statement_that_takes_longer_is_ended(db):
    with session_as(APP, statement_timeout_ms=20) as cursor, pytest.raises(OperationalError) as ended:
        cursor.execute("select pg_sleep(3600)")

    assert isinstance(ended.value.__cause__, errors.QueryCanceled)


# --- The helpers of migrations, on a table of their own ---


@contextmanager
def scratch(*operations):
    """A superuser's transaction with an empty table ``notes`` and ``operations`` on it; rolled back."""
    with psycopg.connect(settings.DATABASE.url) as admin:
        admin.execute("create table notes (id bigserial primary key, organization_id bigint not null, text text)")
        admin.execute("create index on notes (organization_id)")  # as every tenant table has
        for operation in operations:
            run(admin, operation.sql)
        yield admin
        admin.rollback()


def run(session, statements):
    for statement in statements:
        session.execute(statement)


def become(session, role, organization=None):
    session.execute("reset role")
    session.execute(f"set local role {role}")
    if organization is not None:
        session.execute("select set_config('tokenops.org_id', %s, true)", [str(organization)])


def fails(session, kind, statement):
    session.execute("savepoint attempt")
    with pytest.raises(kind):
        session.execute(statement)
    session.execute("rollback to savepoint attempt")


def texts(session):
    return [text for (text,) in session.execute("select text from notes order by text")]


def test_a_tenant_table_shows_and_takes_rows_of_the_scope_only():
    with scratch(rls.tenant_table("notes")) as session:
        session.execute("insert into notes (organization_id, text) values (1, 'one'), (2, 'two')")
        become(session, APP, 1)

        session.execute("insert into notes (organization_id, text) values (1, 'three')")
        assert texts(session) == ["one", "three"]
        fails(session, errors.InsufficientPrivilege, "insert into notes (organization_id, text) values (2, 'x')")
        fails(session, errors.InsufficientPrivilege, "update notes set organization_id = 2")
        assert session.execute("delete from notes where organization_id = 2").rowcount == 0
        assert session.execute("update notes set text = 'x' where organization_id = 2").rowcount == 0

        session.execute("reset role")
        assert texts(session) == ["one", "three", "two"]


@pytest.mark.parametrize("rows", [0, 1])
def test_a_tenant_table_without_a_scope_is_an_error_even_when_it_is_empty(db, rows):
    with scratch(rls.tenant_table("notes")) as session:
        session.execute("insert into notes (organization_id) select 1 from generate_series(1, %s)", [rows])
        become(session, APP)

        fails(session, errors.UndefinedObject, "select * from notes")  # no such setting in this session yet
        become(session, APP, "")
        fails(session, errors.InvalidTextRepresentation, "select * from notes")
        fails(session, errors.InvalidTextRepresentation, "insert into notes (organization_id) values (1)")


def test_rights_are_no_more_than_asked_for():
    with scratch(rls.tenant_table("notes", app="select", edge="insert (organization_id, text)")) as session:
        become(session, APP, 1)
        assert texts(session) == []
        fails(session, errors.InsufficientPrivilege, "insert into notes (id, organization_id) values (1, 1)")
        fails(session, errors.InsufficientPrivilege, "select nextval('notes_id_seq')")

        become(session, EDGE)
        fails(session, errors.InsufficientPrivilege, "select text from notes")
        fails(session, errors.InsufficientPrivilege, "delete from notes")
        become(session, QUEUE)
        fails(session, errors.InsufficientPrivilege, "select text from notes")


def test_the_edge_writes_for_many_organizations_at_once_and_only_where_it_was_named():
    with scratch(rls.tenant_table("notes", edge="select, insert")) as session:
        become(session, EDGE)
        session.execute("insert into notes (id, organization_id, text) values (1, 1, 'one'), (2, 2, 'two')")
        assert texts(session) == ["one", "two"]
        fails(session, errors.InsufficientPrivilege, "update notes set text = 'x'")

    with scratch(rls.tenant_table("notes")) as session:
        become(session, EDGE)
        fails(session, errors.InsufficientPrivilege, "select text from notes")


@pytest.mark.parametrize("edge", ["", "select"])
def test_a_tenant_table_can_be_undone(edge):
    operation = rls.tenant_table("notes", edge=edge)

    with scratch(operation) as session:
        assert not isinstance(operation.reverse_sql, str)
        run(session, operation.reverse_sql)

        facts = "select relrowsecurity, (select count(*) from pg_policy where polrelid = c.oid) from pg_class c"
        assert session.execute(f"{facts} where oid = 'notes'::regclass").fetchall() == [(False, 0)]


def test_a_shared_table_shows_its_own_rows_and_those_of_nobody_and_takes_only_its_own():
    with scratch(rls.shared_table("notes", edge="select")) as session:
        session.execute("alter table notes alter organization_id drop not null")
        session.execute("insert into notes (organization_id, text) values (1, 'one'), (2, 'two'), (null, 'all')")
        become(session, APP)
        assert texts(session) == ["all"]
        become(session, APP, 1)
        assert texts(session) == ["all", "one"]
        fails(session, errors.InsufficientPrivilege, "insert into notes (organization_id, text) values (2, 'x')")
        fails(session, errors.InsufficientPrivilege, "insert into notes (organization_id, text) values (null, 'x')")
        assert session.execute("update notes set text = text || '!'").rowcount == 1
        assert session.execute("delete from notes where organization_id is null").rowcount == 0

        become(session, APP, "")
        assert session.execute("update notes set text = 'everybody'").rowcount == 1
        fails(session, errors.InsufficientPrivilege, "insert into notes (organization_id, text) values (1, 'x')")

        become(session, EDGE)
        assert texts(session) == ["everybody", "one!", "two"]
        fails(session, errors.InsufficientPrivilege, "delete from notes")


def test_an_open_table_has_grants_and_no_policy():
    with scratch(rls.open_table("notes", app="select, insert", edge="")) as session:
        become(session, APP)
        session.execute("insert into notes (organization_id, text) values (2, 'two')")
        assert texts(session) == ["two"]
        fails(session, errors.InsufficientPrivilege, "delete from notes")

        become(session, EDGE)
        fails(session, errors.InsufficientPrivilege, "select text from notes")


def test_a_table_without_a_sequence_needs_none():
    with psycopg.connect(settings.DATABASE.url) as admin:
        admin.execute("create table pairs (organization_id bigint primary key)")
        admin.execute("create table counted (id bigint generated by default as identity, organization_id bigint)")
        for table in ("pairs", "counted"):
            run(admin, rls.open_table(table).sql)
            become(admin, APP)
            admin.execute(f"insert into {table} (organization_id) values (1)")
            admin.execute("reset role")
        admin.rollback()


# --- The check at start ---


def test_no_tenant_table_is_on_the_list_of_open_ones():
    assert set(checks.tenant_tables()) & checks.TABLES_WITHOUT_RLS == set()
    assert checks.TABLES_WITH_SHARED_ROWS & (set(checks.tenant_tables()) | checks.TABLES_WITHOUT_RLS) == set()
    assert {"calls", "projects", "api_keys", "audit_entries"} <= set(checks.tenant_tables())


def test_a_start_on_a_database_with_a_hole_is_refused(db, monkeypatch):
    call_command("check", databases=["default"])
    monkeypatch.setattr(checks, "tenant_tables", lambda: ["users"])

    with pytest.raises(SystemCheckError) as refused:
        call_command("check", databases=["default"])

    assert "Tenant table users has no row-level security for the web role." in str(refused.value)
    assert "tokenops.E003" in str(refused.value)
    call_command("check")  # without a database there is nothing to ask


def test_a_table_the_web_role_may_not_read_says_only_that(db):
    with pytest.raises(DatabaseError, match="permission denied for table calls_stage"), transaction.atomic():
        asked("select * from calls_stage")

    assert connections["default"].is_usable()
