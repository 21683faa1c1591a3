"""The soak's proxied calls: through the gateway to a provider in this process, counted at the client and the provider.

A client's calls all have its trace; some streams are left in the middle, as users do. The provider counts what it
hears, so that three counts can be compared: asked, heard, stored.
"""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from bench.installation import Server
from bench.tenants import Tenant

LEFT: Final = 0.02  # share of streams whose client leaves
AGAIN_SECONDS: Final = 0.05
PIECES: Final = 8
PIECE_SECONDS: Final = 0.005
_PATH: Final = "/v1/proxy/openai/v1/chat/completions"
_SECRET: Final = "sk-soak"  # noqa: S105 - of no provider
_USAGE: Final = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}


@dataclass(slots=True, eq=False)
class ProxiedClient:
    """One connection that asks for one answer after the other."""

    number: int
    key: str = field(repr=False)
    is_stream: bool
    random: Random
    asked: int = 0
    whole: int = 0  # answers that came to their end
    left: int = 0  # streams it did not read to the end

    @property
    def trace_id(self) -> str:
        return f"{self.number + 1:032x}"

    def request(self) -> bytes:
        asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}], "stream": self.is_stream}
        body = json.dumps(asked).encode()
        head = (
            f"POST {_PATH} HTTP/1.1\r\nHost: soak\r\nAuthorization: Bearer {self.key}\r\nX-Client: {self.trace_id}\r\n"
            f"X-TokenOps-Trace: {self.trace_id}\r\nX-TokenOps-Feature: proxied\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class Provider:
    """Answers as OpenAI does and counts who asked."""

    def __init__(self) -> None:
        self.heard: Counter[str] = Counter()

    @asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        try:
            yield
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                headers = fields(await reader.readuntil(b"\r\n\r\n"))
                asked = json.loads(await reader.readexactly(int(headers["content-length"])))
                self.heard[headers["x-client"]] += 1
                identifier = f"chatcmpl-{headers['x-client']}-{self.heard[headers['x-client']]}"
                await (_stream if asked["stream"] else _whole)(writer, identifier)
        writer.close()


async def _whole(writer: asyncio.StreamWriter, identifier: str) -> None:
    body = json.dumps({"id": identifier, "model": "gpt-4o", "choices": [], "usage": _USAGE}).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()


async def _stream(writer: asyncio.StreamWriter, identifier: str) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    choice = {"index": 0, "delta": {"content": "word "}, "finish_reason": None}
    for _ in range(PIECES):
        writer.write(_event({"id": identifier, "model": "gpt-4o", "choices": [choice]}))
        await writer.drain()
        await asyncio.sleep(PIECE_SECONDS)
    writer.write(_event({"id": identifier, "model": "gpt-4o", "choices": [], "usage": _USAGE}))
    writer.write(_chunk(b"data: [DONE]\n\n") + _chunk(b""))
    await writer.drain()


def _event(document: object) -> bytes:
    return _chunk(b"data: " + json.dumps(document).encode() + b"\n\n")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def fields(head: bytes) -> dict[str, str]:
    """Headers by their names in lower case."""
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}


class Connection:
    """What a client asks over, opened anew when it was left."""

    def __init__(self, edge: Server) -> None:
        self._edge = edge
        self._writer: asyncio.StreamWriter | None = None
        self._reader = asyncio.StreamReader()

    async def ask(self, client: ProxiedClient) -> int:
        """The status of the answer, which is read to its end unless the client leaves it."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self._edge.host, self._edge.port)
        self._writer.write(client.request())
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        if status == 200:
            client.asked += 1
        if status == 200 and client.is_stream and client.random.random() < LEFT:
            client.left += 1
            self._leave()
            return status
        await self._read(fields(head))
        if status == 200:
            client.whole += 1
        return status

    async def _read(self, headers: dict[str, str]) -> None:
        if "content-length" in headers:
            await self._reader.readexactly(int(headers["content-length"]))
            return
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            await self._reader.readexactly(size + 2)
        await self._reader.readexactly(2)

    def _leave(self) -> None:
        if self._writer:
            self._writer.transport.abort()
        self._writer = None

    def close(self) -> None:
        if self._writer:
            self._writer.close()


def lead_to(tenant: Tenant, port: int) -> str:
    """Make ``port`` of this machine the tenant's OpenAI; the key that may ask it."""
    from core.scope import org_scope
    from gateway import credentials
    from gateway.models import GatewayProvider, ProviderCredential
    from tenants import key_services
    from tenants.models import Organization, Project
    from tenants.permissions import Scope

    organization = Organization.objects.get(pk=tenant.organization_id)
    where: dict[str, Any] = {"organization_id": organization.pk, "provider": "openai", "name": "soak"}
    with org_scope(organization.pk):
        GatewayProvider.objects.create(
            organization=organization,
            slug="openai",
            name="Soak",
            preset="openai",
            origin=f"http://127.0.0.1:{port}",
            base_path="/v1",
            auth="bearer",
            inject_include_usage=True,
        )
        ProviderCredential.objects.create(**where, sealed=credentials.seal(_SECRET, **where), is_default=True)
        project = Project.objects.get(pk=tenant.project_ids[0])
    issued = key_services.create_key(
        organization=organization, actor=None, name="proxied", scopes=[Scope.GATEWAY], project=project
    )
    return issued.text
