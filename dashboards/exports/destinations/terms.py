"""What a destination may be: checked word by word, so that whoever typed it reads what to correct."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError

from core import addresses, outbound
from core.addresses import Network
from dashboards.exports.destinations.models import LONGEST_NAME, Destination
from tenants.models import Project

LONGEST_PREFIX: Final = 200
_LONGEST_ENDPOINT: Final = 300
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION: Final = re.compile(r"[a-z0-9-]{1,50}")
_PREFIX: Final = re.compile(r"[A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*")
_KEY_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")
_SECRET: Final = re.compile(r"[\x21-\x7e]{1,256}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A destination as somebody wants it. An empty ``secret`` keeps the one there is."""

    name: str
    endpoint: str
    region: str
    bucket: str
    cadence: str
    key_id: str
    secret: str = field(default="", repr=False)
    prefix: str = ""
    project: Project | None = None


def check(wanted: Wanted, *, has_secret: bool) -> None:
    """:raises ValidationError: by field."""
    errors = {name: text for name, text in _errors(wanted, has_secret=has_secret).items() if text}
    if errors:
        raise ValidationError(errors)


def endpoint(url: str) -> str:
    """The endpoint in its usual form.

    :raises outbound.NotAllowedError: customers may not send us there, or it is more than scheme, host and port.
    """
    read = outbound.read_url(url.strip(), allowed=_allowed())
    parts = urlsplit(read.url)
    if parts.path.strip("/") or parts.query:
        raise outbound.NotAllowedError(
            "The endpoint ends after host and port: bucket and prefix have their own fields."
        )
    usual = (parts.scheme, parts.port) in {("https", 443), ("http", 80)}
    host = f"[{read.host}]" if ":" in read.host else read.host
    return f"{parts.scheme}://{host}" + ("" if usual or parts.port is None else f":{parts.port}")


def _errors(wanted: Wanted, *, has_secret: bool) -> dict[str, str]:
    return {
        "name": _wrong_name(wanted.name),
        "endpoint": _wrong_endpoint(wanted.endpoint),
        "region": _unless(_REGION, wanted.region, "A region is of small letters, digits and dashes: us-east-1."),
        "bucket": _unless(_BUCKET, wanted.bucket, "A bucket has 3 to 63 small letters, digits, dots and dashes."),
        "prefix": _wrong_prefix(wanted.prefix),
        "cadence": "" if wanted.cadence in Destination.Cadence.values else "Choose one of the listed cadences.",
        "key_id": _unless(_KEY_ID, wanted.key_id, "An access key id has no spaces and at most 128 characters."),
        "secret": _wrong_secret(wanted.secret, has_secret=has_secret),
    }


def _wrong_name(name: str) -> str:
    if not name.strip() or "\0" in name:
        return "Give it a name."
    return f"A name has at most {LONGEST_NAME} characters." if len(name.strip()) > LONGEST_NAME else ""


def _wrong_endpoint(url: str) -> str:
    try:
        found = endpoint(url)
    except outbound.NotAllowedError as error:
        return str(error)
    return "This URL is too long." if len(found) > _LONGEST_ENDPOINT else ""


def _wrong_prefix(prefix: str) -> str:
    if not prefix:
        return ""
    is_path = _PREFIX.fullmatch(prefix) and not {".", ".."} & set(prefix.split("/"))
    if not is_path or len(prefix) > LONGEST_PREFIX:
        return "A prefix has letters, digits and . _ = -, with / between its parts and none at its ends."
    return ""


def _wrong_secret(secret: str, *, has_secret: bool) -> str:
    if not secret:
        return "" if has_secret else "Enter the secret that belongs to the access key id."
    return _unless(_SECRET, secret, "A secret has no spaces and at most 256 characters.")


def _unless(pattern: re.Pattern[str], value: str, text: str) -> str:
    return "" if pattern.fullmatch(value) else text


def _allowed() -> Sequence[Network]:
    return addresses.networks(settings.OUTBOUND_ALLOWED_NETWORKS)
