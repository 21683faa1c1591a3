"""Pages of providers and credentials: what they say, what they refuse, and that they never show a secret."""

from collections.abc import Iterator
from http import HTTPStatus

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.scope import org_scope
from gateway import credential_services, credentials
from gateway.models import GatewayProvider, GatewaySettings, ProviderCredential
from gateway.tests.provider_factories import NOON, SECRET, make_credential, make_provider, stored
from tenants import services as tenant_services
from tenants.models import ProjectRole, User
from tests.receivers import Answered, Receiver, http_receiver

PAGE = "/o/acme/gateway/providers/"
HOUSE = {
    "name": "House",
    "slug": "house",
    "origin": "https://llm.example.com",
    "base_path": "/v1",
    "auth": "bearer",
    "first_byte_seconds": "600",
    "idle_seconds": "300",
    "total_seconds": "3600",
}


@pytest.fixture
def receiver(settings) -> Iterator[Receiver]:
    """A provider on this machine."""
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    with http_receiver() as running:
        yield running


@pytest.fixture
def house(acme, receiver) -> GatewayProvider:
    return make_provider(acme, origin=receiver.url)


def text(response):
    return " ".join(response.content.decode().split())


def of_credential(credential, step):
    return f"{PAGE}credentials/{credential.pk}/{step}/"


def add(client, provider="house", **other):
    data = {"provider": provider, "name": "Production", "secret": SECRET, "project": ""} | other
    return client.post(f"{PAGE}credentials/new/?provider={provider}", data, follow=True)


# --- The list ---


def test_the_first_page_says_what_to_do_next(admin):
    page = text(admin.get(PAGE))

    assert "Nothing is stored here yet, and nothing has to be" in page
    assert "sends its own provider key beside a TokenOps key" in page
    assert f"{PAGE}credentials/new/" in page
    assert f"{PAGE}new/" in page


def test_the_list_says_where_calls_go_and_what_is_stored(admin, acme, acme_project):
    make_provider(acme, slug="openai", preset="openai", name="Our OpenAI")
    make_credential(acme)
    make_credential(acme, name="Web only", project=acme_project, secret="hunter2")

    page = text(admin.get(PAGE))

    assert "Our OpenAI" in page
    assert "https://llm.example.com/v1" in page
    assert "in place of the built-in OpenAI" in page
    assert "…cdef" in page
    assert "hunter2" not in page
    assert "The whole organization" in page
    assert "Calls of <bdi>Web</bdi>" in page
    assert page.count(">default<") == 2
    assert page.count("Not tested") == 2


def test_the_pages_are_not_there_without_a_gateway(admin, acme, settings):
    credential = make_credential(acme)
    settings.GATEWAY_ENABLED = False

    assert admin.get(PAGE).status_code == HTTPStatus.NOT_FOUND
    assert admin.post(of_credential(credential, "delete")).status_code == HTTPStatus.NOT_FOUND
    with org_scope(acme.pk):
        assert ProviderCredential.objects.count() == 1


def test_the_list_asks_the_same_number_of_times_however_much_there_is(admin, acme, acme_project):
    make_credential(acme)
    admin.get(PAGE)  # the first visit is remembered in the session
    with CaptureQueriesContext(connection) as few:
        admin.get(PAGE)
    for number in range(5):
        make_provider(acme, slug=f"house-{number}", name=f"House {number}")
        make_credential(acme, provider=f"house-{number}", project=acme_project)

    with CaptureQueriesContext(connection) as many:
        admin.get(PAGE)

    assert len(many) == len(few)


# --- Providers ---


def test_a_kind_of_provider_is_chosen_by_a_link(admin):
    page = text(admin.get(f"{PAGE}new/"))

    assert "?preset=openai-compatible" in page
    assert "?preset=azure" in page
    assert "https://api.openai.com" in page


def test_the_form_begins_with_what_the_preset_knows(admin):
    page = text(admin.get(f"{PAGE}new/?preset=anthropic"))

    assert 'value="x-api-key"' in page
    assert "takes the place of the built-in Anthropic" in page
    assert "takes the place" not in text(admin.get(f"{PAGE}new/?preset=openai-compatible"))


def test_a_provider_is_added(admin, acme):
    added = admin.post(f"{PAGE}new/?preset=openai-compatible", HOUSE, follow=True)

    assert "The provider is added." in text(added)
    with org_scope(acme.pk):
        own = GatewayProvider.objects.get()
    assert (own.slug, own.origin, own.preset) == ("house", "https://llm.example.com", "openai-compatible")


