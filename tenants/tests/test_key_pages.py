import re
from datetime import datetime, timedelta
from http import HTTPStatus
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils import timezone

from core import keys
from tenants import key_services, services
from tenants.models import ApiKey, ApiKeyLookup, AuditEntry
from tenants.permissions import Scope

KEY = re.compile(r"tko_[0-9A-Za-z]{8}_[0-9A-Za-z]{40}")
LIST = "/o/acme/p/web/keys/"
NEW = "/o/acme/p/web/keys/new/"


@pytest.fixture
def key(acme, acme_project) -> ApiKey:
    return key_services.create_key(
        organization=acme, actor=None, name="ci", scopes=[Scope.INGEST], project=acme_project
    ).key


def revoke_url(key: ApiKey, project: str = "web") -> str:
    return reverse("tenants:key-revoke", args=["acme", project, key.pk])


def test_the_list_shows_a_key_by_its_prefix(viewer, member, key):
    page = member.get(LIST).text

    assert f"tko_{key.prefix}…" in page
    assert KEY.findall(page) == []
    assert "Active" in page
    assert viewer.get(LIST).status_code == HTTPStatus.FORBIDDEN


def test_a_narrow_screen_keeps_what_revoking_needs(member, key):
    head, _, body = member.get(LIST).text.partition("<tbody>")

    assert re.findall(r'<th scope="col" class="hide-s">(\w[\w ]*)</th>', head) == [
        "Key",
        "May",
        "Created",
        "Last used",
        "Expires",
    ]
    assert head.count('<th scope="col">') == len(["Name", "State", "Actions"])
    assert f'{key.name}<span class="show-s id">tko_{key.prefix}…</span>' in body
    assert '<td class="shrink">' in body


def test_an_empty_list_says_what_to_do(member):
    page = member.get(LIST).text

    assert "No keys yet" in page
    assert reverse("tenants:connect", args=["acme", "web"]) in page


def test_a_new_key_is_shown_once(member, acme, scope):
    answer = member.post(NEW, {"name": "backend", "scopes": ["ingest", "read"], "expires_at": ""})

    (text,) = KEY.findall(answer.text)
    assert keys.prefix_of(text)
    assert "no-store" in answer["Cache-Control"]
    assert KEY.findall(member.get(NEW).text + member.get(LIST).text) == []
    with scope(acme):
        key = ApiKey.objects.get()
        assert (key.name, key.scopes, key.expires_at) == ("backend", ["ingest", "read"], None)
        assert AuditEntry.objects.filter(action="key.created", target_id=str(key.pk)).exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "", "scopes": ["ingest"]}, "This field is required."),
        ({"name": "backend"}, "Choose at least one."),
        ({"name": "backend", "scopes": ["admin"]}, "Select a valid choice."),
        ({"name": "backend", "scopes": ["ingest"], "expires_at": "2020-01-01"}, "Choose a moment in the future."),
        (
            {"name": "backend", "scopes": ["ingest"], "expires_at": "tomorrow"},
            "Write 24h, 7d, a day such as 2027-01-31",
        ),
        (
            {"name": "backend", "scopes": ["ingest"], "allowed_ranges": "10.0.0.0/8 nowhere"},
            "Entry 2 is neither an address nor a network",
        ),
        (
            {"name": "backend", "scopes": ["ingest"], "expires_at": "9999-12-31"},
            "Choose a day before the year 2200, or leave it empty.",
        ),
    ],
)
def test_a_form_that_fails_says_why_and_keeps_what_was_typed(member, data, message):
    plain = member.post(NEW, data)
    swapped = member.post(NEW, data, headers={"HX-Request": "true"})

    assert plain.status_code == swapped.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    for answer in (plain, swapped):
        assert message in answer.text
        assert f'value="{data["name"]}"' in answer.text or not data["name"]
    assert "<html" not in swapped.text
    assert not ApiKeyLookup.objects.exists()


def test_the_last_day_is_a_whole_day_in_the_organizations_time_zone(member, acme, scope):
    services.set_time_zone(organization=acme, actor=None, time_zone="America/New_York")
    last_day = timezone.now().astimezone(ZoneInfo("America/New_York")).date()

    member.post(NEW, {"name": "today", "scopes": ["read"], "expires_at": last_day.isoformat()})

    midnight = datetime.combine(last_day + timedelta(days=1), datetime.min.time(), ZoneInfo("America/New_York"))
    assert ApiKeyLookup.objects.get().expires_at == midnight


def test_revoking_asks_first_and_then_stops_the_key(member, acme, key, scope):
    assert f"Revoke “{key.name}”?" in member.get(revoke_url(key)).text
    assert ApiKeyLookup.objects.get().revoked_at is None

    answer = member.post(revoke_url(key))

    assert answer.url == LIST
    assert ApiKeyLookup.objects.get().revoked_at is not None
    page = member.get(LIST).text
    assert "Revoked" in page
    assert revoke_url(key) not in page
    with scope(acme):
        assert AuditEntry.objects.filter(action="key.revoked").count() == 1


def test_the_dialog_is_a_form_that_works_without_javascript(member, key):
    page = member.get(LIST).text

    assert f'<a class="button button-s button-danger-quiet" href="{revoke_url(key)}"' in page
    assert f'<form method="post" action="{revoke_url(key)}">' in page


@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("nobody", 404), ("outsider", 404), ("anonymous", 302)])
def test_others_revoke_nothing(request, key, who, status):
    answer = request.getfixturevalue(who).post(revoke_url(key))

    assert answer.status_code == status
    assert ApiKeyLookup.objects.get().revoked_at is None


def test_a_key_is_found_under_its_own_project_only(owner, acme, key):
    services.create_project(organization=acme, actor=None, name="Search")

    assert owner.post(revoke_url(key, "search")).status_code == HTTPStatus.NOT_FOUND
    assert f"tko_{key.prefix}" not in owner.get("/o/acme/p/search/keys/").text
    assert ApiKeyLookup.objects.get().revoked_at is None


def test_a_foreign_key_id_is_not_found(outsider, owner, globex, key):
    answer = outsider.post(reverse("tenants:key-revoke", args=["globex", "web", key.pk]))

    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert ApiKeyLookup.objects.get().revoked_at is None


def test_a_member_cannot_make_a_key_that_may_what_a_member_may_not(member, admin, acme_project):
    refused = member.post(NEW, {"name": "backend", "scopes": ["manage"]})

    assert refused.status_code == 422
    assert "Select a valid choice." in refused.text
    assert 'value="manage"' not in member.get(NEW).text
    assert not ApiKeyLookup.objects.exists()
    assert KEY.findall(admin.post(NEW, {"name": "backend", "scopes": ["manage"]}).text)
    assert ApiKeyLookup.objects.get().scopes == ["manage"]
