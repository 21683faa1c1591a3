"""Providers and credentials over HTTP: what a script may set up, and that no secret comes back."""

import json

import pytest

from core.scope import org_scope
from gateway import credentials
from gateway.models import GatewayProvider, ProviderCredential
from gateway.tests.provider_factories import SECRET, make_credential, make_provider, stored
from tenants.models import AuditEntry, ProjectRole, User
from tenants.permissions import Scope
from tenants.tests.keys import bearer, issue_key

PROVIDERS = "/api/v1/gateway/providers"
CREDENTIALS = "/api/v1/gateway/credentials"
HOUSE = {"slug": "house", "name": "House", "preset": "openai", "origin": "https://llm.example.com/"}


@pytest.fixture
def ask(anonymous, acme):
    """Requests with a key that may manage the organization."""
    headers = bearer(issue_key(acme, scopes=[Scope.MANAGE]))

    def send(method, path, body=None):
        content = "" if body is None else json.dumps(body)
        return anonymous.generic(method, path, content, "application/json", headers=headers)

    return send


def secret_of(organization, credential_id):
    with org_scope(organization.pk):
        row = ProviderCredential.objects.get(pk=credential_id)
    return credentials.unseal(row.sealed, organization_id=organization.pk, provider=row.provider, name=row.name)


def fields_of(answer):
    return {one["field"]: one["message"] for one in answer.json()["errors"]}


# --- Providers ---


def test_a_provider_is_added_with_what_its_preset_knows(ask, acme, scope):
    answer = ask("POST", PROVIDERS, HOUSE)

    assert answer.status_code == 201
    document = answer.json()
    assert (document["origin"], document["base_path"], document["auth"]) == ("https://llm.example.com", "/v1", "bearer")
    assert (document["first_byte_seconds"], document["total_seconds"]) == (600, 3_600)
    assert ask("GET", PROVIDERS).json() == {"results": [document], "next": None}
    assert ask("GET", f"{PROVIDERS}/{document['id']}").json() == document
    with scope(acme):
        assert AuditEntry.objects.latest("pk").actor_kind == "key"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"origin": "https://10.0.0.1"}, "origin"),
        ({"origin": "https://u:hunter2@llm.example.com"}, "origin"),
        ({"slug": "No Slug"}, "slug"),
        ({"slug": "\ud800"}, "slug"),
        ({"preset": "nobody"}, "preset"),
        ({"base_path": "/../x"}, "base_path"),
        ({"total_seconds": 0}, "total_seconds"),
        ({"secret": "hunter2"}, "secret"),
    ],
)
def test_a_provider_that_cannot_be_is_refused_by_field(ask, acme, scope, wrong, field):
    answer = ask("POST", PROVIDERS, HOUSE | wrong)

    assert (answer.status_code, set(fields_of(answer))) == (400, {field})
    assert "hunter2" not in answer.content.decode()
    with scope(acme):
        assert not GatewayProvider.objects.exists()


def test_a_provider_is_changed_in_part(ask, acme):
    provider = make_provider(acme)

    answer = ask("PATCH", f"{PROVIDERS}/{provider.pk}", {"total_seconds": 60})

    assert answer.status_code == 200
    assert (answer.json()["total_seconds"], answer.json()["name"]) == (60, "House")
    refused = ask("PATCH", f"{PROVIDERS}/{provider.pk}", {"slug": "other"})
    assert fields_of(refused) == {"slug": "There is no such member."}


def test_an_address_with_credentials_stays(ask, acme):
    provider = make_provider(acme)
    make_credential(acme, provider="house")

    refused = ask("PATCH", f"{PROVIDERS}/{provider.pk}", {"origin": "https://evil.example.com"})

    assert (refused.status_code, set(fields_of(refused))) == (400, {"origin"})
    assert ask("GET", f"{PROVIDERS}/{provider.pk}").json()["origin"] == "https://llm.example.com"


def test_a_provider_is_deleted_with_its_credentials(ask, acme, scope):
    provider = make_provider(acme)
    make_credential(acme, provider="house")

    assert ask("DELETE", f"{PROVIDERS}/{provider.pk}").status_code == 204

    with scope(acme):
        assert not GatewayProvider.objects.exists()
        assert not ProviderCredential.objects.exists()


# --- Credentials ---


