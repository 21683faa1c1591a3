"""Two admins at once: the second is told, nothing is lost, and nobody sees a server error."""

import json

import pytest
from django.test import Client

from conftest import make_organization
from core.scope import org_scope
from gateway import credential_services, credentials, services
from gateway.models import GatewayProvider, ProviderCredential
from gateway.tests.meanwhile import meanwhile
from gateway.tests.provider_factories import NOON, SECRET, make_credential, make_provider, stored, wanted_provider
from tenants.models import AuditEntry
from tenants.permissions import Scope
from tenants.tests.keys import bearer, issue_key
from tenants.tests.people import owner_of, signed_in

PAGE = "/o/acme/gateway/providers/"
API = "/api/v1/gateway"
FORM = {
    "name": "House",
    "origin": "https://llm.example.com",
    "base_path": "/v1",
    "auth": "bearer",
    "first_byte_seconds": "600",
    "idle_seconds": "300",
    "total_seconds": "3600",
}
GONE = "Somebody deleted this {} in the meantime."


@pytest.fixture
def acme(committed_db):
    return make_organization("Acme")


@pytest.fixture
def admin(acme):
    return signed_in(owner_of(acme))


@pytest.fixture
def ask(acme):
    """Requests with a key that may manage the organization."""
    headers = bearer(issue_key(acme, scopes=[Scope.MANAGE]))

    def send(method, path, body=None):
        content = "" if body is None else json.dumps(body)
        return Client().generic(method, f"{API}{path}", content, "application/json", headers=headers)

    return send


def delete_provider(provider):
    """As the other admin does."""
    return lambda: services.delete_provider(organization=provider.organization, actor=None, provider=provider)


def delete_credential(credential):
    return lambda: credential_services.delete_credential(
        organization=credential.organization, actor=None, credential=credential
    )


def replace_secret(credential, secret):
    return lambda: credential_services.replace_secret(
        organization=credential.organization, actor=None, credential=credential, secret=secret, seen=None, now=NOON
    )


def rows(organization, model):
    with org_scope(organization.pk):
        return list(model.objects.order_by("pk"))


def recorded(organization, action):
    with org_scope(organization.pk):
        return AuditEntry.objects.filter(action=action).count()


def secret_of(organization, credential):
    row = stored(organization, credential)
    return credentials.unseal(row.sealed, organization_id=organization.pk, provider=row.provider, name=row.name)


def told(response):
    return " ".join(response.content.decode().split())


# --- Pages ---


def test_a_provider_that_is_deleted_while_it_is_changed_does_not_come_back(admin, acme):
    provider = make_provider(acme)

    with meanwhile(delete_provider(provider)) as happened:
        answer = admin.post(f"{PAGE}{provider.pk}/edit/", FORM | {"name": "My new name"})

    assert happened
    assert answer.status_code == 422
    assert GONE.format("provider") in told(answer)
    assert 'value="My new name"' in told(answer)
    assert rows(acme, GatewayProvider) == []
    assert recorded(acme, "provider.changed") == 0


def test_a_provider_that_two_delete_is_gone_and_recorded_once(admin, acme):
    provider = make_provider(acme)

    with meanwhile(delete_provider(provider)) as happened:
        answer = admin.post(f"{PAGE}{provider.pk}/delete/", follow=True)

    assert happened
    assert answer.redirect_chain == [(PAGE, 302)]
    assert GONE.format("provider") in told(answer)
    assert recorded(acme, "provider.deleted") == 1


def test_a_slug_that_somebody_took_meanwhile_is_said_beside_the_field(admin, acme):
    def taking_it():
        services.add_provider(organization=acme, actor=None, wanted=wanted_provider(name="Theirs"))

    with meanwhile(taking_it) as happened:
        answer = admin.post(f"{PAGE}new/?preset=openai", FORM | {"slug": "house", "name": "Mine"})

    assert happened
    assert answer.status_code == 422
    assert answer.context["form"].errors == {"slug": ["Another provider of yours has this slug."]}
    assert [provider.name for provider in rows(acme, GatewayProvider)] == ["Theirs"]


def test_a_provider_that_got_a_key_meanwhile_is_not_led_elsewhere(admin, acme):
    provider = make_provider(acme)

    with meanwhile(lambda: make_credential(acme, provider="house")) as happened:
        answer = admin.post(f"{PAGE}{provider.pk}/edit/", FORM | {"origin": "https://elsewhere.example.com"})

    assert happened
    assert list(answer.context["form"].errors) == ["origin"]
    assert [one.origin for one in rows(acme, GatewayProvider)] == ["https://llm.example.com"]


def test_a_key_that_two_name_alike_is_the_first_ones(admin, acme):
    make_provider(acme)
    data = {"provider": "house", "name": "production", "secret": "sk-second-0123456789", "project": ""}

    with meanwhile(lambda: make_credential(acme, provider="house")) as happened:
        answer = admin.post(f"{PAGE}credentials/new/?provider=house", data)

    assert happened
    assert answer.context["form"].errors == {"name": ["Another credential of this provider has this name."]}
    assert "sk-second" not in told(answer)
    (credential,) = rows(acme, ProviderCredential)
    assert secret_of(acme, credential) == SECRET


