"""A project or an organization is announced for deletion, may be kept, and is gone afterwards with all that was its."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import psycopg
import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from conftest import make_organization
from core import work
from core.databases import OWNER
from core.models import WorkDue
from core.scope import org_scope
from dashboards.tests.factories import record_calls
from ingestion.models import Erasure
from tenants import deletion, events, key_services, services, tasks
from tenants.models import (
    ApiKey,
    ApiKeyUsage,
    AuditEntry,
    Event,
    Membership,
    Organization,
    OrganizationSettings,
    Project,
    User,
)
from tenants.permissions import Scope

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
PROJECT, ORGANIZATION = "/o/acme/p/web/settings/", "/o/acme/settings/"


def owner_of(organization):
    return User.objects.get(memberships__organization=organization, memberships__role="owner")


def schedule(project, **options):
    organization = project.organization
    given = {"actor": owner_of(organization), "confirmation": project.slug, "now": timezone.now()} | options
    return deletion.schedule_project(organization=organization, project=project, **given)


def make_due_now(organization, project=None):
    """The days of grace are over."""
    past = timezone.now() - timedelta(seconds=1)
    with org_scope(organization.pk):
        if project is None:
            OrganizationSettings.objects.update(delete_at=past)
        else:
            Project.objects.filter(pk=project.pk).update(delete_at=past)


def another_project(organization, name="Shop"):
    return services.create_project(organization=organization, actor=owner_of(organization), name=name)


def audited(organization):
    with org_scope(organization.pk):
        return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


def client_keys(organization, project):
    return key_services.create_key(
        organization=organization, actor=None, name="ci", scopes=[Scope.READ], project=project
    ).text


def api_status(client, key):
    return client.get("/api/v1/projects", headers={"X-API-Key": key}).status_code


# --- Asking for it ---


def test_a_project_is_announced_by_typing_its_slug_and_says_so_on_its_pages(admin, acme_project, scope):
    page = admin.get(PROJECT + "delete/").text
    assert "Type <strong" in page
    assert "It is the default project" in page

    answer = admin.post(PROJECT + "delete/", {"confirmation": " web "})

    assert answer.url == PROJECT
    page = admin.get(PROJECT).text
    assert "Web will be deleted" in page
    assert "Keep the project" in page
    assert "Delete…" not in page
    assert "Will be deleted" in admin.get("/o/acme/projects/").text
    with scope(acme_project.organization):
        project = Project.objects.get()
        assert timedelta(days=6, hours=23) < project.delete_at - timezone.now() <= deletion.GRACE
        entry = AuditEntry.objects.get(action="project.deletion_scheduled")
        assert entry.actor_name == "admin@acme.test"
        assert entry.facts == {"slug": "web", "delete_at": project.delete_at.isoformat(), "new_default": None}
    assert WorkDue.objects.get(task=deletion.PROJECT_TASK).due_at == project.delete_at


def test_members_see_what_will_happen_without_the_button_to_stop_it(admin, member, acme_project):
    admin.post(PROJECT + "delete/", {"confirmation": "web"})

    page = member.get("/o/acme/p/web/calls/").text

    assert "Web will be deleted" in page
    assert "Keep the project" not in page


@pytest.mark.parametrize("typed", ["", "Web", "webb", "acme"])
def test_another_word_than_the_slug_deletes_nothing(admin, acme_project, scope, typed):
    answer = admin.post(PROJECT + "delete/", {"confirmation": typed})

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "field-error" in answer.text
    with scope(acme_project.organization):
        assert Project.objects.get().delete_at is None
    assert not WorkDue.objects.exists()


def test_asking_twice_moves_nothing(acme_project):
    first = schedule(acme_project, now=NOW)

    second = schedule(acme_project, now=NOW + timedelta(days=3))

    assert first == second == NOW + deletion.GRACE
    assert audited(acme_project.organization).count("project.deletion_scheduled") == 1
    assert WorkDue.objects.get().due_at == first


def test_an_organization_is_announced_by_its_owner(owner, viewer, acme, acme_project, scope):
    answer = owner.post(ORGANIZATION + "delete/", {"confirmation": "acme"})

    assert answer.url == ORGANIZATION
    assert "Acme will be deleted" in owner.get(ORGANIZATION).text
    assert "Keep the organization" in owner.get(ORGANIZATION).text
    assert "Acme will be deleted" in viewer.get("/o/acme/projects/").text
    assert "Keep the organization" not in viewer.get("/o/acme/projects/").text
    with scope(acme):
        delete_at = OrganizationSettings.objects.get().delete_at
    assert WorkDue.objects.get(task=deletion.ORGANIZATION_TASK).due_at == delete_at
    assert "organization.deletion_scheduled" in audited(acme)


def test_an_admin_sees_no_way_to_delete_the_organization(admin, owner, acme):
    assert "Delete organization" not in admin.get(ORGANIZATION).text
    assert "Delete organization" in owner.get(ORGANIZATION).text


@pytest.mark.parametrize("typed", ["", "Acme", "globex"])
def test_another_word_deletes_no_organization(owner, acme, scope, typed):
    answer = owner.post(ORGANIZATION + "delete/", {"confirmation": typed})

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    with scope(acme):
        assert OrganizationSettings.objects.get().delete_at is None


def test_projects_and_organizations_of_others_do_not_exist(outsider, acme_project, scope):
    paths = [f"{base}{action}/" for base in (PROJECT, ORGANIZATION) for action in ("delete", "keep")]

    answers = [outsider.post(path, {"confirmation": word}).status_code for path in paths for word in ("web", "acme")]

    assert set(answers) == {HTTPStatus.NOT_FOUND}
    with scope(acme_project.organization):
        assert Project.objects.get().delete_at is None


# --- The default project ---


def test_the_oldest_other_project_becomes_the_default(acme_project, scope):
    shop, _blog = another_project(acme_project.organization), another_project(acme_project.organization, "Blog")

    schedule(acme_project)

    with scope(acme_project.organization):
        assert Project.objects.get(is_default=True) == shop
        assert AuditEntry.objects.get(action="project.deletion_scheduled").facts["new_default"] == "shop"


def test_a_project_that_is_to_be_deleted_inherits_nothing(acme_project, scope):
    shop = another_project(acme_project.organization)
    schedule(shop)

    schedule(acme_project)

    with scope(acme_project.organization):
        assert not Project.objects.filter(is_default=True).exists()


def test_after_the_last_project_a_new_one_is_the_default(acme_project):
    schedule(acme_project)

    assert another_project(acme_project.organization).is_default


def test_a_project_that_is_kept_is_the_default_only_where_there_is_none(acme_project, scope):
    acme = acme_project.organization
    schedule(acme_project)
    keep = {"organization": acme, "actor": owner_of(acme), "project": acme_project, "now": timezone.now()}

    deletion.keep_project(**keep)

    with scope(acme):
        assert Project.objects.get(slug="web").is_default
    shop = another_project(acme)
    schedule(acme_project)
    deletion.keep_project(**keep)
    with scope(acme):
        assert Project.objects.get(is_default=True) == shop


# --- Keeping it ---


def test_a_project_is_kept_with_one_click(admin, acme_project, scope):
    admin.post(PROJECT + "delete/", {"confirmation": "web"})

    answer = admin.post(PROJECT + "keep/")

    assert answer.url == PROJECT
    assert "will be deleted" not in admin.get(PROJECT).text
    with scope(acme_project.organization):
        assert Project.objects.get().delete_at is None
    assert audited(acme_project.organization)[-1] == "project.deletion_undone"
    assert not WorkDue.objects.exists()


def test_keeping_what_is_not_to_be_deleted_says_nothing(owner, acme, acme_project):
    before = audited(acme)

    assert owner.post(PROJECT + "keep/").url == PROJECT
    assert owner.post(ORGANIZATION + "keep/").url == ORGANIZATION

    assert audited(acme) == before


def test_an_organization_is_kept_by_its_owner(owner, acme, scope):
    owner.post(ORGANIZATION + "delete/", {"confirmation": "acme"})

    owner.post(ORGANIZATION + "keep/")

    with scope(acme):
        assert OrganizationSettings.objects.get().delete_at is None
    assert audited(acme)[-1] == "organization.deletion_undone"
    assert not WorkDue.objects.exists()


def test_what_is_being_deleted_cannot_be_kept_any_more(owner, acme, acme_project, scope):
    schedule(acme_project)
    make_due_now(acme, acme_project)

    answer = owner.post(PROJECT + "keep/", follow=True)

    assert "cannot be brought back" in answer.text
    with scope(acme):
        assert Project.objects.get().delete_at is not None
    deletion.schedule_organization(organization=acme, actor=owner_of(acme), confirmation="acme", now=NOW)
    with pytest.raises(ValidationError, match="cannot be brought back"):
        deletion.keep_organization(organization=acme, actor=owner_of(acme), now=NOW + deletion.GRACE)


# --- Keys during the days of grace (those that send are tested with the edge) ---


def test_keys_read_nothing_while_their_project_is_to_be_deleted(client, acme_project):
    acme = acme_project.organization
    own, everybodys = client_keys(acme, acme_project), client_keys(acme, None)
    schedule(acme_project)

    answer = client.get("/api/v1/projects", headers={"X-API-Key": own})

    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert answer.json()["detail"] == "The organization or project of this API key is about to be deleted."
    assert api_status(client, everybodys) == HTTPStatus.OK

    deletion.keep_project(organization=acme, actor=owner_of(acme), project=acme_project, now=timezone.now())
    assert api_status(client, own) == HTTPStatus.OK


def test_no_key_of_an_organization_that_is_to_be_deleted_reads(client, acme, acme_project, globex):
    keys = [client_keys(acme, acme_project), client_keys(acme, None)]
    theirs = client_keys(globex, None)

    deletion.schedule_organization(organization=acme, actor=owner_of(acme), confirmation="acme", now=timezone.now())

    assert [api_status(client, key) for key in keys] == [HTTPStatus.UNAUTHORIZED] * 2
    assert api_status(client, theirs) == HTTPStatus.OK


# --- The deletion itself, asked of every table there is ---


def tenant_rows(owner, column, value):
    """Rows by table that name ``value`` in ``column``, read as the owner, whom no policy binds."""
    tables = owner.execute(
        "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = %s"
        " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition"
        " and c.relname <> 'audit_entries' order by 1",
        [column],
    ).fetchall()
    counted = {
        name: owner.execute(f"select count(*) from {name} where {column} = %s", [value]).fetchone()[0]
        for (name,) in tables
    }
    return {name: count for name, count in counted.items() if count}


@pytest.fixture
def two_tenants(committed_db):
    acme, globex = make_organization("Acme"), make_organization("Globex")
    return acme, globex


def fill(organization):
    with org_scope(organization.pk):
        web = Project.objects.get(slug="web")
    shop = another_project(organization)
    now = timezone.now()
    for project in (web, shop):
        calls = [{"started_at": now - timedelta(days=day), "prompt_hash": "a", "user_id": "u"} for day in range(3)]
        record_calls(project, calls)
        issued = key_services.create_key(
            organization=organization, actor=None, name="k", scopes=[Scope.INGEST], project=project
        )
        with org_scope(organization.pk):
            events.record(
                "key.created", severity=Event.Severity.LOW, subject=issued.key, dedup_key="k", project=project
            )
        with psycopg.connect(settings.DATABASE.conninfo(OWNER)) as owner:
            owner.execute(
                "insert into api_key_usage (key_id, organization_id, last_used_at) values (%s, %s, now())",
                [issued.key.pk, organization.pk],
            )
    with org_scope(organization.pk):
        Erasure.objects.create(organization=organization, person="p", sealed_ids=b"")
    return web, shop


def test_of_a_deleted_project_nothing_is_left_and_of_others_everything(two_tenants, client):
    acme, globex = two_tenants
    web, shop = fill(acme)
    fill(globex)
    schedule(web)
    with psycopg.connect(settings.DATABASE.conninfo(OWNER), autocommit=True) as owner:
        others = tenant_rows(owner, "project_id", shop.pk), tenant_rows(owner, "organization_id", globex.pk)
        rollups = {"call_rollups_hourly", "call_rollups_daily", "call_sizes_daily", "prompt_hash_daily"}
        rollups.add("user_rollups_daily")
        assert {"calls", "project_activity", "api_keys"} | rollups <= set(others[0])
        assert tenant_rows(owner, "project_id", web.pk).keys() == others[0].keys()
        make_due_now(acme, web)

        tasks.purge_project(organization_id=acme.pk, object_id=web.pk)

        assert tenant_rows(owner, "project_id", web.pk) == {}
        assert (tenant_rows(owner, "project_id", shop.pk), tenant_rows(owner, "organization_id", globex.pk)) == others
    with org_scope(acme.pk):
        assert [project.slug for project in Project.objects.all()] == ["shop"]
        assert ApiKeyUsage.objects.count() == ApiKey.objects.count() == 1
        entry = AuditEntry.objects.get(action="project.deleted")
        assert (entry.actor_kind, entry.facts) == ("system", {"slug": "web", "name": "Web"})
    assert not WorkDue.objects.filter(task=deletion.PROJECT_TASK).exists()


def test_of_a_deleted_organization_nothing_is_left_and_its_slug_is_free(two_tenants):
    acme, globex = two_tenants
    fill(acme)
    fill(globex)
    actor = owner_of(acme)
    deletion.schedule_organization(organization=acme, actor=actor, confirmation="acme", now=timezone.now())
    with psycopg.connect(settings.DATABASE.conninfo(OWNER), autocommit=True) as owner:
        others = tenant_rows(owner, "organization_id", globex.pk)
        assert tenant_rows(owner, "organization_id", acme.pk).keys() >= others.keys()
        make_due_now(acme)

        tasks.purge_organization(organization_id=acme.pk, object_id=acme.pk)

        assert tenant_rows(owner, "organization_id", acme.pk) == {}
        assert owner.execute("select count(*) from audit_entries where organization_id = %s", [acme.pk]).fetchone() == (
            0,
        )
        assert tenant_rows(owner, "organization_id", globex.pk) == others
    assert [one.slug for one in Organization.objects.all()] == ["globex"]
    assert User.objects.filter(pk=actor.pk).exists()
    assert not Membership.objects.filter(user=actor).exists()
    assert services.create_organization(actor=actor, name="Acme").slug == "acme"


def test_a_deletion_of_many_rows_goes_on_where_it_stopped(two_tenants, monkeypatch):
    acme, _globex = two_tenants
    web, _shop = fill(acme)
    schedule(web)
    make_due_now(acme, web)
    monkeypatch.setattr(deletion, "_ROWS", 2)
    monkeypatch.setattr(deletion, "_BATCHES", 2)

    runs = 0
    while WorkDue.objects.filter(task=deletion.PROJECT_TASK).exists():
        deleted = deletion.purge_project(organization_id=acme.pk, project_id=web.pk)
        assert deleted <= 4
        runs += 1

    assert runs > 2
    with org_scope(acme.pk):
        assert not Project.objects.filter(pk=web.pk).exists()


def test_what_is_not_due_is_not_touched(acme_project, scope):
    acme = acme_project.organization
    delete_at = schedule(acme_project)

    assert deletion.purge_project(organization_id=acme.pk, project_id=acme_project.pk) == 0
    assert deletion.purge_organization(organization_id=acme.pk) == 0

    with scope(acme):
        assert Project.objects.get().slug == "web"
    assert Organization.objects.filter(pk=acme.pk).exists()
    assert WorkDue.objects.get(task=deletion.PROJECT_TASK).due_at == delete_at


def test_a_deletion_that_was_taken_back_leaves_no_work(acme_project):
    acme = acme_project.organization
    work.make_due(deletion.PROJECT_TASK, organization_id=acme.pk, object_id=acme_project.pk)
    work.make_due(deletion.ORGANIZATION_TASK, organization_id=acme.pk, object_id=acme.pk)

    tasks.purge_project(organization_id=acme.pk, object_id=acme_project.pk)
    tasks.purge_organization(organization_id=acme.pk, object_id=acme.pk)

    assert not WorkDue.objects.exists()
    assert Organization.objects.filter(pk=acme.pk).exists()


def test_deleting_twice_is_deleting_once(acme_project):
    acme = acme_project.organization
    schedule(acme_project)
    make_due_now(acme, acme_project)
    tasks.purge_project(organization_id=acme.pk, object_id=acme_project.pk)

    tasks.purge_project(organization_id=acme.pk, object_id=acme_project.pk)

    assert audited(acme).count("project.deleted") == 1


def test_a_project_of_another_organization_cannot_be_named(acme_project, globex):
    schedule(acme_project)
    make_due_now(acme_project.organization, acme_project)

    assert deletion.purge_project(organization_id=globex.pk, project_id=acme_project.pk) == 0

    with org_scope(acme_project.organization_id):
        assert Project.objects.filter(pk=acme_project.pk).exists()


# --- The plan covers the catalogue ---


@pytest.mark.parametrize("whole_organization", [True, False])
def test_the_plan_names_every_table_of_the_catalogue_that_names_a_tenant(db, whole_organization):
    column = "organization_id" if whole_organization else "project_id"
    closed = {"organization_settings", "work_due"} if whole_organization else {"audit_entries"}
    with psycopg.connect(settings.DATABASE.conninfo(OWNER)) as owner:
        tables = owner.execute(
            "select c.oid::regclass::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = %s"
            " where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace",
            [column],
        )
        expected = {name for (name,) in tables} - closed
        planned = owner.execute("select relation::text from purge_plan(%s)", [whole_organization]).fetchall()

    assert expected <= {name for (name,) in planned}
    assert len(expected) > 50  # partitions are tables, too


@pytest.mark.parametrize("whole_organization", [True, False])
def test_who_refers_is_deleted_before_what_is_referred_to(db, whole_organization):
    with psycopg.connect(settings.DATABASE.conninfo(OWNER)) as owner:
        planned = owner.execute("select relation::text from purge_plan(%s)", [whole_organization]).fetchall()
        links = owner.execute(
            "select conrelid::regclass::text, confrelid::regclass::text from pg_constraint"
            " where contype = 'f' and conrelid <> confrelid"
        ).fetchall()
    place = {name: n for n, (name,) in enumerate(planned)}

    wrong = [link for link in links if set(link) <= place.keys() and place[link[0]] > place[link[1]]]

    assert wrong == []
    assert ("api_key_usage", "api_keys") in links


def test_the_web_role_may_not_ask_for_the_plan(db):
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic(), connection.cursor() as c:
        c.execute("select * from purge_plan(true)")
