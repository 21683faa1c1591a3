"""Whether a provider takes a credential: asked of servers on this machine that accept, refuse, hang and break off."""

from collections.abc import Iterator

import pytest
from django.db import connection, connections

from conftest import make_organization
from core.scope import org_scope
from gateway import checking, credential_services, upstreams
from gateway.models import GatewayProvider, ProviderCredential
from gateway.providers import PRESETS
from gateway.tests.provider_factories import NOON, SECRET, make_credential, make_provider, stored
from tenants.models import AuditEntry
from tests.receivers import Answered, Receiver, flood, hang, hang_up, http_receiver, speak_nonsense


@pytest.fixture
def receiver(settings) -> Iterator[Receiver]:
    """A provider on this machine."""
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    with http_receiver() as running:
        yield running


@pytest.fixture
def credential(acme, receiver) -> ProviderCredential:
    make_provider(acme, origin=receiver.url)
    return make_credential(acme, provider="house")


def ask(organization, credential):
    return credential_services.check_credential(
        organization=organization, actor=None, credential_id=credential.pk, now=NOON
    )


def test_a_credential_that_the_provider_takes_is_accepted(acme, credential, receiver):
    verdict = ask(acme, credential)

    assert (verdict.result, verdict.provider, verdict.sentence) == ("accepted", "House", "accepted it (HTTP 200).")
    (request,) = receiver.received
    assert (request.method, request.path, request.body) == ("GET", "/v1/models", b"")
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert not [name for name in request.headers if "tokenops" in name]
    row = stored(acme, credential)
    assert (row.check_result, row.checked_at) == ("accepted", NOON)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_credential_that_the_provider_does_not_know_is_refused(acme, credential, receiver, status):
    receiver.says(Answered(status, f'{{"error": "Incorrect API key provided: {SECRET}"}}'.encode()))

    verdict = ask(acme, credential)

    assert (verdict.result, verdict.sentence, verdict.status) == ("refused", f"refused it (HTTP {status}).", status)
    assert stored(acme, credential).check_result == "refused"


@pytest.mark.parametrize("status", [301, 404, 429, 500, 503])
def test_an_answer_that_says_neither_yes_nor_no_is_called_so(acme, credential, receiver, status):
    receiver.says(Answered(status, headers={"location": f"{receiver.url}/elsewhere"}))

    verdict = ask(acme, credential)

    assert (verdict.result, verdict.sentence) == ("", f"answered HTTP {status}, which says neither yes nor no.")
    assert len(receiver.received) == 1
    row = stored(acme, credential)
    assert (row.check_result, row.checked_at) == ("", NOON)


@pytest.mark.parametrize("behaviour", [hang_up, speak_nonsense])
def test_a_provider_that_does_not_answer_was_not_reached(acme, credential, receiver, behaviour):
    receiver.says(behaviour)

    verdict = ask(acme, credential)

    assert verdict.result == "unreachable"
    assert verdict.sentence.startswith("could not be asked. ")
    assert SECRET not in verdict.sentence
    assert stored(acme, credential).check_result == "unreachable"


def test_patience_is_short(acme, credential, receiver, monkeypatch):
    monkeypatch.setattr(checking, "SECONDS", 0.2)
    receiver.says(hang)

    assert ask(acme, credential).sentence == "could not be asked. No answer within 0 seconds."


def test_an_answer_without_an_end_is_not_read(acme, credential, receiver):
    receiver.says(flood)

    assert ask(acme, credential).result == "accepted"


