"""From the path a client asked to the path of the upstream. The bytes that are allowed stay as they came.

What could mean one thing to us and another to the upstream is refused, not repaired: dot segments, also encoded,
encoded slashes and backslashes, NUL and control characters, empty segments, a whole URL in the place of a path.
"""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

from gateway.types import Dialect, Provider

PREFIX: Final = b"/v1/proxy/"
LONGEST: Final = 8_192  # bytes
_SLUG: Final = re.compile(rb"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_SLUG: Final = 50
# RFC 3986: pchar and "/"; everything else has to be percent-encoded.
_PLAIN: Final = re.compile(rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*")
_CONTROL: Final = re.compile(rb"%(?:[01][0-9A-Fa-f]|7[Ff])")
_BACKSLASH: Final = re.compile(rb"%5[Cc]")
_SLASH: Final = re.compile(rb"%2[Ff]")
_DOT: Final = re.compile(rb"%2[Ee]")
_PERCENT: Final = re.compile(rb"%25")
_SCHEME: Final = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*:")
_OUR_KEY: Final = re.compile(rb"(?<![A-Za-z0-9])tko_[0-9A-Za-z]{8}_")


class PathError(Exception):
    """A path that is not forwarded; the text repeats nothing of it."""


def split(raw_path: bytes) -> tuple[str, bytes]:
    """The provider's slug and the rest, with its slash, of ``/v1/proxy/<slug>/<rest>``.

    :raises PathError: it is another path, or one that must not be forwarded.
    """
    if len(raw_path) > LONGEST:
        raise PathError(f"The path is longer than {LONGEST:,} bytes.")
    if not raw_path.startswith(b"/"):
        raise PathError("The path must be a path, not a whole URL.")
    if not raw_path.startswith(PREFIX):
        raise PathError("The path must be /v1/proxy/<provider>/<path of the provider>.")
    slug, slash, rest = raw_path[len(PREFIX) :].partition(b"/")
    if len(slug) > _LONGEST_SLUG or _SLUG.fullmatch(slug) is None:
        raise PathError("The provider in the path must be lower-case letters, digits and hyphens.")
    _check(rest)
    return slug.decode("ascii"), slash + rest or b"/"


def target_path(provider: Provider, rest: bytes) -> bytes:
    """The upstream's path: ``rest`` below the base path, unless it begins with it already, segment by segment.

    :raises PathError: it must not be forwarded to this provider.
    """
    path = rest if rest.startswith(b"/") else b"/" + rest
    _check(path[1:])
    if provider.dialect is not Dialect.BEDROCK and _SLASH.search(path):  # ids of its inference profiles have slashes
        raise PathError("The path must not contain an encoded slash.")
    base = provider.base_path.encode("ascii").rstrip(b"/")
    begins = path == base or path.startswith(base + b"/")
    return path if begins else base + path


@lru_cache(maxsize=1_024)  # of most calls it is one of a few; twice each: as it came and as it goes
def _check(rest: bytes) -> None:
    if _PLAIN.fullmatch(rest) is None:
        raise PathError("The path contains characters that must be percent-encoded.")
    if _CONTROL.search(rest):
        raise PathError("The path must not contain control characters.")
    if b"\\" in rest or _BACKSLASH.search(rest):
        raise PathError("The path must not contain a backslash.")
    if rest.startswith(b"/") or b"//" in rest:
        raise PathError("The path must not contain empty segments.")
    if _OUR_KEY.search(unquote_to_bytes(rest)):
        raise PathError("The path must not contain a TokenOps key.")
    segments = _decoded(rest).split(b"/")
    if any(segment.partition(b";")[0] in {b".", b".."} for segment in segments):  # "..;" is one to some servers
        raise PathError("The path must not contain dot segments.")
    if _SCHEME.fullmatch(segments[0]):
        raise PathError("The path must be a path, not a whole URL.")


def _decoded(rest: bytes) -> bytes:
    """With its dots and slashes plain, also those encoded twice or more: nobody means them otherwise."""
    before = b""
    while before != rest:
        before, rest = rest, _PERCENT.sub(b"%", _SLASH.sub(b"/", _DOT.sub(b".", rest)))
    return rest
