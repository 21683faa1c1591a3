"""Proxied load: clients whose every call has a name that the provider, the client and the database can be asked for."""

import contextlib
import http.client
import json
import threading
import uuid
from collections import Counter
from dataclasses import dataclass

import psycopg

from tests.fake_provider import FakeProvider
from tests.resilience.installation import Installation, run
from tests.resilience.processes import wait_until

SECRET = "sk-stored-by-the-resilience-tests"
CHAT = "/v1/proxy/openai/v1/chat/completions"
# Leads the provider openai of both tenants to PROVIDER_AT; prints a key of each that may spend the stored credential.
# The neighbour's does not go on working while the database is away.
_PREPARE = f"""
import django
django.setup()
import os
from core.scope import org_scope
from gateway import credentials
from gateway.models import GatewayProvider, GatewaySettings, ProviderCredential
from tenants import key_services
from tenants.models import Organization, Project, User
user = User.objects.get(email="owner@resilience.test")
for slug in ("resilience", "neighbour"):
    organization = Organization.objects.get(slug=slug)
    where = dict(organization_id=organization.pk, provider="openai", name="main")
    with org_scope(organization.pk):
        GatewayProvider.objects.create(
            organization=organization, slug="openai", name="OpenAI", preset="openai", base_path="/v1",
            origin=os.environ["PROVIDER_AT"], auth="bearer", inject_include_usage=True)
        ProviderCredential.objects.create(
            **where, sealed=credentials.seal("{SECRET}", **where), is_default=True)
        if slug == "neighbour":
            GatewaySettings.objects.create(organization=organization, offline_minutes=0)
        project = Project.objects.get()
    print(key_services.create_key(
        organization=organization, actor=user, name="proxied", scopes=["gateway"], project=project).text)
"""


def lead_to(installation: Installation, provider: FakeProvider) -> list[str]:
    """Both tenants' keys for the gateway, whose provider is this one."""
    return run(_PREPARE, installation.environ | {"PROVIDER_AT": provider.url}).split()[-2:]


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database says of one name."""

    times: int
    status: str
    is_estimated: bool


def stored_by_name(installation: Installation) -> dict[str, Stored]:
    with psycopg.connect(installation.environ["DATABASE_URL"]) as admin:
        rows = admin.execute(
            "select session_id, count(*), max(status), bool_or(usage_estimated) from calls"
            " where source = 'gateway' group by 1"
        ).fetchall()
    return {name: Stored(times, status, is_estimated) for name, times, status, is_estimated in rows}


def counted(installation: Installation) -> dict[str, int]:
    """The traffic's counters, over all hours and providers."""
    names = ("requests", "calls", "written", "interrupted")
    with psycopg.connect(installation.environ["DATABASE_URL"]) as admin:
        sums = ", ".join(f"coalesce(sum({name}), 0)::bigint" for name in names)
        (row,) = admin.execute(f"select {sums} from gateway_traffic_hourly".encode()).fetchall()
    return dict(zip(names, row, strict=True))


def heard(provider: FakeProvider) -> Counter[str]:
    """How often the provider was asked by each name."""
    return Counter(received.value("x-call") for received in list(provider.received))


class ProxiedLoad:
    """Clients that ask, half of them for streams, one call a name and never again, until told to stop."""

    def __init__(self, key: str, *, clients: int = 4) -> None:
        self.port = 0
        self.whole: set[str] = set()  # the answer came to its end
        self.refused: set[str] = set()  # by the gateway, with 503
        self.statuses: Counter[int] = Counter()
        self._key = key
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(bool(n % 2),)) for n in range(clients)]

    def __enter__(self) -> "ProxiedLoad":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, more: int) -> None:
        wanted = len(self.whole) + more
        wait_until(lambda: len(self.whole) >= wanted, f"{more} more whole answers: {self.statuses}")

    def _run(self, stream: bool) -> None:
        while not self._stop.is_set():
            if not self.port:  # no server yet
                self._stop.wait(0.01)
                continue
            name = uuid.uuid4().hex
            status, body = ask(self.port, self._key, name=name, stream=stream)
            self.statuses[status] += 1
            if status == 200 and body.endswith(b"data: [DONE]\n\n" if stream else b"}"):
                self.whole.add(name)
            elif status == 503:
                self.refused.add(name)
            if status != 200:
                self._stop.wait(0.02)


def ask(port: int, key: str, *, name: str = "", stream: bool = False) -> tuple[int, bytes]:
    """Status and body of one call; 0 when there was no answer, or none to its end."""
    asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    headers = {"Authorization": f"Bearer {key}", "X-TokenOps-Session": name, "X-Call": name}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("POST", CHAT, json.dumps(asked), headers | {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    return 0, b""


def wait_until_stored(installation: Installation, names: set[str]) -> dict[str, Stored]:
    """Every one of ``names``, and what else there is."""
    wait_until(lambda: names <= set(stored_by_name(installation)), "every call to be stored")
    return stored_by_name(installation)
