"""Which headers pass between a client and an upstream, and where a credential goes. Order and bytes stay.

A key of ours (``tko_…``) never leaves, wherever it stands. What an upstream says to a browser about its own origin
(cookies, HSTS, …) is not said in ours.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from gateway.types import Auth, Provider

type Headers = list[tuple[bytes, bytes]]

MOST_BYTES: Final = 64 * 1024
_LONGEST_REMEMBERED: Final = 100  # bytes of a name
_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_INJECTED: Final = re.compile(rb"[\r\n\0]")
_QUERY: Final = re.compile(rb"[\x21\x22\x24-\x7e]*")  # printable, no "#"
_OUR_KEY: Final = re.compile(rb"(?<![A-Za-z0-9_])tko_")

# RFC 9110 §7.6.1, and the two that were never standard.
_HOP_BY_HOP: Final = frozenset(
    {
        *(b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"),
        *(b"proxy-authenticate", b"proxy-authorization", b"proxy-authentication-info", b"http2-settings"),
    }
)
_CREDENTIALS: Final = frozenset({b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key"})
_NEVER_UPSTREAM: Final = _HOP_BY_HOP | {
    *(b"ts-api-key", b"cookie", b"cookie2", b"forwarded", b"via", b"x-real-ip", b"x-client-ip", b"true-client-ip"),
    *(b"cf-connecting-ip", b"host", b"content-length", b"expect", b"accept-encoding"),
    b"x-request-id",  # ours by now: the server in front of us has named the request
}
_NEVER_UPSTREAM_PREFIXES: Final = (b"x-tokenops-", b"helicone-", b"x-portkey-", b"x-forwarded-")
# What speaks to a browser about the upstream's origin: in ours it would set our cookies or move our address. Nothing
# needs the cookies: none is ever sent back.
_NEVER_TO_CLIENT: Final = _HOP_BY_HOP | {
    *(b"set-cookie", b"set-cookie2", b"strict-transport-security", b"public-key-pins", b"expect-ct", b"alt-svc"),
    *(b"clear-site-data", b"service-worker-allowed", b"nel", b"report-to", b"reporting-endpoints", b"accept-ch"),
    *(b"content-security-policy", b"content-security-policy-report-only", b"x-content-type-options", b"refresh"),
}
# An upstream that an organization added may answer with a page; opened in a browser it must not run as one of ours.
_ISOLATED: Final = (
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"x-content-type-options", b"nosniff"),
)
_READABLE: Final = (b"gzip", b"deflate", b"br", b"zstd")
_QUALITY: Final = re.compile(rb"[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


class HeaderError(Exception):
    """Headers that are not forwarded; the text repeats none. ``status`` is what to answer."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def to_upstream(headers: Iterable[tuple[bytes, bytes]], provider: Provider, credential: str | None) -> Headers:
    """The headers of the upstream's request. ``credential`` None: the caller's own stays where it is.

    :raises HeaderError: one could end a header early, or they are too many.
    """
    given = list(headers)
    names = [_name(name) for name, _ in given]
    _check(given, names)
    dropped = _named_in_connection(given)
    if credential is not None:
        dropped |= _CREDENTIALS | {provider.auth_name.encode()}
    kept = [pair for pair, name in zip(given, names, strict=True) if name.goes_upstream and name.lower not in dropped]
    if _may_hold_our_key(kept):
        kept = [pair for pair in kept if not _holds_our_key(pair[1])]
    kept += _missing(provider, kept)
    kept.append((b"accept-encoding", _readable_encodings(given)))
    return kept + _credential(provider, credential)


def _missing(provider: Provider, headers: Headers) -> Headers:
    """What the provider requires and the client did not send."""
    if not provider.headers:
        return []
    present = {name.lower() for name, _ in headers}
    return [(n.encode(), v.encode()) for n, v in provider.headers if n.lower().encode() not in present]