def test_an_address_that_is_not_allowed_any_more_is_not_connected_to(acme, credential, receiver, settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = []

    verdict = ask(acme, credential)

    assert (verdict.result, receiver.received) == ("unreachable", [])


@pytest.mark.parametrize(
    ("auth", "name", "header", "path"),
    [
        ("header", "x-api-key", ("x-api-key", SECRET), "/v1/models"),
        ("query", "key", ("authorization", None), f"/v1/models?key={SECRET}"),
    ],
)
def test_the_credential_goes_where_calls_have_it(acme, receiver, auth, name, header, path):
    make_provider(acme, origin=receiver.url, auth=auth, auth_name=name)

    ask(acme, make_credential(acme, provider="house"))

    (request,) = receiver.received
    assert request.path == path
    assert request.headers.get(header[0]) == header[1]


def test_required_headers_of_a_preset_are_sent(acme, receiver):
    make_provider(
        acme, slug="claude", preset="anthropic", origin=receiver.url, base_path="", auth="header", auth_name="x-api-key"
    )

    ask(acme, make_credential(acme, provider="claude"))

    assert receiver.received[0].headers["anthropic-version"] == "2023-06-01"


def test_a_provider_without_a_free_request_is_not_asked(acme, receiver, monkeypatch):
    preset = PRESETS["openai-compatible"]
    monkeypatch.setattr(upstreams, "PRESETS", {"openai-compatible": type(preset)(provider=preset.provider)})
    make_provider(acme, origin=receiver.url, preset="openai-compatible")

    verdict = ask(acme, make_credential(acme, provider="house"))

    assert (verdict.result, receiver.received) == ("", [])
    assert verdict.sentence == "has no free request to try a key with: the first call shows it."


def test_the_test_is_recorded_without_the_secret(acme, credential, scope):
    ask(acme, credential)

    with scope(acme):
        entry = AuditEntry.objects.latest("pk")
    assert entry.action == "credential.checked"
    assert entry.facts == {
        "provider": "house", "name": "Production", "project": "", "result": "accepted", "http_status": 200,
    }  # fmt: skip


def test_an_answer_about_a_replaced_secret_is_told_and_not_kept(committed_db, receiver):
    """Somebody replaces the secret while the provider thinks: nothing of ours is locked meanwhile."""
    organization = make_organization("Acme")
    make_provider(organization, origin=receiver.url)
    credential = make_credential(organization, provider="house")

    def replace_then_refuse(handler, over):
        credential_services.replace_secret(
            organization=organization, actor=None, credential=credential, secret="sk-new-0123456", seen=None, now=NOON
        )
        connections.close_all()
        handler.send_response(401)
        handler.send_header("content-length", "0")
        handler.end_headers()

    receiver.says(replace_then_refuse)

    verdict = ask(organization, credential)

    assert verdict.result == "refused"
    row = stored(organization, credential)
    assert (row.replaced_at, row.check_result, row.checked_at) == (NOON, "", None)


def test_a_credential_that_is_gone_has_no_verdict(acme, credential, receiver):
    credential_services.delete_credential(organization=acme, actor=None, credential=credential)

    assert ask(acme, credential) is None
    assert receiver.received == []


def test_a_credential_of_a_provider_that_is_gone_was_not_reached(acme, credential, receiver, scope):
    with scope(acme):
        GatewayProvider.objects.all().delete()

    verdict = ask(acme, credential)

    assert (verdict.result, verdict.provider) == ("unreachable", "house")
    assert receiver.received == []


def test_a_secret_that_does_not_open_is_said(acme, credential, receiver, scope):
    with scope(acme):
        ProviderCredential.objects.update(sealed=b"\x02damaged")

    verdict = ask(acme, credential)

    assert verdict.sentence == "was not asked: the stored key does not open. Replace it."
    assert receiver.received == []


def test_the_provider_is_asked_outside_of_transactions(committed_db, receiver, monkeypatch):
    organization = make_organization("Acme")
    make_provider(organization, origin=receiver.url)
    credential = make_credential(organization, provider="house")
    seen = []
    asked = checking.check

    def check(*arguments):
        seen.append(connection.in_atomic_block)
        return asked(*arguments)

    monkeypatch.setattr(checking, "check", check)

    ask(organization, credential)

    assert seen == [False]
    with org_scope(organization.pk):
        assert ProviderCredential.objects.get().check_result == "accepted"


@pytest.mark.parametrize(
    ("preset", "base_path", "path"),
    [
        ("openai", "/v1", "/v1/models"),
        ("openai", "/proxy/openai", "/proxy/openai/models"),
        ("openai", "", "/v1/models"),
    ],
)
def test_the_path_of_the_test_lies_below_the_providers_base_path(acme, scope, preset, base_path, path):
    own = make_provider(acme, slug="mine", preset=preset, base_path=base_path)

    assert checking.check_path(PRESETS[preset], upstreams.provider_of(own)) == path
