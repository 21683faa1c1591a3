from http import HTTPStatus

import pytest

from tenants.models import AuditEntry, Organization, Project

ORGANIZATION = "/o/acme/settings/"
PROJECT = "/o/acme/p/web/settings/"


def test_an_admin_renames_the_organization(admin, acme, scope):
    answer = admin.post(ORGANIZATION, {"name": "  Acme & Sons  "})

    assert answer.url == ORGANIZATION
    assert Organization.objects.get(pk=acme.pk).name == "Acme & Sons"
    assert 'value="Acme &amp; Sons"' in admin.get(ORGANIZATION).text
    with scope(acme):
        entry = AuditEntry.objects.get(action="organization.renamed")
        assert (entry.actor_name, entry.facts["after"]) == ("admin@acme.test", "Acme & Sons")


def test_the_settings_show_the_time_zone_and_the_projects(owner):
    page = owner.get(ORGANIZATION).text

    assert "UTC" in page
    assert PROJECT in page


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
@pytest.mark.parametrize("url", [ORGANIZATION, PROJECT])
def test_a_name_that_cannot_be_used_is_refused(owner, acme, scope, url, name):
    answer = owner.post(url, {"name": name})

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "field-error" in answer.text
    with scope(acme):
        assert (Organization.objects.get(pk=acme.pk).name, Project.objects.get().name) == ("Acme", "Web")


@pytest.mark.parametrize(("who", "status"), [("member", 403), ("viewer", 403), ("outsider", 404), ("anonymous", 302)])
def test_others_rename_nothing(request, acme, scope, who, status):
    client = request.getfixturevalue(who)

    answers = [client.post(url, {"name": "Taken"}).status_code for url in (ORGANIZATION, PROJECT)]

    assert answers == [status, status]
    with scope(acme):
        assert (Organization.objects.get(pk=acme.pk).name, Project.objects.get().name) == ("Acme", "Web")


def test_an_admin_renames_a_project(admin, acme, scope):
    answer = admin.post(PROJECT, {"name": "Shop"})

    assert answer.url == PROJECT
    with scope(acme):
        assert Project.objects.get().name == "Shop"
        assert AuditEntry.objects.filter(action="project.renamed").count() == 1


def test_the_project_list_offers_what_the_role_allows(viewer, admin):
    seen, managed = viewer.get("/o/acme/projects/").text, admin.get("/o/acme/projects/").text

    assert "/o/acme/p/web/connect/" in seen
    assert PROJECT not in seen
    assert "/o/acme/projects/new/" not in seen
    assert PROJECT in managed
    assert "/o/acme/projects/new/" in managed


def test_an_organization_without_projects_says_what_to_do(owner, viewer, acme, scope):
    with scope(acme):
        Project.objects.all().delete()

    assert "Create a project" in owner.get("/o/acme/projects/").text
    assert "An owner or admin of the organization can create the first one." in viewer.get("/o/acme/projects/").text
