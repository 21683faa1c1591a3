"""Drives an edge in this process: its event loop runs in a thread, so that tests and the ORM stay synchronous."""

import asyncio
import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from core.databases import EDGE
from core.keys import Peppers
from core.scope import org_scope
from ingestion.edge import Edge, EdgeSettings, Limits, Rates
from ingestion.models import Call, CloudSample
from tenants import key_services
from tenants.models import Organization, Project

INGEST = "/api/v1/ingest"


@dataclass(frozen=True)
class Response:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class EdgeClient:
    """Posts to a running edge as a server would."""

    def __init__(self, edge: Edge, loop: asyncio.AbstractEventLoop) -> None:
        self._routes = edge.routes()
        self._loop = loop

    def post(self, body: object, *, key: str = "", path: str = INGEST, **options: Any) -> Response:
        """``body`` is bytes as they are, or anything JSON has; ``options`` as in ``request``."""
        return self.together([(body, key)], path=path, **options)[0]

    def get(self, path: str, **options: Any) -> Response:
        """Read what the edge itself says."""
        return self.together([(b"", "")], path=path, **({"method": "GET"} | options))[0]

    def together(self, requests: Iterable[tuple[object, str]], **options: Any) -> list[Response]:
        """Send body and key of each at the same time."""

        async def send_all() -> list[Response]:
            return await asyncio.gather(*(self.request(body, key=key, **options) for body, key in requests))

        return asyncio.run_coroutine_threadsafe(send_all(), self._loop).result(60)

    async def request(
        self,
        body: object,
        *,
        key: str = "",
        path: str = INGEST,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        pieces: int = 1,
        delays: Iterable[asyncio.Event] = (),
        client: str = "192.0.2.1",
    ) -> Response:
        """One request whose body arrives in ``pieces``; a piece waits for its event of ``delays`` where it has one."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        wanted = {"content-type": "application/json"} | ({"ts-api-key": key} if key else {}) | dict(headers or {})
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "client": (client, 50_000),
            "query_string": b"secret=in-the-query",
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in wanted.items()],
        }
        sent: list[dict[str, Any]] = []
        route = self._routes.get(path) or self._routes[f"{method} {path}"]
        await route(scope, _receiver(content, pieces, list(delays)), _collector(sent))
        start, *bodies = sent
        answered = {name.decode(): value.decode() for name, value in start["headers"]}
        return Response(start["status"], answered, b"".join(part["body"] for part in bodies))


def _receiver(content: bytes, pieces: int, delays: list[asyncio.Event]) -> Any:
    size = max(1, -(-len(content) // pieces))
    parts = [content[start : start + size] for start in range(0, len(content), size)] or [b""]

    async def receive() -> dict[str, Any]:
        if delays:
            await delays.pop(0).wait()
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    return receive


def _collector(sent: list[dict[str, Any]]) -> Any:
    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    return send


@contextmanager
def running_edge(
    limits: Limits | None = None, conninfo: str = "", *, rates: Rates | None = None, metrics_token: str = ""
) -> Iterator[EdgeClient]:
    """An edge on this worker's database, stopped in order at the end."""
    edge = Edge(
        EdgeSettings(
            conninfo=conninfo or settings.DATABASE.conninfo(EDGE),
            peppers=Peppers(settings.KEY_PEPPER, settings.KEY_PEPPER_PREVIOUS),
            encryption_key=settings.ENCRYPTION_KEY,
            previous_encryption_key=settings.ENCRYPTION_KEY_PREVIOUS,
            trusted_proxies=tuple(settings.TRUSTED_PROXIES),
            limits=limits or Limits(refusal_pause=0),
            rates=rates or Rates(),
            metrics_token=metrics_token,
        )
    )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    lifespan = edge.lifespan()
    try:
        asyncio.run_coroutine_threadsafe(lifespan.__aenter__(), loop).result(60)
        yield EdgeClient(edge, loop)
    finally:
        asyncio.run_coroutine_threadsafe(lifespan.__aexit__(None, None, None), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def issue_key(organization: Organization, *, project: str | None = "web", **options: Any) -> str:
    """The text of a new key of ``project``, or of the organization without one."""
    with org_scope(organization.pk):
        found = Project.objects.get(slug=project) if project else None
        issued = key_services.create_key(
            organization=organization,
            actor=None,
            name="test",
            project=found,
            **({"scopes": ["ingest"]} | options),
        )
    return issued.text


def stored_calls(organization: Organization, **filters: Any) -> list[dict[str, Any]]:
    """Columns of the organization's calls, oldest first."""
    with org_scope(organization.pk):
        return [dict(row) for row in Call.objects.filter(**filters).order_by("started_at", "call_id").values()]


def stored_samples(organization: Organization, **filters: Any) -> list[dict[str, Any]]:
    """Columns of the organization's samples, oldest first."""
    with org_scope(organization.pk):
        found = CloudSample.objects.filter(**filters).order_by("sampled_at", "sample_id")
        return [dict(row) for row in found.values()]