def test_a_refused_address_is_said_beside_the_field_and_nothing_is_lost(admin, acme):
    refused = admin.post(f"{PAGE}new/?preset=openai-compatible", HOUSE | {"origin": "https://10.0.0.8"})

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "The host has an address that is not public" in text(refused)
    assert 'value="House"' in text(refused)
    with org_scope(acme.pk):
        assert not GatewayProvider.objects.exists()


def test_a_provider_is_changed(admin, acme):
    own = make_provider(acme)
    assert 'value="https://llm.example.com"' in text(admin.get(f"{PAGE}{own.pk}/edit/"))

    changed = admin.post(f"{PAGE}{own.pk}/edit/", HOUSE | {"name": "Home", "slug": "ignored"}, follow=True)

    assert "Home" in text(changed)
    with org_scope(acme.pk):
        assert (GatewayProvider.objects.get().name, GatewayProvider.objects.get().slug) == ("Home", "house")


def test_an_address_with_keys_is_not_changed_and_the_page_says_why(admin, acme):
    own = make_provider(acme)
    make_credential(acme, provider="house")

    refused = admin.post(f"{PAGE}{own.pk}/edit/", HOUSE | {"origin": "https://evil.example.com"})

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "1 credential is stored for this slug’s present address" in text(refused)


def test_deleting_a_provider_says_what_goes_and_what_comes_back(admin, acme):
    own = make_provider(acme, slug="openai", preset="openai")
    make_credential(acme)

    asked = text(admin.get(f"{PAGE}{own.pk}/delete/"))
    assert "1 key will be deleted with it" in asked
    assert "go to the built-in OpenAI" in asked
    admin.post(f"{PAGE}{own.pk}/delete/")

    with org_scope(acme.pk):
        assert not GatewayProvider.objects.exists()
        assert not ProviderCredential.objects.exists()


# --- Credentials ---


def test_a_key_is_saved_and_what_the_provider_says_is_shown(admin, acme, house, receiver):
    saved = add(admin)

    assert "“Production” is saved. House accepted it (HTTP 200)." in text(saved)
    assert ">Accepted<" in text(saved)
    assert SECRET not in text(saved)
    assert receiver.received[0].headers["authorization"] == f"Bearer {SECRET}"


def test_a_key_is_saved_also_when_the_provider_refuses_it(admin, acme, house, receiver):
    receiver.says(Answered(401, b"Incorrect API key: hunter2"))

    saved = add(admin)

    assert "“Production” is saved. House refused it (HTTP 401)." in text(saved)
    assert ">Refused<" in text(saved)
    assert "hunter2" not in text(saved)
    with org_scope(acme.pk):
        assert ProviderCredential.objects.get().check_result == "refused"


