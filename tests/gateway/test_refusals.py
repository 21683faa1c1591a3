"""What is not forwarded: each with a reason that an SDK can show, and the provider hears nothing of it."""

import pytest
from django.utils import timezone

from core.scope import org_scope
from tenants import key_services
from tenants.models import Project
from tenants.permissions import Scope
from tenants.tests.keys import issue_key
from tests.gateway.raw import refusal, request, send
from tests.gateway.scene import CHAT, OWN, STORED, chat
from tests.resilience.processes import wait_until

pytestmark = pytest.mark.resilience

CRAFTED_PATHS = {
    "parent": "/v1/proxy/openai/../admin",
    "parent-inside": "/v1/proxy/openai/v1/../../etc/passwd",
    "parent-escaped": "/v1/proxy/openai/%2e%2e/admin",
    "parent-half-escaped": "/v1/proxy/openai/.%2E/admin",
    "here": "/v1/proxy/openai/./v1/models",
    "slash-escaped": "/v1/proxy/openai/v1%2Fmodels",
    "slash-escaped-lower": "/v1/proxy/openai/..%2fadmin",
    "backslash": "/v1/proxy/openai/v1\\..\\admin",
    "backslash-escaped": "/v1/proxy/openai/v1%5C..%5Cadmin",
    "nul-escaped": "/v1/proxy/openai/v1%00/models",
    "line-feed-escaped": "/v1/proxy/openai/v1%0A/models",
    "return-escaped": "/v1/proxy/openai/v1%0d%0aX-Injected:%20yes/models",
    "absolute-inside": "/v1/proxy/openai/http://127.0.0.1:1/x",
    "host-inside": "/v1/proxy/openai//evil.example/x",
    "host-at": "/v1/proxy/openai@evil.example/v1/models",
}


@pytest.mark.parametrize("target", CRAFTED_PATHS.values(), ids=CRAFTED_PATHS.keys())
def test_a_crafted_path_leads_nowhere(gateway, target):
    answer = send(gateway, request(gateway, target, body=chat()))

    assert answer.status in {400, 404}
    assert gateway.provider.received == []
    assert gateway.key.encode() not in answer.body


@pytest.mark.parametrize("target", ["/v1/proxy/openai/..;/admin", "/v1/proxy/openai/https:/evil.example/x"])
def test_what_only_looks_like_a_way_out_stays_below_the_base_path(gateway, target):
    """To us a segment as any other; refused or passed on, it does not leave the provider."""
    answer = send(gateway, request(gateway, target, "Content-Type: application/json", body=chat()))

    assert answer.status in {200, 400, 404}
    for received in gateway.provider.received:
        assert received.target == target.replace("/v1/proxy/openai/", "/v1/")
        assert received.values("host") == [gateway.provider.url.removeprefix("http://")]


def test_absolute_form_is_no_way_to_another_host(gateway):
    """A client that takes us for a forward proxy: the path counts, or nothing; never the host it names."""
    answer = send(
        gateway, request(gateway, f"http://evil.example{CHAT}", "Content-Type: application/json", body=chat())
    )

    assert answer.status in {200, 400}
    assert {received.value("host") for received in gateway.provider.received} <= {
        gateway.provider.url.removeprefix("http://")
    }


@pytest.mark.parametrize("slug", ["nowhere", "OpenAI", "openai%20", "ollama", "azure", "", "openai;x"])
def test_an_unknown_provider_is_404(gateway, slug):
    """Also one whose address only an organization knows, before it said so."""
    answer = gateway.ask(chat(), f"/v1/proxy/{slug}/v1/chat/completions")

    assert answer.status in {400, 404}
    refusal(answer)
    assert gateway.provider.received == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": f"Bearer {OWN}"},
        {"Authorization": "Bearer "},
        {"x-api-key": OWN},
        {"Authorization": f"Bearer {OWN}", "TS-API-Key": "tko_not-a-key"},
        {"Authorization": "Bearer tko_AAAAAAAA_0000000000000000000000000000000000000000"},
        {"TS-API-Key": ""},
        {"Cookie": "sessionid=x"},
    ],
    ids=str,
)
def test_nobody_without_a_key_is_let_through(gateway, headers):
    answer = gateway.ask(chat(), key="", headers=headers)

    assert answer.status == 401
    refusal(answer)
    assert answer.value("www-authenticate").startswith("Bearer")
    assert OWN.encode() not in answer.body
    assert gateway.provider.received == []


def test_two_different_keys_are_401(gateway):
    headers = {"TS-API-Key": gateway.ingest_key, "X-TokenOps-Key": gateway.key}

    answer = gateway.ask(chat(), key="", headers=headers)

    assert answer.status == 401
    assert gateway.provider.received == []


def test_telemetrys_scope_spends_no_stored_credential(gateway):
    answer = gateway.ask(chat(), key=gateway.ingest_key)

    assert answer.status == 403
    refusal(answer)
    assert gateway.provider.received == []


@pytest.mark.parametrize("mode", ["own", "stored"])
def test_a_key_that_only_reads_is_403(gateway, mode):
    key = issue_key(gateway.organization, scopes=[Scope.READ]).text
    headers = {"TS-API-Key": key, "Authorization": f"Bearer {OWN}"} if mode == "own" else {}

    answer = gateway.ask(chat(), key="" if headers else key, headers=headers)

    assert answer.status == 403
    refusal(answer)
    assert gateway.provider.received == []


