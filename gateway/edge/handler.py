"""One proxied request from its arrival to its last byte, whatever happens."""

import asyncio
import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from gateway.edge.body import RequestBody
from gateway.edge.door import Admission, Door, Request
from gateway.edge.forward import is_read, prepare
from gateway.edge.http import reply_of, stopping
from gateway.edge.relay import Relay
from gateway.edge.upstream import Upstream, UpstreamError
from gateway.types import Spool
from ingestion.edge.http import ClientGoneError, InFlight, Problem, Receive, Scope, Send, name_request, send_reply

logger = logging.getLogger("gateway.edge")

PREFIX: Final = "/v1/proxy/"
_ONE_REQUEST: Final = 1
_INLINE: Final = 256 * 2**10  # a larger body is read in a thread, so that nobody's stream waits behind it
_CUT: Final = 502  # what the log calls an answer that broke off
_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayEngine:
    """What proxied requests work with while the process runs."""

    door: Door
    upstream: Upstream
    spool: Spool
    requests: InFlight
    bytes: InFlight


@dataclass(slots=True)
class Exchange:
    """One request on its way; what is known of it is what a failure's log line says."""

    request: Request
    receive: Receive
    send: Send
    engine: GatewayEngine | None
    arrived: float = field(default_factory=time.monotonic)
    admission: Admission | None = None
    relay: Relay | None = None

    async def run(self) -> None:
        """:raises Problem: the answer is one of ours.

        :raises ClientGoneError: nobody waits any more.
        :raises UpstreamError: the answer broke off on the way.
        """
        if self.engine is None:
            raise stopping()
        self.admission = admission = await self.engine.door.admit(self.request)
        with self.engine.requests.holding(_ONE_REQUEST, admission.organization_id):
            await self._carry(self.engine, admission)

    async def _carry(self, engine: GatewayEngine, admission: Admission) -> None:
        declared = self.request.text(b"content-length")
        body = RequestBody(self.receive, engine.bytes, organization_id=admission.organization_id, declared=declared)
        try:
            whole = await body.whole() if is_read(self.request, body.length) else None
            if whole and len(whole) > _INLINE:
                forward = await asyncio.to_thread(prepare, self.request, admission, body, whole)
            else:
                forward = prepare(self.request, admission, body, whole)
            self.relay = Relay(forward, engine.upstream, engine.spool, self.receive, self.send)
            await self.relay.run(added=time.monotonic() - self.arrived - body.waited)
        except (Problem, UpstreamError):
            if body.failure:  # what became of the client's upload is what went wrong
                raise body.failure from None
            raise
        finally:
            body.release()

    @property
    def has_begun(self) -> bool:
        """Whether something of an answer was passed on."""
        return self.relay is not None and self.relay.has_begun

    def log_failure(self, status: int, slug: str) -> None:
        """One line without the path below the provider, a query string, a header or a body."""
        admission = self.admission
        logger.log(
            logging.WARNING if status >= _SERVER_ERROR else logging.INFO,
            "proxied request failed",
            extra={
                "method": self.request.method,
                "provider": admission.provider.slug if admission else "",
                "status": status,
                "problem": slug,
                "duration_ms": round((time.monotonic() - self.arrived) * 1000, 1),
                "organization_id": admission.organization_id if admission else None,
                "key_id": admission.caller.sender.key_id if admission else None,
            },
        )


async def serve(engine: GatewayEngine | None, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request. ``engine`` is None while the process starts or stops."""
    request = Request.of(scope, datetime.now(UTC))
    exchange = Exchange(request, receive, send, engine)
    identifier = request.text(b"x-request-id") or name_request(request.headers)
    try:
        await exchange.run()
    except ClientGoneError:
        return
    except UpstreamError as error:
        # Its beginning went out: the connection is cut, as the upstream cut ours.
        exchange.log_failure(_CUT, type(error).__name__)
        raise
    except Problem as problem:
        await _refuse(exchange, problem, send, identifier)
    except Exception:
        logger.exception("the gateway failed")
        if exchange.has_begun:
            raise
        await _refuse(exchange, Problem(500, "internal", "Something went wrong here."), send, identifier)


async def _refuse(exchange: Exchange, problem: Problem, send: Send, identifier: str) -> None:
    exchange.log_failure(problem.status, problem.slug)
    await send_reply(send, reply_of(problem), identifier=identifier)