def test_a_key_is_saved_also_when_the_provider_is_not_there(admin, acme, settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    with http_receiver() as gone:
        url = gone.url
    make_provider(acme, origin=url)

    saved = add(admin)

    assert "“Production” is saved. House could not be asked. The connection was refused." in text(saved)
    assert ">Not reached<" in text(saved)


def test_what_cannot_be_a_key_comes_back_without_it(admin, acme, house, receiver):
    refused = add(admin, secret="tko_abcdefgh_hunter2")

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "This is a key of TokenOps" in text(refused)
    assert "hunter2" not in text(refused)
    assert 'value="Production"' in text(refused)
    assert receiver.received == []


def test_forms_with_keys_are_not_kept_by_browsers(admin, acme, house):
    page = admin.get(f"{PAGE}credentials/new/?provider=house")

    assert "no-store" in page["Cache-Control"]
    assert 'type="password"' in text(page)
    assert house.origin in text(page)


def test_without_a_provider_the_form_offers_those_that_take_a_key(admin, acme):
    make_provider(acme, slug="no-key", name="No key", auth="none")

    page = text(admin.get(f"{PAGE}credentials/new/"))

    assert '<option value="openai">' in page
    assert "no-key" not in page


def test_an_address_that_changed_while_the_form_was_open_is_said(admin, acme, house, receiver):
    refused = add(admin, origin="https://elsewhere.example.com")

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "The address of this provider changed in the meantime" in text(refused)
    assert receiver.received == []


def test_a_key_is_for_one_project(admin, acme, acme_project, house):
    add(admin, project="web")

    with org_scope(acme.pk):
        assert ProviderCredential.objects.get().project_id == acme_project.pk
    assert "Calls of <bdi>Web</bdi>" in text(admin.get(PAGE))


def test_a_key_is_tested_again(admin, acme, house, receiver):
    credential = make_credential(acme, provider="house")

    told = admin.post(of_credential(credential, "test"), follow=True)

    assert "House accepted it (HTTP 200)." in text(told)
    assert "Test again" in text(told)


def test_a_key_is_replaced_and_tested(admin, acme, house, receiver):
    credential = make_credential(acme, provider="house")
    assert "…cdef" in text(admin.get(of_credential(credential, "replace")))

    told = admin.post(of_credential(credential, "replace"), {"secret": "sk-new-0123456789", "seen": ""}, follow=True)

    assert "“Production” has its new key. House accepted it (HTTP 200)." in text(told)
    assert receiver.received[0].headers["authorization"] == "Bearer sk-new-0123456789"


def test_the_second_of_two_who_replace_a_key_is_told(admin, acme, house, receiver):
    credential = make_credential(acme, provider="house")
    opened = admin.get(of_credential(credential, "replace"))
    credential_services.replace_secret(
        organization=acme, actor=None, credential=credential, secret="sk-first-0123456", seen=None, now=NOON
    )

    refused = admin.post(
        of_credential(credential, "replace"),
        {"secret": "sk-second-012345", "seen": opened.context["form"]["seen"].value()},
    )

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Somebody else replaced this secret while you did" in text(refused)
    row = stored(acme, credential)
    opened_now = credentials.unseal(row.sealed, organization_id=acme.pk, provider="house", name="Production")
    assert opened_now == "sk-first-0123456"


def test_a_form_opened_after_the_replacement_replaces(admin, acme, house, receiver):
    """The moment comes back from the form to the microsecond."""
    credential = make_credential(acme, provider="house")
    credential_services.replace_secret(
        organization=acme,
        actor=None,
        credential=credential,
        secret="sk-first-0123456",
        seen=None,
        now=NOON.replace(microsecond=123_456),
    )
    opened = admin.get(of_credential(credential, "replace"))

    told = admin.post(
        of_credential(credential, "replace"),
        {"secret": "sk-second-012345", "seen": opened.context["form"]["seen"].value()},
        follow=True,
    )

    assert "“Production” has its new key." in text(told)


def test_another_key_is_made_the_default(admin, acme):
    make_credential(acme)
    second = make_credential(acme, name="Second")

    admin.post(of_credential(second, "default"))

    assert stored(acme, second).is_default


def test_deleting_the_default_says_what_takes_its_place(admin, acme):
    first = make_credential(acme)
    second = make_credential(acme, name="Second")

    assert "“<bdi>Second</bdi>” becomes the default" in text(admin.get(of_credential(first, "delete")))
    assert "Calls that take the default are not touched." in text(admin.get(of_credential(second, "delete")))
    admin.post(of_credential(first, "delete"))

    assert stored(acme, second).is_default
    asked = text(admin.get(of_credential(second, "delete")))
    assert "No other key of this provider is stored for the whole organization." in asked


def test_no_page_shows_a_secret(admin, acme, house):
    credential = make_credential(acme, provider="house")

    for url in (PAGE, *(of_credential(credential, step) for step in ("replace", "delete")), f"{PAGE}{house.pk}/edit/"):
        assert SECRET not in text(admin.get(url))


# --- Who sees what ---


def test_a_key_of_a_hidden_project_is_not_there(admin, acme, acme_project):
    tenant_services.create_project(organization=acme, actor=None, name="API")
    credential = make_credential(acme, name="Of web", project=acme_project)
    make_credential(acme, name="Of all")
    with org_scope(acme.pk):
        user = User.objects.get(email="admin@acme.test")
        ProjectRole.objects.create(organization=acme, project=acme_project, user=user, role="none")

    page = text(admin.get(PAGE))

    assert "Of all" in page
    assert "Of web" not in page
    assert admin.get(of_credential(credential, "replace")).status_code == HTTPStatus.NOT_FOUND
    assert '<option value="web">' not in text(admin.get(f"{PAGE}credentials/new/"))


# --- Settings ---


def test_offline_minutes_are_saved(admin, acme):
    saved = admin.post(f"{PAGE}settings/", {"offline_minutes": "15"}, follow=True)

    assert 'value="15"' in text(saved)
    with org_scope(acme.pk):
        assert GatewaySettings.objects.get().offline_minutes == 15


@pytest.mark.parametrize("minutes", ["", "-1", "1441", "soon"])
def test_offline_minutes_that_cannot_be_come_back(admin, acme, minutes):
    refused = admin.post(f"{PAGE}settings/", {"offline_minutes": minutes})

    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    with org_scope(acme.pk):
        assert not GatewaySettings.objects.exists()
