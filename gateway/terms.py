"""What a provider and a credential may be: checked word by word, so that whoever typed it reads what to correct."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError

from core import addresses, outbound
from core.addresses import Network
from gateway.providers import PRESETS
from gateway.types import Auth
from tenants.models import Project
from tenants.models.organizations import SLUG

LONGEST_NAME: Final = 100
LONGEST_SLUG: Final = 50
LONGEST_ORIGIN: Final = 300
LONGEST_BASE_PATH: Final = 200
LONGEST_SECRET: Final = 8_000
MOST_OFFLINE_MINUTES: Final = 1_440
MOST_SECONDS: Final = {"first_byte_seconds": 3_600, "idle_seconds": 3_600, "total_seconds": 86_400}
_HINT: Final = 4
_HINTED_FROM: Final = 12  # four characters of anything shorter would be a good part of it

_BASE_PATH: Final = re.compile(r"(/[A-Za-z0-9._~@:-]+)*")
_HEADER: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
_PARAMETER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SECRET: Final = re.compile(r"[\x21-\x7e]+")
# What a request is made of, and what the gateway keeps for itself: a credential there would never arrive.
_TAKEN_HEADERS: Final = {
    "accept-encoding", "connection", "content-length", "content-type", "cookie", "expect", "forwarded", "host",
    "keep-alive", "te", "trailer", "transfer-encoding", "ts-api-key", "upgrade",
}  # fmt: skip
_TAKEN_PREFIXES: Final = ("helicone-", "proxy-", "x-forwarded-", "x-portkey-", "x-tokenops-")


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedProvider:
    """An upstream as somebody wants it."""

    slug: str
    name: str
    preset: str
    origin: str
    base_path: str = ""
    auth: str = Auth.BEARER
    auth_name: str = ""
    inject_include_usage: bool = False
    first_byte_seconds: int = 600
    idle_seconds: int = 300
    total_seconds: int = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedCredential:
    """A credential as somebody wants it. ``origin`` is the address they saw it go to; '' where nobody looked."""

    provider: str
    name: str
    secret: str = field(repr=False)
    project: Project | None = None
    origin: str = ""


def check_provider(wanted: WantedProvider) -> WantedProvider:
    """``wanted`` in its usual form.

    :raises ValidationError: by field; no message repeats what was given.
    """
    auth_name = wanted.auth_name.strip()
    errors = {
        "name": _wrong_name(wanted.name),
        "slug": _wrong_slug(wanted.slug),
        "preset": "" if wanted.preset in PRESETS else "Choose one of the listed providers.",
        "origin": _wrong_origin(wanted.origin),
        "base_path": _wrong_base_path(wanted.base_path.strip().rstrip("/")),
        "auth": "" if wanted.auth in set(Auth) else "Choose one of the listed ways.",
        "auth_name": _wrong_auth_name(wanted.auth, auth_name),
        **{name: _wrong_seconds(getattr(wanted, name), most) for name, most in MOST_SECONDS.items()},
    }
    _raise(errors)
    return WantedProvider(
        slug=wanted.slug,
        name=wanted.name.strip(),
        preset=wanted.preset,
        origin=origin(wanted.origin),
        base_path=wanted.base_path.strip().rstrip("/"),
        auth=wanted.auth,
        auth_name=_usual_auth_name(wanted.auth, auth_name),
        inject_include_usage=wanted.inject_include_usage,
        first_byte_seconds=wanted.first_byte_seconds,
        idle_seconds=wanted.idle_seconds,
        total_seconds=wanted.total_seconds,
    )


def origin(url: str) -> str:
    """The origin in its usual form: scheme, host and a port that is not the scheme's own.

    :raises outbound.NotAllowedError: customers may not send us there, or it is more than an origin.
    """
    read = outbound.read_url(url.strip(), allowed=_allowed())
    parts = urlsplit(read.url)
    if parts.path.strip("/") or parts.query or "#" in url:
        raise outbound.NotAllowedError("The address ends after host and port: a path has its own field, Base path.")
    usual = (parts.scheme, parts.port) in {("https", 443), ("http", 80)}
    host = f"[{read.host}]" if ":" in read.host else read.host
    return f"{parts.scheme}://{host}" + ("" if usual or parts.port is None else f":{parts.port}")


def check_name(name: str) -> str:
    """The name of a credential without blanks around it.

    :raises ValidationError: there is none, or it cannot be shown in a line.
    """
    _raise({"name": _wrong_name(name)})
    return name.strip()


def check_secret(secret: str) -> str:
    """A provider's credential without blanks around it.

    :raises ValidationError: it is none; the message does not repeat it.
    """
    stripped = secret.strip()
    _raise({"secret": _wrong_secret(stripped)})
    return stripped


def hint(secret: str) -> str:
    """What tells one credential from another on a page."""
    return secret[-_HINT:] if len(secret) >= _HINTED_FROM else ""


def check_offline_minutes(minutes: int) -> int:
    """:raises ValidationError: out of bounds."""
    if not 0 <= minutes <= MOST_OFFLINE_MINUTES:
        raise ValidationError({"offline_minutes": f"Use 0 to {MOST_OFFLINE_MINUTES:,} minutes."})
    return minutes


def _raise(errors: Mapping[str, str]) -> None:
    found = {name: text for name, text in errors.items() if text}
    if found:
        raise ValidationError(found)


def _wrong_name(name: str) -> str:
    stripped = name.strip()
    if not stripped or len(stripped) > LONGEST_NAME or not stripped.isprintable():
        return f"Use 1 to {LONGEST_NAME} visible characters."
    return ""


def _wrong_slug(slug: str) -> str:
    if len(slug) > LONGEST_SLUG:
        return f"Use {LONGEST_SLUG} characters at most."
    try:
        SLUG(slug)
    except ValidationError as error:
        return str(error.message)
    return ""


def _wrong_origin(url: str) -> str:
    try:
        found = origin(url)
    except outbound.NotAllowedError as error:
        return str(error)
    return "This URL is too long." if len(found) > LONGEST_ORIGIN else ""


def _wrong_base_path(path: str) -> str:
    if not _BASE_PATH.fullmatch(path) or {".", ".."} & set(path.split("/")) or len(path) > LONGEST_BASE_PATH:
        return "A base path begins with / and has letters, digits and . _ ~ @ : - between slashes."
    return ""


def _usual_auth_name(auth: str, name: str) -> str:
    if auth == Auth.HEADER:
        return name.lower()
    return name if auth == Auth.QUERY else ""


def _wrong_auth_name(auth: str, name: str) -> str:
    if auth == Auth.HEADER:
        return _wrong_header(name.lower())
    if auth == Auth.QUERY and not _PARAMETER.fullmatch(name):
        return "Name the query parameter: letters, digits and . _ -"
    return ""


def _wrong_header(name: str) -> str:
    if not _HEADER.fullmatch(name):
        return "Name the header: letters, digits and dashes."
    if name in _TAKEN_HEADERS or name.startswith(_TAKEN_PREFIXES):
        return "This header is the gateway’s own or part of every request; a credential cannot go there."
    return ""


def _wrong_seconds(seconds: int, most: int) -> str:
    return "" if 1 <= seconds <= most else f"Use 1 to {most:,} seconds."


def _wrong_secret(secret: str) -> str:
    if not secret:
        return "Paste the key that the provider gave you."
    if secret.startswith("tko_"):
        return "This is a key of TokenOps. Paste the key that the provider gave you."
    if secret.lower().startswith("bearer "):
        return "Paste the key alone, without the word “Bearer” before it."
    if not _SECRET.fullmatch(secret):
        return "A key is one line of plain letters, digits and signs, without spaces in it."
    return f"Use {LONGEST_SECRET:,} characters at most." if len(secret) > LONGEST_SECRET else ""


def _allowed() -> Sequence[Network]:
    return addresses.networks(settings.OUTBOUND_ALLOWED_NETWORKS)
