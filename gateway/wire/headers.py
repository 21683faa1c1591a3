"""Which headers and which query go upstream, which come back (RFC 9110 §7.6.1), and where the credential stands."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from urllib.parse import quote

from gateway.types import Auth, Provider

_MOST_BYTES: Final = 64 * 2**10
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN: Final = re.compile(rb"[\r\n\x00]")
_OUR_KEY: Final = b"tko_"
_BEARER: Final = re.compile(rb"bearer\s+", re.IGNORECASE)
_HOP_BY_HOP: Final = frozenset(
    {
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
        *(b"te", b"trailer", b"transfer-encoding", b"upgrade"),
    }
)
# Ours, other proxies', and what says who is behind us.
_KEPT_HERE: Final = frozenset(
    {
        *(b"ts-api-key", b"cookie", b"forwarded", b"x-real-ip", b"host", b"content-length", b"expect"),
        *(b"x-request-id", b"via", b"cf-connecting-ip", b"true-client-ip"),
    }
)
_KEPT_PREFIXES: Final = (b"x-tokenops-", b"helicone-", b"x-portkey-", b"x-forwarded-", b"x-openclaw-")
_CREDENTIALS: Final = frozenset({b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key"})
_CODINGS: Final = frozenset({b"gzip", b"deflate", b"br", b"zstd", b"identity"})
_NOT_BACK: Final = _HOP_BY_HOP | {b"server", b"date", b"alt-svc", b"strict-transport-security"}
_KEY: Final = b"key"

type Header = tuple[bytes, bytes]


class HeaderError(ValueError):
    """The headers are not forwarded; the text says why and repeats nothing of them."""


def to_upstream(sent: Iterable[Header], provider: Provider, credential: str | None) -> list[Header]:
    """What the provider gets, in the client's order. With ``credential`` it replaces whatever the client put there.

    :raises HeaderError: too much of them, or a name or value that could mean two headers.
    """
    pairs = [(name.lower(), value) for name, value in sent]
    _check(pairs)
    named = _named_in_connection(pairs)
    passed = [
        (name, value)
        for name, value in pairs
        if name not in _HOP_BY_HOP and name not in named and not _is_kept_here(name) and not _is_ours(value)
    ]
    if credential is not None:
        passed = [pair for pair in passed if pair[0] not in _CREDENTIALS]
        passed += _credential(provider, credential)
    present = {name for name, _ in passed}
    passed += [(name.encode(), value.encode()) for name, value in provider.headers if name.encode() not in present]
    return _with_readable_coding(passed)


def to_client(answered: Iterable[Header]) -> list[Header]:
    """What the client gets of the answer's headers; the server it talks to is ours."""
    pairs = [(name.lower(), value) for name, value in answered]
    named = _named_in_connection(pairs)
    return [(name, value) for name, value in pairs if name not in _NOT_BACK and name not in named]


def query_to_upstream(query: bytes, provider: Provider, credential: str | None) -> bytes:
    """The query with a stored credential in its place, and never with a key of ours; else byte by byte.

    :raises HeaderError: characters that no query has.
    """
    if re.search(rb"[\x00-\x20\x7f#]", query):
        raise HeaderError("The query has characters that must be percent-encoded.")
    name = provider.auth_name.encode() if provider.auth is Auth.QUERY else b""
    parts = [part for part in query.split(b"&") if not _is_key(part, name, replaced=credential is not None)]
    if name and credential is not None:
        parts = [part for part in parts if part]
        parts.append(name + b"=" + quote(credential, safe="").encode())
    return b"&".join(parts)


def _is_key(part: bytes, name: bytes, *, replaced: bool) -> bool:
    """Whether a parameter is a credential that does not go upstream."""
    key, _, value = part.partition(b"=")
    return value.lower().startswith(_OUR_KEY) or (replaced and key in {name, _KEY} and key != b"")


def _check(pairs: Sequence[Header]) -> None:
    if sum(len(name) + len(value) for name, value in pairs) > _MOST_BYTES:
        raise HeaderError("The headers are larger than 64 KB.")
    if not all(_NAME.fullmatch(name) for name, _ in pairs):
        raise HeaderError("A header has a name that is none.")
    if any(_FORBIDDEN.search(value) for _, value in pairs):
        raise HeaderError("A header’s value has a line break or a NUL in it.")


def _named_in_connection(pairs: Sequence[Header]) -> frozenset[bytes]:
    values = [value for name, value in pairs if name == b"connection"]
    return frozenset(token.strip().lower() for value in values for token in value.split(b","))


def _is_kept_here(name: bytes) -> bool:
    return name in _KEPT_HERE or name.startswith(_KEPT_PREFIXES)


def _is_ours(value: bytes) -> bool:
    """A key of ours, wherever it stands."""
    return _BEARER.sub(b"", value.strip(), count=1).lower().startswith(_OUR_KEY)


def _credential(provider: Provider, credential: str) -> Iterator[Header]:
    if provider.auth is Auth.BEARER:
        yield b"authorization", f"Bearer {credential}".encode()
    elif provider.auth is Auth.HEADER:
        yield provider.auth_name.encode(), credential.encode()


def _with_readable_coding(passed: Sequence[Header]) -> list[Header]:
    """What the client accepts of what we can read beside; the identity where it says nothing."""
    accepted = [value for name, value in passed if name == b"accept-encoding"]
    wanted = [token.strip() for value in accepted for token in value.split(b",")]
    readable = [token for token in wanted if token.split(b";")[0].strip().lower() in _CODINGS]
    others = [pair for pair in passed if pair[0] != b"accept-encoding"]
    return [*others, (b"accept-encoding", b", ".join(readable) or b"identity")]
