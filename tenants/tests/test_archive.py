"""Archived projects: out of the way, readable, and back with one click; and whose a project is."""

from datetime import UTC, datetime

import pytest

from tenants import archive, services, teams
from tenants.models import AuditEntry, Project

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SETTINGS = "/o/acme/p/web/settings/"


@pytest.fixture
def mobile(acme):
    return services.create_project(organization=acme, actor=None, name="Mobile")


def state(organization, scope):
    with scope(organization):
        rows = Project.objects.order_by("slug").values_list("slug", "is_default", "archived_at")
        return {slug: (is_default, archived_at is not None) for slug, is_default, archived_at in rows}


def test_an_archived_project_leaves_navigation_and_stays_readable(admin, viewer, mobile, acme, scope):
    assert admin.post(SETTINGS + "archive/").url == SETTINGS

    text = viewer.get("/o/acme/").text
    assert "/o/acme/p/mobile/" in text
    assert "/o/acme/p/web/" not in text
    page = viewer.get("/o/acme/p/web/")
    assert page.status_code == 200
    assert "Web is archived since" in page.text
    assert "Restore" not in page.text.split('class="closing"')[1].split("</div>")[0]
    listed = viewer.get("/o/acme/projects/").text.split('id="archived-title"')[1]
    assert "/o/acme/p/web/" in listed
    with scope(acme):
        entry = AuditEntry.objects.get(action="project.archived")
        assert (entry.actor_name, entry.facts) == ("admin@acme.test", {"slug": "web", "new_default": "mobile"})


def test_the_default_passes_to_the_oldest_project_that_takes_calls(acme, acme_project, mobile, scope):
    archive.archive_project(organization=acme, actor=None, project=acme_project, now=NOW)
    assert state(acme, scope) == {"mobile": (True, False), "web": (False, True)}

    archive.archive_project(organization=acme, actor=None, project=mobile, now=NOW)
    assert state(acme, scope) == {"mobile": (False, True), "web": (False, True)}

    archive.restore_project(organization=acme, actor=None, project=acme_project)
    archive.restore_project(organization=acme, actor=None, project=mobile)
    assert state(acme, scope) == {"mobile": (False, False), "web": (True, False)}


def test_doing_it_twice_changes_and_records_nothing(acme, acme_project, scope):
    for _ in range(2):
        archive.archive_project(organization=acme, actor=None, project=acme_project, now=NOW)
    for _ in range(2):
        archive.restore_project(organization=acme, actor=None, project=acme_project)

    with scope(acme):
        assert AuditEntry.objects.filter(action="project.archived").count() == 1
        assert AuditEntry.objects.filter(action="project.restored").count() == 1


def test_what_is_to_be_deleted_is_not_archived(admin, acme, mobile, scope):
    admin.post(SETTINGS + "delete/", {"confirmation": "web"})

    answer = admin.post(SETTINGS + "archive/", follow=True)

    assert "about to be deleted; keep it first" in answer.text
    assert state(acme, scope)["web"] == (False, False)


def test_an_archived_project_is_deleted_and_kept_without_becoming_the_default(admin, acme, acme_project, scope):
    archive.archive_project(organization=acme, actor=None, project=acme_project, now=NOW)
    admin.post(SETTINGS + "delete/", {"confirmation": "web"})
    admin.post(SETTINGS + "keep/")

    assert state(acme, scope) == {"web": (False, True)}


def test_a_project_gets_a_team_and_loses_it(admin, acme, acme_project, scope):
    team = teams.create_team(organization=acme, actor=None, name="Search")

    assert admin.post(SETTINGS + "team/", {"team": "search"}).url == SETTINGS
    acme_team = '<option value="search" selected>Search</option>'
    assert acme_team in admin.get(SETTINGS).text
    with scope(acme):
        assert Project.objects.get().team_id == team.pk
    admin.post(SETTINGS + "team/", {"team": ""})

    with scope(acme):
        assert Project.objects.get().team_id is None
        facts = AuditEntry.objects.filter(action="project.team_changed").order_by("pk").values_list("facts", flat=True)
        assert list(facts) == [{"before": None, "after": "search"}, {"before": "search", "after": None}]


def test_a_foreign_team_cannot_be_chosen(admin, acme, acme_project, globex, scope):
    teams.create_team(organization=globex, actor=None, name="Theirs")

    answer = admin.post(SETTINGS + "team/", {"team": "theirs"}, follow=True)

    assert "Choose a team from the list." in answer.text
    with scope(acme):
        assert Project.objects.get().team_id is None


@pytest.mark.parametrize("action", ["team", "archive", "restore"])
def test_who_may_not(member, viewer, outsider, acme, acme_project, scope, action):
    answers = [one.post(f"{SETTINGS}{action}/").status_code for one in (member, viewer, outsider)]

    assert answers == [403, 403, 404]
    assert state(acme, scope) == {"web": (True, False)}
