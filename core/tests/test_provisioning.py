"""Roles and privileges from nothing, on a server of its own: roles are shared by everything on a server."""

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from core import provisioning
from core.databases import APP, EDGE, OWNER, QUEUE, ROLES, Database
from tokenops.embedded import EmbeddedPostgres

SECRET, NEW_SECRET = "s" * 40, "t" * 40
PRIVILEGES = """
    select r.rolname, p.privilege from pg_roles r, unnest(%s::text[]) as p (privilege)
    where r.rolname = any(%s) and {test}"""
ROLE_FACTS = """
    select rolname, rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, rolreplication
    from pg_roles where rolname like 'tokenops\\_%' order by rolname"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server that asks our roles for their passwords, as a real one does."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("server"), durable=False) as running:
        rules = running.data_dir / "pg_hba.conf"
        rules.write_text("local all /^tokenops_ scram-sha-256\nlocal all all trust\n")
        with psycopg.connect(running.url, autocommit=True) as admin:
            admin.execute("select pg_reload_conf()")
        yield running


@pytest.fixture
def database(server) -> Database:
    database = Database(url=server.url, secret=SECRET)
    provisioning.create_roles(database)
    return database


def asked(database, statement, *values):
    with psycopg.connect(database.url, autocommit=True) as admin:
        return admin.execute(statement, values or None).fetchall()


def privileges(database, names, test):
    rows = asked(database, PRIVILEGES.format(test=test), names, list(ROLES))
    return {role: {name for owner, name in rows if owner == role} for role in ROLES}


def everything(database):
    """All there is to know about roles and rights except passwords, whose salt is new each time."""
    return [
        asked(database, "select oid, rolname from pg_roles order by 1"),
        asked(database, "select datname, datacl::text from pg_database order by 1"),
        asked(database, "select nspname, nspacl::text from pg_namespace order by 1"),
        asked(database, "select relname, relacl::text, relowner from pg_class order by oid"),
        asked(database, "select roleid, member from pg_auth_members order by 1, 2"),
    ]


def test_there_are_four_roles_and_none_has_a_special_power(database):
    assert asked(database, ROLE_FACTS) == [(role, True, *[False] * 5) for role in sorted(ROLES)]


def test_no_role_may_become_another(database):
    found = asked(database, "select count(*) from pg_auth_members where member = any(%s::regrole[])", list(ROLES))

    assert found == [(0,)]
    with psycopg.connect(database.conninfo(APP), autocommit=True) as app:
        for role in (OWNER, EDGE, QUEUE, "postgres"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(sql.SQL("set role {}").format(sql.Identifier(role)))


def test_each_role_may_do_with_the_database_what_its_work_needs(database):
    test = "has_database_privilege(r.oid, current_database(), p.privilege)"

    assert privileges(database, ["CONNECT", "CREATE", "TEMPORARY"], test) == {
        OWNER: {"CONNECT", "CREATE", "TEMPORARY"},
        APP: {"CONNECT", "TEMPORARY"},
        EDGE: {"CONNECT", "TEMPORARY"},
        QUEUE: {"CONNECT", "CREATE", "TEMPORARY"},
    }


def test_only_the_owner_may_create_in_the_schema(database):
    found = privileges(database, ["CREATE"], "has_schema_privilege(r.oid, 'public', p.privilege)")

    assert found == {OWNER: {"CREATE"}, APP: set(), EDGE: set(), QUEUE: set()}


def test_a_role_nobody_mentioned_may_not_even_connect(database):
    with psycopg.connect(database.url, autocommit=True) as admin:
        admin.execute("create role stranger login")
    try:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(make_conninfo(database.url, user="stranger"))
    finally:
        with psycopg.connect(database.url, autocommit=True) as admin:
            admin.execute("drop role stranger")


def test_a_second_start_changes_nothing_and_keeps_what_is_there(database):
    with psycopg.connect(database.conninfo(OWNER), autocommit=True) as owner:
        owner.execute("create table if not exists kept (n integer)")
        owner.execute("insert into kept values (1)")
    before = everything(database)

    provisioning.create_roles(database)

    assert everything(database) == before
    with psycopg.connect(database.conninfo(OWNER), autocommit=True) as owner:
        assert owner.execute("select n from kept").fetchall() == [(1,)]
        owner.execute("drop table kept")


@pytest.mark.parametrize("role", ROLES)
def test_a_new_secret_is_a_new_password_and_the_old_one_ends(database, role):
    renewed = Database(url=database.url, secret=NEW_SECRET)

    provisioning.create_roles(renewed)

    with psycopg.connect(renewed.conninfo(role)) as connection:
        assert connection.info.user == role
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(database.conninfo(role))


def test_passwords_are_kept_as_scram_verifiers_only(database):
    stored = dict(asked(database, "select rolname, rolpassword from pg_authid where rolname = any(%s)", list(ROLES)))

    assert set(stored) == set(ROLES)
    for role, verifier in stored.items():
        assert verifier.startswith("SCRAM-SHA-256$"), role
        assert database.password(role) not in verifier


def test_an_identity_that_may_not_create_roles_is_refused_and_changes_nothing(database):
    powerless = Database(url=database.conninfo(OWNER), secret=NEW_SECRET)
    passwords = "select rolname, rolpassword from pg_authid order by 1"
    before = [*everything(database), asked(database, passwords)]

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        provisioning.create_roles(powerless)

    assert [*everything(database), asked(database, passwords)] == before


def test_a_database_that_is_away_is_an_error(tmp_path):
    nowhere = Database(url=f"postgresql://postgres@/tokenops?host={tmp_path}", secret=SECRET)

    with pytest.raises(psycopg.OperationalError):
        provisioning.create_roles(nowhere)
