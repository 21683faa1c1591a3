"""What goes upstream: the caller's request, with what must change changed."""

import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from gateway.edge.body import RequestBody
from gateway.edge.door import Admission, Request, malformed_path
from gateway.types import Ask, Provider
from gateway.wire import attribution, headers, paths
from gateway.wire.asks import read_ask
from gateway.wire.headers import HeaderError
from gateway.wire.paths import PathError
from gateway.wire.splice import include_usage, is_askable
from ingestion.edge.http import Problem
from ingestion.wire.identity import new_uuid7

_SWITCH: Final = b"x-tokenops-inject-usage"
_RETRIES: Final = b"x-stainless-retry-count"
_LONGEST_COUNT: Final = 4  # digits
_READ_BESIDE: Final = ("json", "text/plain")
_SMALL_UPLOAD: Final = 4 * 2**20  # bytes; its form says which model is asked
_ASKS: Final = "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """A request as it goes upstream, and what its record will say."""

    call_id: str
    at: datetime
    key_prefix: str
    project_slug: str
    address: str
    provider: Provider
    ask: Ask
    retries: int | None
    method: str
    url: str = field(repr=False)  # its query may hold a key
    headers: Sequence[tuple[bytes, bytes]] = field(repr=False)
    body: bytes | AsyncIterator[bytes] | None = field(repr=False)
    is_injected: bool  # include_usage was added: the chunk it brings is ours
    is_read_whole: bool  # the body is in hand, so that the client can be watched


def is_read(request: Request, length: int | None) -> bool:
    """Whether the body is held and read beside. Larger uploads of files and sound are passed on as they come."""
    content_type = request.text(b"content-type").lower()
    if not content_type or any(kind in content_type for kind in _READ_BESIDE):
        return True
    return length is not None and length <= _SMALL_UPLOAD


def prepare(request: Request, admission: Admission, body: RequestBody, whole: bytes | None) -> Forward:
    """``whole`` is the body where it was read.

    :raises Problem: the path or the headers cannot be forwarded.
    """
    provider = admission.provider
    path, query, sent = _addressed(request, admission)
    ask = Ask()
    if request.method == _ASKS:
        ask = read_ask(provider, path, request.query, request.text(b"content-type"), whole)
    told = attribution.merged(attribution.from_headers(request.headers), ask.attribution)
    if told is not ask.attribution:
        ask = replace(ask, attribution=told)
    spliced = _spliced(request, whole) if is_askable(provider, ask, path, request.query) else None
    if spliced is not None:  # a chunk is taken out of the answer: it must not be compressed
        sent = [pair for pair in sent if pair[0].lower() != b"accept-encoding"]
        sent.append((b"accept-encoding", b"identity"))
    if whole is None and body.length is not None:
        sent.append((b"content-length", str(body.length).encode()))
    return Forward(
        call_id=new_uuid7(request.at, 0, os.urandom(8)),
        at=request.at,
        key_prefix=admission.caller.prefix,
        project_slug=admission.project.slug,
        address=admission.address,
        provider=provider,
        ask=ask,
        retries=_count(request.text(_RETRIES)),
        method=request.method,
        url=provider.origin + (path + (b"?" + query if query else b"")).decode("latin-1"),
        headers=sent,
        body=_body(body, whole if spliced is None else spliced),
        is_injected=spliced is not None,
        is_read_whole=whole is not None,
    )


def _addressed(request: Request, admission: Admission) -> tuple[bytes, bytes, list[tuple[bytes, bytes]]]:
    """Path, query and headers for the upstream."""
    provider, secret = admission.provider, admission.secret
    try:
        path = paths.target_path(provider, admission.rest)
        query = headers.query_to_upstream(request.query, provider, secret)
        return path, query, headers.to_upstream(request.scope["headers"], provider, secret)
    except PathError as error:
        raise malformed_path(error) from None
    except HeaderError as error:
        title = "These headers, or this query, cannot be forwarded."
        raise Problem(error.status, "malformed-header", title, str(error)) from None


def _spliced(request: Request, whole: bytes | None) -> bytes | None:
    """The body that asks for the usage as well; None where it stays as it is."""
    if not whole or request.text(_SWITCH).lower() == "off":
        return None
    return include_usage(whole)


def _body(body: RequestBody, whole: bytes | None) -> bytes | AsyncIterator[bytes] | None:
    return body.pieces() if whole is None else whole or None


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_COUNT else None
