"""From the path of a proxied request to the path at its provider. What is allowed is kept byte by byte."""

import re
from typing import Final

from gateway.types import Provider

_PREFIX: Final = b"/v1/proxy/"
_LONGEST: Final = 8_000
_SLUG: Final = re.compile(rb"[a-z0-9]+(?:-[a-z0-9]+)*")
_ALLOWED: Final = re.compile(rb"(?:[!$&-;=@-Z_a-z~\[\]|^{}]|%[0-9A-Fa-f]{2})*")
# An encoded slash, backslash or NUL, and encoded controls: what some servers decode before they look at the path.
_HIDDEN: Final = re.compile(rb"%(?:2[fF]|5[cC]|[01][0-9a-fA-F]|7[fF])")
_DOT: Final = re.compile(rb"%2[eE]")
_SCHEME: Final = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*:")


class PathError(ValueError):
    """The path is not forwarded; the text says why and repeats nothing of it."""


def split(raw_path: bytes) -> tuple[str, bytes]:
    """The provider's name and the rest, which begins with a slash or is empty.

    :raises PathError: the path may mean something else to somebody on the way.
    """
    if len(raw_path) > _LONGEST:
        raise PathError("The path is too long.")
    if not raw_path.startswith(_PREFIX):
        raise PathError("The path must begin with /v1/proxy/ and a provider’s name.")
    slug, slash, rest = raw_path[len(_PREFIX) :].partition(b"/")
    if not _SLUG.fullmatch(slug):
        raise PathError("After /v1/proxy/ comes the name of a provider.")
    _check(slash + rest)
    return slug.decode(), slash + rest


def target_path(provider: Provider, rest: bytes) -> bytes:
    """The path at the provider: its base path in front, unless the rest already begins with it.

    :raises PathError: as ``split``.
    """
    _check(rest)
    base = provider.base_path.encode()
    if not base or rest == base or rest.startswith(base + b"/"):
        return rest or b"/"
    return base + rest


def _check(rest: bytes) -> None:
    if not _ALLOWED.fullmatch(rest):
        raise PathError("The path has characters that must be percent-encoded.")
    if _HIDDEN.search(rest):
        raise PathError("The path has an encoded slash, backslash or control character.")
    segments = _DOT.sub(b".", rest).split(b"/")[1:]
    if any(segment.partition(b";")[0] in {b".", b".."} for segment in segments):
        raise PathError("The path has a dot segment.")
    if segments and _SCHEME.fullmatch(segments[0]):
        raise PathError("The path is a whole URL.")
    if b"" in segments[:-1]:
        raise PathError("The path has an empty segment.")
