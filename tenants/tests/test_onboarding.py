"""From the first sign-in to a key that can send: organization, project, connect page."""

import re
from http import HTTPStatus

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse

from conftest import make_user
from core import keys
from tenants.models import ApiKey, ApiKeyLookup, Organization, Project, User
from tenants.permissions import Scope

NEW_ORGANIZATION = "/o/new/"
KEY = re.compile(r"tko_[0-9A-Za-z]{8}_[0-9A-Za-z]{40}")
HTMX = {"HX-Request": "true"}


@pytest.fixture
def ada(db: None) -> User:
    return make_user("ada@example.test")


@pytest.fixture
def newcomer(ada: User) -> Client:
    """Signed in, in no organization."""
    client = Client()
    client.force_login(ada)
    return client


def connect_url(name: str = "connect") -> str:
    return reverse(f"tenants:{name}", args=["acme", "web"])


def shown_keys(html: str) -> set[str]:
    return set(KEY.findall(html))


def test_the_steps_lead_from_nothing_to_the_connect_page(newcomer, scope):
    created = newcomer.post(NEW_ORGANIZATION, {"name": "Acme", "time_zone": "Europe/Berlin"})
    assert created.url == "/o/acme/projects/new/"
    assert "Create a project" in newcomer.get(created.url).text

    project = newcomer.post(created.url, {"name": "Support bot"})

    assert project.url == "/o/acme/p/support-bot/connect/"
    assert "Create API key" in newcomer.get(project.url).text


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "", "time_zone": "UTC"}, "This field is required."),
        ({"name": "x" * 101, "time_zone": "UTC"}, "at most 100 characters"),
        ({"name": "Acme", "time_zone": "Mars/Olympus"}, "Select a valid choice."),
    ],
)
def test_an_organization_form_that_fails_keeps_what_was_typed(newcomer, data, message):
    answer = newcomer.post(NEW_ORGANIZATION, data)

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert message in answer.text
    assert f'value="{data["name"]}"' in answer.text or not data["name"]
    assert not Organization.objects.exists()


def test_the_time_zone_list_begins_with_utc_and_has_places(newcomer):
    page = newcomer.get(NEW_ORGANIZATION)

    choices = [value for value, _label in page.context["form"].fields["time_zone"].choices]
    assert choices[0] == "UTC"
    assert {"Europe/Berlin", "America/New_York", "Asia/Kolkata"} <= set(choices)
    assert not [name for name in choices if name.startswith("Etc/")]


def test_the_time_zone_that_was_chosen_comes_back_selected(newcomer):
    page = newcomer.post(NEW_ORGANIZATION, {"name": "", "time_zone": "Europe/Berlin"}).text

    assert '<option value="Europe/Berlin" selected>Europe/Berlin</option>' in page
    assert page.count(" selected>") == 1
    assert 'aria-describedby="id_time_zone_helptext" data-time-zone="" id="id_time_zone">' in page


def test_a_project_name_that_is_taken_is_said_beside_the_field(owner, scope, acme):
    answer = owner.post("/o/acme/projects/new/", {"name": "WEB"})

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "A project with this name exists already." in answer.text
    assert 'value="WEB"' in answer.text
    with scope(acme):
        assert Project.objects.count() == 1


def test_a_later_project_leads_to_its_own_connect_page(owner):
    assert "New project" in owner.get("/o/acme/projects/new/").text

    answer = owner.post("/o/acme/projects/new/", {"name": "Search"})

    assert answer.url == "/o/acme/p/search/connect/"


def test_the_key_is_in_the_answer_that_created_it_and_filled_into_every_snippet(member, acme, acme_project, scope):
    answer = member.post(connect_url("connect-key"))

    (text,) = shown_keys(answer.text)
    assert keys.prefix_of(text)
    assert answer.text.count(text) == 1 + 4  # the secret itself, four snippets
    assert "no-store" in answer["Cache-Control"]
    with scope(acme):
        key = ApiKey.objects.get()
        assert (key.project_id, key.scopes, key.expires_at) == (acme_project.pk, [Scope.INGEST], None)


def test_the_key_is_nowhere_else(member, caplog):
    caplog.set_level("DEBUG")
    (text,) = shown_keys(member.post(connect_url("connect-key")).text)
    secret = text.rpartition("_")[2]

    again = member.get(connect_url())

    assert shown_keys(again.text) == set()
    assert secret not in again.text
    assert secret not in caplog.text
    assert secret not in str(dict(member.session)) + str(member.cookies)
    assert secret not in everything_stored()


def everything_stored() -> str:
    """Every row the web role can see in this scope or without one, as text."""
    tables = [
        model._meta.db_table
        for model in (ApiKeyLookup, Organization, User)  # without row-level security
    ]
    with connection.cursor() as cursor:
        cursor.execute("select set_config('tokenops.org_id', id::text, true) from organizations where slug = 'acme'")
        texts = []
        for table in [*tables, "api_keys", "audit_entries", "django_session", "django_cache"]:
            cursor.execute(f"select coalesce(string_agg(t::text, ' '), '') from {table} t")
            texts.append(cursor.fetchone()[0])
    assert "First key" in " ".join(texts)
    return " ".join(texts)


def test_with_htmx_only_the_steps_are_swapped_and_reloading_shows_no_key(member):
    answer = member.post(connect_url("connect-key"), headers=HTMX)

    assert answer.text.strip().startswith('<ol class="steps" id="connect-steps"')
    assert "<html" not in answer.text
    assert len(shown_keys(answer.text)) == 1
    assert shown_keys(member.get(connect_url()).text) == set()


def test_losing_the_key_means_creating_another_one(member, acme, scope):
    first, second = (shown_keys(member.post(connect_url("connect-key")).text) for _ in range(2))

    assert first != second
    with scope(acme):
        assert ApiKey.objects.count() == 2


def test_without_a_key_the_snippets_read_it_from_the_environment(viewer):
    page = viewer.get(connect_url())

    assert "$TOKENOPS_API_KEY" in page.text
    assert f"{settings.BASE_URL}/api/v1/ingest" in page.text
    assert "Ask a member, admin or owner" in page.text
    assert connect_url("connect-key") not in page.text


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("nobody", 404), ("outsider", 404)])
def test_who_may_not_manage_keys_creates_none(request, acme, scope, who, status):
    answer = request.getfixturevalue(who).post(connect_url("connect-key"))

    assert answer.status_code == status
    assert shown_keys(answer.text) == set()
    with scope(acme):
        assert not ApiKey.objects.exists()


def test_the_page_waits_for_a_call_by_asking_every_second(viewer):
    page = viewer.get(connect_url()).text

    assert f'hx-get="{reverse("ingestion:first-call", args=["acme", "web"])}"' in page
    assert 'hx-trigger="load, every 1s, catch-up"' in page