def test_a_credential_is_added_and_its_secret_does_not_come_back(ask, acme):
    answer = ask("POST", CREDENTIALS, {"provider": "openai", "name": "Production", "secret": f" {SECRET}\n"})

    assert answer.status_code == 201
    document = answer.json()
    assert {name: document[name] for name in ("provider", "project", "hint", "default", "check_result")} == {
        "provider": "openai",
        "project": None,
        "hint": "cdef",
        "default": True,
        "check_result": None,
    }
    assert secret_of(acme, document["id"]) == SECRET
    for answer in (ask("GET", CREDENTIALS), ask("GET", f"{CREDENTIALS}/{document['id']}")):
        assert SECRET not in answer.content.decode()
    assert ask("GET", CREDENTIALS).json()["results"] == [document]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"secret": "tko_abcdefgh_hunter2"}, "secret"),
        ({"secret": "hunter2\nx: 1"}, "secret"),
        ({"secret": ""}, "secret"),
        ({"name": "\u2028"}, "name"),
        ({"provider": "nobody"}, "provider"),
        ({"provider": "\ud800"}, "provider"),
        ({"project": "nowhere"}, "project"),
        ({"project": "\ud800"}, "project"),
    ],
)
def test_a_credential_that_cannot_be_is_refused_by_field(ask, acme, scope, wrong, field):
    answer = ask("POST", CREDENTIALS, {"provider": "openai", "name": "P", "secret": SECRET} | wrong)

    assert (answer.status_code, set(fields_of(answer))) == (400, {field})
    assert "hunter2" not in answer.content.decode()
    with scope(acme):
        assert not ProviderCredential.objects.exists()


def test_a_credential_for_an_address_that_is_not_the_providers_is_refused(ask, acme, scope):
    wanted = {"provider": "openai", "name": "P", "secret": SECRET, "origin": "https://elsewhere.example.com"}

    assert ask("POST", CREDENTIALS, wanted).status_code == 400

    with scope(acme):
        assert not ProviderCredential.objects.exists()


def test_a_credential_is_for_a_project_by_its_slug(ask, acme, acme_project):
    answer = ask("POST", CREDENTIALS, {"provider": "openai", "name": "P", "secret": SECRET, "project": "web"})

    assert answer.json()["project"] == "web"


def test_a_secret_is_replaced_by_who_read_it_last(ask, acme):
    credential = make_credential(acme)
    path = f"{CREDENTIALS}/{credential.pk}/replace"

    first = ask("POST", path, {"secret": "sk-first-0123456789", "replaced_at": None})
    second = ask("POST", path, {"secret": "sk-second-012345678", "replaced_at": None})

    assert (first.status_code, second.status_code) == (200, 409)
    assert second.json()["type"].endswith("/credential-replaced")
    assert secret_of(acme, credential.pk) == "sk-first-0123456789"
    third = ask("POST", path, {"secret": "sk-third-0123456789", "replaced_at": first.json()["replaced_at"]})
    assert third.status_code == 200
    assert secret_of(acme, credential.pk) == "sk-third-0123456789"


def test_the_default_moves_and_is_inherited(ask, acme):
    first, second = make_credential(acme), make_credential(acme, name="Second")

    assert ask("POST", f"{CREDENTIALS}/{second.pk}/default").json()["default"] is True
    assert not stored(acme, first).is_default
    assert ask("DELETE", f"{CREDENTIALS}/{second.pk}").status_code == 204
    assert stored(acme, first).is_default


# --- Who may ---


def test_what_is_another_organizations_is_not_there(ask, globex):
    provider, credential = make_provider(globex), make_credential(globex)

    assert ask("GET", f"{PROVIDERS}/{provider.pk}").status_code == 404
    assert ask("DELETE", f"{CREDENTIALS}/{credential.pk}").status_code == 404
    assert ask("POST", f"{CREDENTIALS}/{credential.pk}/default").status_code == 404
    assert ask("GET", CREDENTIALS).json()["results"] == []


def test_credentials_of_a_hidden_project_are_not_there(admin, acme, acme_project):
    credential = make_credential(acme, project=acme_project)
    with org_scope(acme.pk):
        user = User.objects.get(email="admin@acme.test")
        ProjectRole.objects.create(organization=acme, project=acme_project, user=user, role="none")

    assert admin.get(f"{CREDENTIALS}?organization=acme").json()["results"] == []
    assert admin.get(f"{CREDENTIALS}/{credential.pk}?organization=acme").status_code == 404


def test_nothing_is_there_without_a_gateway(ask, acme, settings):
    make_credential(acme)
    settings.GATEWAY_ENABLED = False

    assert ask("GET", CREDENTIALS).status_code == 404
    assert ask("POST", PROVIDERS, HOUSE).status_code == 404
