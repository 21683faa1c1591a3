"""An organization whose providers are one fake on loopback, and a real server between it and the tests."""

import contextlib
import http.client
import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from core.scope import org_scope
from gateway import announcement, credentials
from gateway.models import GatewayProvider, GatewayTraffic, ProviderCredential
from gateway.providers import PRESETS
from ingestion.models import Call
from ingestion.pricing import services as pricing
from tenants.models import Organization, Project
from tenants.permissions import Scope
from tenants.tests.keys import issue_key
from tests.fake_provider import FakeProvider
from tests.resilience.processes import wait_until
from tests.servers import RunningServer, running_server

SLUGS: Final = ("openai", "anthropic", "google", "mistral")
STORED: Final = {slug: f"sk-stored-{slug}-0123456789abcdef" for slug in SLUGS}  # the organization's, mode (b)
OWN: Final = "sk-callers-own-fedcba9876543210"  # the caller's, mode (a)
CHAT: Final = "/v1/proxy/openai/v1/chat/completions"
SETTINGS: Final = {
    "TOKENOPS_PROCESS": "edge",
    "OUTBOUND_ALLOWED_NETWORKS": "127.0.0.0/8",
    "INGEST_REQUESTS_PER_SECOND": "0",
    "INGEST_EVENTS_PER_SECOND": "0",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, byte by byte."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def value(self, name: str) -> str:
        return ", ".join(value for key, value in self.headers if key.lower() == name)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def chat(*, stream: bool = False, **more: object) -> bytes:
    """A call as an application would write it."""
    asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]} | more
    return json.dumps(asked | ({"stream": True} if stream else {})).encode()


@dataclass
class Scene:
    """Requests through the server, and what became of them in the database."""

    server: RunningServer
    provider: FakeProvider
    organization: Organization
    key: str = field(repr=False)  # may use stored credentials
    ingest_key: str = field(repr=False)  # brings the provider's key along

    def base(self, slug: str) -> str:
        return f"{self.server.url}/v1/proxy/{slug}"

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)

    def ask(
        self,
        body: Any = None,
        path: str = CHAT,
        *,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> Answer:
        """One request in mode (b), unless ``key`` is '' and the headers say otherwise."""
        given = {"Content-Type": "application/json"} | dict(headers or {})
        if key != "":
            given = {"Authorization": f"Bearer {key or self.key}"} | given
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, body, given)
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())

    def calls(self, **filters: Any) -> list[Call]:
        with org_scope(self.organization.pk):
            return list(Call.objects.filter(**filters).order_by("started_at", "call_id"))

    def call(self, feature: str) -> Call:
        """The only call of ``feature``, as soon as it is stored."""
        wait_until(lambda: bool(self.calls(feature=feature)), f"the call of {feature} to be stored")
        (found,) = self.calls(feature=feature)
        return found

    def drained(self) -> None:
        """Until everything that was asked before is stored."""
        feature = new_feature()
        assert self.ask(chat(), headers={"X-TokenOps-Feature": feature}).status == 200
        self.call(feature)

    def traffic(self) -> dict[str, int]:
        """The counters of all hours and providers, added up."""
        names = [one.name for one in GatewayTraffic._meta.fields if one.get_internal_type() == "BigIntegerField"]
        with org_scope(self.organization.pk):
            rows = list(GatewayTraffic.objects.values(*names))
        return {name: sum(row[name] for row in rows) for name in names if name != "project_id"}


def new_feature() -> str:
    """A feature of one test only."""
    return f"t-{uuid.uuid4().hex[:12]}"


def set_scene(organization: Organization, provider: FakeProvider) -> tuple[str, str]:
    """Lead the built-in providers to ``provider``, with a credential each; two keys, for each way to authenticate."""
    pricing.import_catalogue(now=datetime.now(UTC))
    for slug in SLUGS:
        add_provider(organization, slug, origin=provider.url)
        add_credential(organization, slug, STORED[slug])
    with org_scope(organization.pk):
        project = Project.objects.get()
    keys = [issue_key(organization, project=project, scopes=[scope]) for scope in (Scope.GATEWAY, Scope.INGEST)]
    return keys[0].text, keys[1].text


def add_provider(organization: Organization, preset: str, *, origin: str, slug: str = "", **options: Any) -> None:
    """The organization's own address of a built-in provider, or with another ``slug`` one more like it."""
    built_in = PRESETS[preset].provider
    with org_scope(organization.pk):
        GatewayProvider.objects.create(
            organization=organization,
            preset=preset,
            origin=origin,
            **{
                "slug": slug or preset,
                "name": built_in.name,
                "base_path": built_in.base_path,
                "auth": built_in.auth.value,
                "auth_name": built_in.auth_name,
                "inject_include_usage": built_in.inject_include_usage,
            }
            | options,
        )
        announcement.announce(organization.pk)


def add_credential(organization: Organization, provider: str, secret: str, *, name: str = "main") -> None:
    where: dict[str, Any] = {"organization_id": organization.pk, "provider": provider, "name": name}
    with org_scope(organization.pk):
        ProviderCredential.objects.create(
            **where, sealed=credentials.seal(secret, **where), hint=secret[-4:], is_default=True
        )
        announcement.announce(organization.pk)


@contextmanager
def gateway_server(directory: Path, **environ: str) -> Iterator[RunningServer]:
    """A server with a spool of its own."""
    directory.mkdir(parents=True, exist_ok=True)
    given = SETTINGS | {"TOKENOPS_SPOOL_DIR": str(directory / "spool")} | environ
    with running_server(directory / "server.log", **given) as server:
        yield server
