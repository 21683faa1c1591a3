"""A provider's credential is replaced while it is in use: every call goes out with the old one or the new one."""

import threading

import pytest

from core.scope import org_scope
from gateway import announcement, credentials
from gateway.models import GatewayProvider, ProviderCredential
from tests.fake_provider import fake_provider
from tests.gateway.scene import CHAT, STORED, chat
from tests.resilience.processes import wait_until

pytestmark = pytest.mark.resilience


def replace(gateway, secret):
    """As the service does: the row and the word of it in one transaction."""
    where = {"organization_id": gateway.organization.pk, "provider": "openai", "name": "main"}
    with org_scope(gateway.organization.pk):
        row = ProviderCredential.objects.select_for_update().get(**where)
        row.sealed = credentials.seal(secret, **where)
        row.save(update_fields=["sealed"])
        announcement.announce(gateway.organization.pk)


def used(provider):
    return [received.value("authorization").removeprefix("Bearer ") for received in list(provider.received)]


class Callers:
    """Clients that call until told to stop."""

    def __init__(self, gateway):
        self.statuses = []
        self._gateway, self._stop = gateway, threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(3)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        while not self._stop.is_set():
            self.statuses.append(self._gateway.ask(chat(), CHAT).status)


def test_a_replaced_credential_is_used_at_once_and_no_call_fails(gateway):
    secrets = [STORED["openai"], *(f"sk-replaced-{number}-0123456789" for number in range(5))]
    with Callers(gateway) as callers:
        wait_until(lambda: secrets[0] in used(gateway.provider), "the first one to be used")
        for secret in secrets[1:]:
            replace(gateway, secret)
            wait_until(lambda secret=secret: secret in used(gateway.provider), "the next one to be used")
    replace(gateway, STORED["openai"])

    assert set(callers.statuses) == {200}
    assert set(used(gateway.provider)) == set(secrets)  # never a mixture, never none


def test_a_provider_that_moves_is_followed_and_none_of_its_keys_goes_to_the_old_place(gateway):
    with fake_provider() as elsewhere:
        _move(gateway, elsewhere.url)
        wait_until(lambda: gateway.ask(chat()).status == 200 and bool(elsewhere.received), "the edge to hear of it")
        gateway.provider.forget()

        assert gateway.ask(chat()).status == 200

        assert gateway.provider.received == []
        _move(gateway, gateway.provider.url)
        wait_until(lambda: gateway.ask(chat()).status == 200 and bool(gateway.provider.received), "the way back")


def _move(gateway, origin):
    with org_scope(gateway.organization.pk):
        GatewayProvider.objects.filter(slug="openai").update(origin=origin)
        announcement.announce(gateway.organization.pk)