def test_a_provider_without_a_stored_credential_is_refused_before_it_hears(gateway):
    answer = gateway.ask(chat(), "/v1/proxy/groq/openai/v1/chat/completions")

    assert answer.status in {400, 403, 424}
    refusal(answer)
    assert gateway.provider.received == []


def test_a_revoked_key_is_refused(gateway):
    issued = issue_key(gateway.organization, project=project_of(gateway), scopes=[Scope.GATEWAY])
    assert gateway.ask(chat(), key=issued.text).status == 200

    key_services.revoke_key(organization=gateway.organization, actor=None, key=issued.key, now=timezone.now())

    wait_until(lambda: gateway.ask(chat(), key=issued.text).status == 401, "the edge to hear of it")
    gateway.provider.forget()
    assert gateway.ask(chat(), key=issued.text).status == 401
    assert gateway.provider.received == []


def project_of(gateway):
    with org_scope(gateway.organization.pk):
        return Project.objects.get()


@pytest.mark.parametrize("lines", [("Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13")])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_web_socket_is_501(gateway, lines, method):
    data = request(gateway, "/v1/proxy/openai/v1/realtime", *lines).replace(b"POST", method.encode(), 1)
    data = data.replace(b"Connection: close", b"Connection: Upgrade, close")

    answer = send(gateway, data)

    assert answer.status == 501
    refusal(answer)
    assert gateway.provider.received == []


@pytest.mark.parametrize(
    "line",
    [
        "X-Odd: a\rX-Injected: yes",  # a bare line feed ends a line (RFC 9112 §2.2): then it is two headers
        "X-Odd: a\0b",
        "X Odd: a",
        "X-Odd : a",
        " X-Folded: a",
        "X-Odd\x01: a",
        "Content-Length: 5, 6",
        "Transfer-Encoding: chunked, identity",
    ],
    ids=repr,
)
def test_a_crafted_header_injects_nothing(gateway, line):
    answer = send(gateway, request(gateway, CHAT, "Content-Type: application/json", line, body=chat()))

    for received in gateway.provider.received:  # refused, or passed on as one value
        assert "x-injected" not in received.names
        assert received.body == chat()
    assert answer.status in {0, 200, 400, 431}


@pytest.mark.parametrize("size", [70_000, 2_000_000])
def test_oversized_headers_are_refused(gateway, size):
    answer = send(gateway, request(gateway, CHAT, f"X-Odd: {'x' * size}", body=chat()))

    assert answer.status in {0, 400, 431}
    assert gateway.provider.received == []


def test_very_many_headers_are_refused(gateway):
    lines = [f"X-Odd-{number}: x" for number in range(2_000)]

    answer = send(gateway, request(gateway, CHAT, *lines, body=chat()))

    assert answer.status in {0, 400, 431}
    assert gateway.provider.received == []


# --- Headers that end here --------------------------------------------------------------------------------------------

KEPT = {
    "x-custom": "a, b;c",
    "openai-organization": "org-1",
    "openai-beta": "assistants=v2",
    "x-stainless-lang": "python",
    "idempotency-key": "one",
    "user-agent": "an-app/1.0",
    "accept": "application/json",
    "priority": "u=1",
}
ENDING = {
    "x-tokenops-feature": "f",
    "x-tokenops-user": "u",
    "x-tokenops-tags": "a=b",
    "x-tokenops-inject-usage": "off",
    "x-tokenops-anything": "x",
    "helicone-property-plan": "pro",
    "helicone-auth": "Bearer x",
    "x-portkey-metadata": '{"_user":"u"}',
    "x-portkey-api-key": "x",
    "cookie": "sessionid=x",
    "forwarded": "for=192.0.2.1",
    "x-forwarded-for": "192.0.2.1",
    "x-forwarded-host": "a.example",
    "x-forwarded-proto": "https",
    "proxy-authorization": "Basic x",
    "te": "trailers",
    "keep-alive": "timeout=5",
    "upgrade": "h2c",
    "x-named": "by Connection",
}


def test_only_what_is_the_providers_goes_upstream(gateway):
    lines = [f"{name}: {value}" for name, value in (KEPT | ENDING).items()]
    lines += ["X-Twice: one", "X-Twice: two", "Connection: X-Named"]

    answer = send(gateway, request(gateway, CHAT, "Content-Type: application/json", *lines, body=chat()))

    assert answer.status == 200
    (received,) = gateway.provider.received
    assert {name: received.value(name) for name in KEPT} == KEPT
    assert received.values("x-twice") in (["one", "two"], ["one, two"])
    assert [name for name in received.names if name in ENDING] == []
    assert received.values("authorization") == [f"Bearer {STORED['openai']}"]
    assert received.values("host") == [gateway.provider.url.removeprefix("http://")]
    assert received.values("content-length") == [str(len(chat()))]


def test_what_the_provider_says_to_its_own_connection_ends_here(gateway):
    def answers(exchange):
        headers = {"Connection": "X-Named, keep-alive", "X-Named": "1", "Keep-Alive": "timeout=5", "X-Kept": "2"}
        exchange.whole(b"{}", headers | {"Content-Type": "application/json", "Proxy-Authenticate": "Basic"})

    gateway.provider.says(answers)

    answer = gateway.ask(chat())

    assert (answer.status, answer.value("x-kept"), answer.value("content-length")) == (200, "2", "2")
    assert [answer.value(name) for name in ("x-named", "keep-alive", "proxy-authenticate")] == ["", "", ""]
    assert "x-named" not in answer.value("connection").lower()
