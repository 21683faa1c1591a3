"""Environments of a project: expected, seen, and the one of calls that name none."""

from datetime import timedelta
from http import HTTPStatus

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from core.scope import org_scope
from dashboards.tests.factories import make_rollup
from ingestion import environments as seen
from tenants import environments, services
from tenants.models import AuditEntry, Environment
from tenants.permissions import Scope
from tenants.tests.keys import bearer, issue_key
from tenants.tests.people import owner_of

TODAY = timezone.now().date()


@pytest.fixture
def url(acme_project):
    return f"/o/acme/p/{acme_project.slug}/settings/environments/"


def declare(project, name, **more):
    organization = project.organization
    environments.declare(organization=organization, actor=owner_of(organization), project=project, name=name, **more)


def set_default(project, name):
    organization = project.organization
    environments.set_default(organization=organization, actor=owner_of(organization), project=project, name=name)


def declared(project):
    with org_scope(project.organization_id):
        found = environments.environments(project=project)
        return [(one.name, one.note, one.is_production) for one in found]


def entries(organization, action):
    with org_scope(organization.pk):
        return [entry.facts for entry in AuditEntry.objects.filter(action=action).order_by("pk")]


# --- What is expected ---


def test_declared_environments_are_listed_production_first(acme_project):
    declare(acme_project, "staging", note="every branch")
    declare(acme_project, "production", is_production=True)
    declare(acme_project, "ci")

    assert declared(acme_project) == [("production", "", True), ("ci", "", False), ("staging", "every branch", False)]


def test_declaring_once_more_changes_note_and_mark_and_is_recorded_when_it_does(acme, acme_project):
    for note in ("old", "new", "new"):
        declare(acme_project, "live", note=note)

    assert declared(acme_project) == [("live", "new", False)]
    assert entries(acme, "project.environment_declared") == [
        {"name": "live", "note": note, "is_production": False} for note in ("old", "new")
    ]


@pytest.mark.parametrize("name", ["", " ", "(other)", "a\nb", "x" * 101])
def test_what_no_call_can_name_is_not_declared(acme, acme_project, name):
    with pytest.raises(ValidationError):
        declare(acme_project, name)

    assert declared(acme_project) == []
    assert entries(acme, "project.environment_declared") == []


def test_there_is_a_most_of_them(acme_project, monkeypatch):
    monkeypatch.setattr(environments, "MOST", 1)
    declare(acme_project, "one")

    with pytest.raises(ValidationError, match="1 environments at most"):
        declare(acme_project, "two")
    declare(acme_project, "one", note="still")

    assert declared(acme_project) == [("one", "still", False)]


def test_withdrawing_is_recorded_once(acme, acme_project):
    declare(acme_project, "staging")

    for _ in range(2):
        environments.withdraw(organization=acme, actor=owner_of(acme), project=acme_project, name="staging")

    assert declared(acme_project) == []
    assert entries(acme, "project.environment_withdrawn") == [{"name": "staging"}]


def test_each_project_has_its_own(acme, acme_project):
    other = services.create_project(organization=acme, actor=owner_of(acme), name="Other")
    declare(acme_project, "production")
    declare(other, "live")
    environments.withdraw(organization=acme, actor=owner_of(acme), project=acme_project, name="live")

    assert [declared(project) for project in (acme_project, other)] == [
        [("production", "", False)],
        [("live", "", False)],
    ]


# --- What was seen ---


