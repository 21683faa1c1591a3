"""A key is replaced in the browser while a client sends events with it, without a pause and without a loss."""

import json
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime
from time import monotonic

import pytest
from playwright.sync_api import Page, expect

from conftest import make_organization
from core.scope import org_scope
from tenants import key_services
from tenants.models import Membership, Project
from tenants.permissions import Role, Scope
from tenants.tests.people import join
from tests.e2e.accessibility import violations
from tests.e2e.test_invitation import sign_in
from tests.servers import PATIENCE, RunningServer

pytestmark = pytest.mark.browser

ADMIN = "admin@acme.test"


class Client(threading.Thread):
    """Sends one event after the other with whichever key it has, until it is told to stop."""

    def __init__(self, server: RunningServer, key: str) -> None:
        super().__init__()
        self.server, self.key = server, key
        self.sent: dict[str, list[str]] = {}
        self.answers: list[int] = []
        self.is_over = threading.Event()
        self.moved = threading.Condition()

    def run(self) -> None:
        while not self.is_over.is_set():
            key = self.key
            sent = self.sent.setdefault(key, [])
            name = f"{len(self.sent)}-{len(sent)}"
            self.answers.append(post(self.server, key, name))
            with self.moved:
                sent.append(name)
                self.moved.notify_all()

    def wait_for(self, count: int) -> None:
        """Until ``count`` more events have gone out with the present key."""
        wanted = len(self.sent.get(self.key, [])) + count
        with self.moved:
            assert self.moved.wait_for(lambda: len(self.sent.get(self.key, [])) >= wanted, timeout=PATIENCE)


def post(server: RunningServer, key: str, name: str) -> int:
    event = {"id": name, "timestamp": datetime.now(UTC).isoformat(), "model": "gpt-4o-mini", "input_tokens": 10}
    return send(server, key, json.dumps(event).encode())


def send(server: RunningServer, key: str, body: bytes) -> int:
    request = urllib.request.Request(
        f"{server.url}/api/v1/ingest",
        data=body,
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def stored(server: RunningServer, key: str) -> list[str]:
    """The ids of all calls as the API lists them, page by page."""
    ids: list[str] = []
    url: str | None = f"{server.url}/api/v1/calls?limit=100"
    while url:
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            page = json.load(answer)
        ids += [call["id"] for call in page["results"]]
        url = page["next"]
    return ids


def test_a_client_keeps_sending_while_its_key_is_replaced(page: Page, server: RunningServer):
    acme = make_organization("Acme")
    join(acme, ADMIN, Role.ADMIN)
    with org_scope(acme.pk):
        project = Project.objects.get()
    owner = Membership.objects.get(organization=acme, role=Role.OWNER).user
    made = {
        name: key_services.create_key(organization=acme, actor=owner, name=name, scopes=[scope], project=project).text
        for name, scope in (("collector", Scope.INGEST), ("reader", Scope.READ))
    }
    client = Client(server, made["collector"])
    client.start()
    try:
        new = replace_while_it_sends(page, client)
    finally:
        client.is_over.set()
        client.join()

    assert set(client.answers) == {202}
    assert min(len(names) for names in client.sent.values()) >= 20
    assert list(client.sent) == [made["collector"], new]
    everything = [name for names in client.sent.values() for name in names]
    assert sorted(stored(server, made["reader"])) == sorted(everything)

    # Nothing uses the old one any more: it is revoked before its time and refused at once.
    revoke_old(page)
    assert is_refused_soon(server, made["collector"])
    assert post(server, new, "the last one") == 202
    assert sorted(stored(server, made["reader"])) == sorted([*everything, "the last one"])


def replace_while_it_sends(page: Page, client: Client) -> str:
    """The new key, once the client has sent with both."""
    client.wait_for(20)
    sign_in(page, ADMIN)
    page.goto("/o/acme/p/web/keys/")
    page.get_by_role("link", name="Replace collector").click()
    page.get_by_label("Keep the old key working for").fill("1h")
    assert violations(page) == []
    page.get_by_role("button", name="Create the new key").click()
    new = page.locator("#new-key").inner_text().strip()
    client.wait_for(20)  # the old one goes on
    client.key = new
    client.wait_for(20)
    page.get_by_role("link", name="Done, I have copied it").click()
    expect(page.get_by_role("main")).to_contain_text("being replaced by")
    return new


def revoke_old(page: Page) -> None:
    row = page.get_by_role("row").filter(has_text="being replaced by")
    row.get_by_role("link", name="Revoke collector").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke key").click()
    expect(page.get_by_role("main")).to_contain_text("Revoked")


def is_refused_soon(server: RunningServer, key: str) -> bool:
    """Ask with a body that is never stored until the key itself is refused."""
    deadline = monotonic() + PATIENCE
    while monotonic() < deadline:
        if send(server, key, b"[]") == 401:
            return True
    return False
