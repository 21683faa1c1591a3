import pytest
from django.db import DatabaseError, connection, transaction

from core.scope import ScopeError, current_organization_id, org_scope
from tenants.models import Project


def test_tenant_query_without_a_scope_raises(acme):
    with pytest.raises(ScopeError):
        Project.objects.count()


def test_scope_shows_only_its_own_organization(acme, globex):
    with org_scope(acme.pk):
        assert [p.organization_id for p in Project.objects.all()] == [acme.pk]


def test_same_scope_nests_and_another_one_raises(acme, globex):
    with org_scope(acme.pk):
        with org_scope(acme.pk):
            assert current_organization_id() == acme.pk
        assert current_organization_id() == acme.pk
        with pytest.raises(ScopeError), org_scope(globex.pk):
            pytest.fail("a foreign scope was opened")


def test_after_the_scope_raw_sql_fails_closed(acme):
    with org_scope(acme.pk):
        pass

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select count(*) from projects")


def test_an_exception_leaves_no_scope_behind(acme):
    with pytest.raises(ZeroDivisionError), org_scope(acme.pk):
        raise ZeroDivisionError

    with pytest.raises(ScopeError):
        current_organization_id()
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select count(*) from projects")


def test_raw_sql_sees_no_foreign_row_and_cannot_write_one(acme, globex):
    with org_scope(acme.pk), connection.cursor() as cursor:
        cursor.execute("select distinct organization_id from projects")
        assert cursor.fetchall() == [(acme.pk,)]
        cursor.execute("update projects set name = 'taken' where organization_id = %s", [globex.pk])
        assert cursor.rowcount == 0
        with pytest.raises(DatabaseError), transaction.atomic():
            cursor.execute(
                "insert into projects (organization_id, slug, name, is_default, allow_personal_ids, retention_days,"
                " created_at) values (%s, 'x', 'x', false, false, 180, now())",
                [globex.pk],
            )


def test_saving_a_foreign_row_raises(acme, globex):
    with org_scope(acme.pk), pytest.raises(ScopeError):
        Project(organization=globex, slug="x", name="x").save()