@pytest.mark.parametrize("step", ["default", "delete"])
def test_a_key_that_is_gone_by_now_is_said_to_be(admin, acme, step):
    make_credential(acme)
    credential = make_credential(acme, name="Second")

    with meanwhile(delete_credential(credential)) as happened:
        answer = admin.post(f"{PAGE}credentials/{credential.pk}/{step}/", follow=True)

    assert happened
    assert answer.redirect_chain == [(PAGE, 302)]
    assert GONE.format("credential") in told(answer)
    assert [(one.name, one.is_default) for one in rows(acme, ProviderCredential)] == [("Production", True)]


def test_a_key_that_is_deleted_while_it_is_replaced_stays_deleted(admin, acme):
    credential = make_credential(acme)

    with meanwhile(delete_credential(credential)) as happened:
        answer = admin.post(f"{PAGE}credentials/{credential.pk}/replace/", {"secret": "sk-new-0123456789", "seen": ""})

    assert happened
    assert answer.status_code == 422
    assert GONE.format("credential") in told(answer)
    assert "sk-new" not in told(answer)
    assert rows(acme, ProviderCredential) == []


def test_of_two_who_appoint_a_default_there_is_one_in_the_end(admin, acme):
    first = make_credential(acme)
    second, third = make_credential(acme, name="Second"), make_credential(acme, name="Third")

    def appointing_the_third():
        credential_services.make_default(organization=acme, actor=None, credential=third)

    with meanwhile(appointing_the_third) as happened:
        admin.post(f"{PAGE}credentials/{second.pk}/default/")

    assert happened
    assert [stored(acme, one).is_default for one in (first, second, third)] == [False, True, False]
    assert recorded(acme, "credential.made_default") == 2


# --- The API ---


def test_what_another_changed_meanwhile_stays_when_something_else_is_patched(ask, acme):
    provider = make_provider(acme)

    def more_patience():
        wanted = wanted_provider(total_seconds=7_200, idle_seconds=900)
        services.change_provider(organization=acme, actor=None, provider=provider, wanted=wanted)

    with meanwhile(more_patience) as happened:
        answer = ask("PATCH", f"/providers/{provider.pk}", {"name": "Renamed", "idle_seconds": 60})

    assert happened
    assert answer.status_code == 200
    shown = {name: answer.json()[name] for name in ("name", "total_seconds", "idle_seconds")}
    assert shown == {"name": "Renamed", "total_seconds": 7_200, "idle_seconds": 60}
    assert [one.total_seconds for one in rows(acme, GatewayProvider)] == [7_200]


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"name": "Renamed"}), ("DELETE", None)])
def test_a_provider_that_is_gone_by_now_is_not_found(ask, acme, method, body):
    provider = make_provider(acme)

    with meanwhile(delete_provider(provider)) as happened:
        answer = ask(method, f"/providers/{provider.pk}", body)

    assert happened
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (404, "not-found")
    assert rows(acme, GatewayProvider) == []
    assert recorded(acme, "provider.deleted") == 1


@pytest.mark.parametrize(
    ("method", "step", "body"),
    [
        ("DELETE", "", None),
        ("POST", "/default", None),
        ("POST", "/replace", {"secret": "sk-new-0123456789", "replaced_at": None}),
    ],
)
def test_a_credential_that_is_gone_by_now_is_not_found(ask, acme, method, step, body):
    credential = make_credential(acme)

    with meanwhile(delete_credential(credential)) as happened:
        answer = ask(method, f"/credentials/{credential.pk}{step}", body)

    assert happened
    assert answer.status_code == 404
    assert rows(acme, ProviderCredential) == []
    assert recorded(acme, "credential.deleted") == 1


def test_a_secret_that_another_replaced_meanwhile_is_kept(ask, acme):
    credential = make_credential(acme)

    with meanwhile(replace_secret(credential, "sk-theirs-0123456789")) as happened:
        answer = ask(
            "POST", f"/credentials/{credential.pk}/replace", {"secret": "sk-mine-0123456789", "replaced_at": None}
        )

    assert happened
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "credential-replaced")
    assert secret_of(acme, credential) == "sk-theirs-0123456789"
    assert recorded(acme, "credential.replaced") == 1


def test_a_slug_that_somebody_took_meanwhile_is_refused(ask, acme):
    with meanwhile(lambda: make_provider(acme, name="Theirs")) as happened:
        answer = ask(
            "POST",
            "/providers",
            {"slug": "house", "name": "Mine", "preset": "openai", "origin": "https://llm.example.com"},
        )

    assert happened
    assert answer.status_code == 400
    assert [one["field"] for one in answer.json()["errors"]] == ["slug"]
    assert [one.name for one in rows(acme, GatewayProvider)] == ["Theirs"]