def to_client(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers of the answer. ``Content-Length`` stays: who withholds a part of the body drops it."""
    given = list(headers)
    dropped = _named_in_connection(given)
    names = [_name(name) for name, _ in given]
    kept = [pair for pair, name in zip(given, names, strict=True) if name.goes_to_client and name.lower not in dropped]
    if _INJECTED.search(_together(kept)):
        kept = [pair for pair in kept if _INJECTED.search(pair[1]) is None]
    return [*kept, *_ISOLATED]


def query_to_upstream(query: bytes, provider: Provider, credential: str | None) -> bytes:
    """The upstream's query string: the same bytes without keys of ours and, with a stored credential, anybody's.

    :raises HeaderError: it has bytes that a request line must not have.
    """
    if _QUERY.fullmatch(query) is None:
        raise HeaderError("The query contains characters that must be percent-encoded.")
    if len(query) > MOST_BYTES:
        raise HeaderError("The query is too long.", 414)
    dropped = frozenset() if credential is None else frozenset({b"key", b"api_key", b"api-key", _query_name(provider)})
    parts = [part for part in query.split(b"&") if _part_goes_upstream(part, dropped)] if query else []
    if credential and provider.auth is Auth.QUERY:
        parts.append(_query_name(provider) + b"=" + quote(credential, safe="").encode())
    return b"&".join(parts)


def _check(headers: Headers, names: "list[_Name]") -> None:
    if sum(len(name) + len(value) + 4 for name, value in headers) > MOST_BYTES:  # ": " and the end of the line
        raise HeaderError("The headers are larger than 64 KB.", 431)
    if not all(name.is_token for name in names) or _INJECTED.search(_together(headers)):
        raise HeaderError("A header has a name or a value that is not allowed.")


class _Name(NamedTuple):
    """What a header's name says by itself."""

    lower: bytes
    is_token: bool
    goes_upstream: bool
    goes_to_client: bool


def _name(name: bytes) -> _Name:
    return _read_name(name) if len(name) > _LONGEST_REMEMBERED else _remembered_name(name)


def _read_name(name: bytes) -> _Name:
    lower, is_token = name.lower(), _TOKEN.fullmatch(name) is not None
    return _Name(
        lower,
        is_token,
        goes_upstream=lower not in _NEVER_UPSTREAM and not lower.startswith(_NEVER_UPSTREAM_PREFIXES),
        goes_to_client=is_token and lower not in _NEVER_TO_CLIENT,
    )


# The same few dozen names come with every call.
_remembered_name: Final = lru_cache(maxsize=2_048)(_read_name)


def _together(headers: Headers) -> bytes:
    """All values, to be searched at once for what nearly none of them holds."""
    return b" ".join([value for _, value in headers])


def _named_in_connection(headers: Headers) -> frozenset[bytes]:
    named = [value for name, value in headers if name.lower() == b"connection"]
    return frozenset(option.strip().lower() for value in named for option in value.split(b","))


def _may_hold_our_key(headers: Headers) -> bool:
    values = _together(headers)
    return b"tko_" in values or b"basic" in values.lower()


def _holds_our_key(value: bytes) -> bool:
    if _OUR_KEY.search(value):
        return True
    scheme, _, encoded = value.strip().partition(b" ")
    if scheme.lower() != b"basic":
        return False
    try:
        return _OUR_KEY.search(base64.b64decode(encoded)) is not None
    except binascii.Error:
        return False


def _credential(provider: Provider, credential: str | None) -> Headers:
    if not credential or provider.auth in {Auth.QUERY, Auth.NONE}:
        return []
    value = credential.encode()
    if _INJECTED.search(value):
        raise HeaderError("The stored credential cannot be sent in a header.")
    if provider.auth is Auth.BEARER:
        return [(b"authorization", b"Bearer " + value)]
    return [(provider.auth_name.encode(), value)]


def _readable_encodings(headers: Headers) -> bytes:
    """What the client accepts of what we can read; identity where it names nothing of that."""
    codings = [
        _coding(item)
        for name, value in headers
        if name.lower() == b"accept-encoding"
        for item in value.split(b",")
        if item.strip()
    ]
    named = {coding for coding, _ in codings}
    kept: list[bytes] = []
    for coding, quality in codings:
        if coding == b"*" and quality != b"0":
            kept += [_spelt(readable, quality) for readable in _READABLE if readable not in named]
        elif coding in _READABLE or coding == b"identity":
            kept.append(_spelt(coding, quality))
    return b", ".join(kept) or b"identity"


def _coding(item: bytes) -> tuple[bytes, bytes]:
    """The name of a coding and its quality, '' for none and 0 for one that is not a quality."""
    coding, semicolon, parameter = item.partition(b";")
    name = coding.strip().lower().removeprefix(b"x-")
    if not semicolon:
        return name, b""
    quality = _QUALITY.fullmatch(parameter.strip())
    return name, (quality[1].rstrip(b"0").rstrip(b".") or b"0") if quality else b"0"


def _spelt(coding: bytes, quality: bytes) -> bytes:
    return coding if quality in {b"", b"1"} else coding + b";q=" + quality


def _query_name(provider: Provider) -> bytes:
    return (provider.auth_name if provider.auth is Auth.QUERY else "key").encode()


def _part_goes_upstream(part: bytes, dropped: frozenset[bytes]) -> bool:
    name, _, value = (unquote_to_bytes(piece.replace(b"+", b" ")) for piece in _halves(part))
    return name not in dropped and _OUR_KEY.search(name) is None and _OUR_KEY.search(value) is None


def _halves(part: bytes) -> tuple[bytes, bytes, bytes]:
    return part.partition(b"=")
