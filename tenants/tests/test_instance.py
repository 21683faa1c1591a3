from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import reverse

from conftest import make_user
from core.models import Heartbeat
from tenants import key_services, services

URL = "/instance/"


@pytest.fixture
def staff(db: None) -> Client:
    """An instance administrator who is in no organization."""
    user = make_user("root@example.test")
    user.is_staff = True
    user.save()
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("who", ["owner", "admin", "viewer", "outsider"])
def test_for_everybody_else_there_is_no_such_page(request, who):
    assert request.getfixturevalue(who).get(URL).status_code == HTTPStatus.NOT_FOUND


def test_who_is_not_signed_in_signs_in_first(anonymous):
    assert anonymous.get(URL).url == f"{reverse('account_login')}?next={URL}"


def test_an_administrator_sees_health_policy_and_versions(staff, settings):
    settings.SIGNUP = "invite"

    page = staff.get(URL).text

    for text in ("Database", "Migrations", "Partitions", "Has not reported yet", "invite", "SIGNUP", settings.VERSION):
        assert text in page
    assert settings.SECRET_KEY not in page
    assert settings.DATABASE.url not in page


def test_an_administrator_sees_that_organizations_exist_and_nothing_in_them(staff, acme, globex, acme_project):
    services.rename_project(organization=acme, actor=make_user("x@example.test"), project=acme_project, name="Zeppelin")
    key_services.create_key(organization=acme, actor=None, name="Hindenburg", scopes=["read"], project=acme_project)

    page = staff.get(URL).text

    assert all(text in page for text in ("Acme", "acme", "Globex", "globex"))
    assert not [text for text in ("Zeppelin", "Hindenburg", "owner@acme.test", "owner@globex.test") if text in page]


@pytest.mark.parametrize(
    "path", ["/o/acme/settings/", "/o/acme/projects/", "/o/acme/p/web/keys/", "/o/acme/p/web/connect/"]
)
def test_an_administrator_is_a_stranger_to_every_tenant(staff, acme, path):
    assert staff.get(path).status_code == HTTPStatus.NOT_FOUND


def test_a_silent_worker_is_shown_as_an_error(staff):
    Heartbeat.objects.create(name="worker", seen_at="2020-01-01T00:00:00Z")

    assert "dot-error" in staff.get(URL).text


def test_an_open_page_asks_for_its_changing_part_only(staff, acme):
    part = staff.get(URL, headers={"HX-Request": "true"})

    assert part.status_code == HTTPStatus.OK
    assert 'id="system"' in part.text
    assert 'hx-trigger="every 15s, catch-up"' in part.text
    assert "data-pause-hidden" in part.text
    assert "Organizations" not in part.text
    assert "no-store" in part["Cache-Control"]


def test_what_is_wrong_says_what_to_do(staff):
    Heartbeat.objects.create(name="edge", seen_at="2020-01-01T00:00:00Z")

    page = staff.get(URL).text

    assert "Start the edge: without it no telemetry is taken." in page
    assert "alert-error" in page


@pytest.mark.parametrize("who", ["owner", "admin", "viewer", "outsider"])
def test_the_changing_part_is_not_there_for_others_either(request, who):
    answer = request.getfixturevalue(who).get(URL, headers={"HX-Request": "true"})

    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert "Partitions" not in answer.text