def test_what_was_seen_is_told_beside_what_is_expected(acme, acme_project):
    declare(acme_project, "production", is_production=True)
    declare(acme_project, "never")
    with org_scope(acme.pk):
        make_rollup(acme_project, TODAY, environment="production", calls=3)
        make_rollup(acme_project, TODAY - timedelta(days=29), environment="production", calls=4)
        make_rollup(acme_project, TODAY - timedelta(days=30), environment="production", calls=50)
        make_rollup(acme_project, TODAY - timedelta(days=60), environment="prodution", calls=7)
        make_rollup(acme_project, TODAY, environment="(other)", calls=9)

        lines = seen.lines(project=acme_project, today=TODAY)

    assert [(one.name, one.declared is not None, one.first_day, one.last_day, one.calls) for one in lines] == [
        ("production", True, TODAY - timedelta(days=30), TODAY, 7),
        ("never", True, None, None, 0),
        ("prodution", False, TODAY - timedelta(days=60), TODAY - timedelta(days=60), 0),
    ]


# --- The page ---


def test_a_new_environment_is_declared_with_one_click(admin, acme, acme_project, url):
    with org_scope(acme.pk):
        make_rollup(acme_project, TODAY, environment="prod <b>")
    page = admin.get(url).text
    assert "prod &lt;b&gt;" in page
    assert ">new<" in page

    assert admin.post(url + "declare/", {"name": "prod <b>"}).url == url

    assert ">new<" not in admin.get(url).text
    assert declared(acme_project) == [("prod <b>", "", False)]


def test_an_admin_declares_marks_and_removes(admin, acme_project, url):
    admin.post(url + "declare/", {"name": "live", "note": "customers", "is_production": "on"})
    assert declared(acme_project) == [("live", "customers", True)]
    assert ">production<" in admin.get(url).text

    assert admin.post(url + "remove/", {"name": "live"}).url == url

    assert declared(acme_project) == []
    assert "Nothing declared, nothing seen" in admin.get(url).text


@pytest.mark.parametrize(
    ("path", "posted"), [("declare/", {"name": ""}), ("declare/", {"name": "(other)"}), ("default/", {})]
)
def test_bad_names_come_back_with_the_reason(admin, acme_project, url, path, posted):
    answer = admin.post(url + path, posted)

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'aria-invalid="true"' in answer.text
    assert declared(acme_project) == []


@pytest.mark.parametrize(("who", "status"), [("member", 403), ("viewer", 403), ("outsider", 404), ("anonymous", 302)])
def test_others_change_nothing(request, acme_project, url, who, status):
    client = request.getfixturevalue(who)

    for path, posted in (("declare/", {"name": "x"}), ("default/", {"default_environment": "x"})):
        assert client.post(url + path, posted).status_code == status
    assert declared(acme_project) == []
    with org_scope(acme_project.organization_id):
        acme_project.refresh_from_db()
    assert acme_project.default_environment == "default"


# --- Calls that name none ---


def test_the_default_is_changed_recorded_and_told_to_the_edge(admin, acme, acme_project, url, monkeypatch):
    told = []
    monkeypatch.setattr(services, "announce_every_key", lambda: told.append(True))

    for _ in range(2):
        admin.post(url + "default/", {"default_environment": "production"})

    facts = {"before": "default", "after": "production"}
    assert entries(acme, "project.default_environment_changed") == [facts]
    assert told == [True]
    assert 'value="production"' in admin.get(url).text


def test_the_api_reads_and_changes_the_default(anonymous, acme, acme_project):
    headers = bearer(issue_key(acme, scopes=[Scope.READ, Scope.MANAGE]))
    path = f"/api/v1/projects/{acme_project.slug}"
    change = {"content_type": "application/json", "headers": headers}

    changed = anonymous.patch(path, {"default_environment": "live"}, **change).json()
    refused = anonymous.patch(path, {"default_environment": "(other)"}, **change)

    assert changed["default_environment"] == "live"
    assert refused.status_code == HTTPStatus.BAD_REQUEST
    assert refused.json()["errors"][0]["field"] == "default_environment"
    assert anonymous.get(path, headers=headers).json()["default_environment"] == "live"


def test_the_database_keeps_a_name_once(acme, acme_project):
    declare(acme_project, "a")
    declare(acme_project, "a", note="b")

    with org_scope(acme.pk):
        assert Environment.objects.count() == 1
