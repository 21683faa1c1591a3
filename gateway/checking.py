"""Whether a provider takes a credential: one GET that costs nothing, asked with short patience."""

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from core import outbound
from core.crypto import DecryptionError
from gateway import credentials
from gateway.models import ProviderCredential
from gateway.providers import Preset
from gateway.types import Auth, Provider

SECONDS: Final = 8.0
_MOST_BYTES: Final = 1_024  # the status is all that is looked at
# 400 too: of a bare request with a credential, that is how some (Google) say that they do not know it.
_REFUSALS: Final = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}

Check = ProviderCredential.Check


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a test. ``sentence`` begins after the provider's name: “refused it (HTTP 401)”."""

    result: Check
    provider: str  # its name
    sentence: str
    status: int = 0  # of the provider's answer; 0: there was none


def gone(credential: ProviderCredential) -> Verdict:
    """About a credential of a provider that was built in once."""
    return Verdict(Check.UNREACHABLE, credential.provider, "is not there any more, so it could not be asked.")


def check(preset: Preset, provider: Provider, credential: ProviderCredential) -> Verdict:
    """Ask the provider. Nothing that went there or came back is in the answer but the status."""
    path = check_path(preset, provider)
    if not path:
        return Verdict(
            Check.UNKNOWN,
            provider.name,
            "has no free request to try a key with: the first call shows it.",
        )
    try:
        secret = credentials.unseal(
            credential.sealed,
            organization_id=credential.organization_id,
            provider=credential.provider,
            name=credential.name,
        )
    except DecryptionError:
        return Verdict(Check.UNREACHABLE, provider.name, "was not asked: the stored key does not open. Replace it.")
    return _ask(provider, path, secret)


def check_path(preset: Preset, provider: Provider) -> str:
    """The preset's path, below the base path that the provider has here; '' where none is known.

    Without a base path clients write the whole path themselves, and so does the test.
    """
    if not preset.check_path or not provider.base_path:
        return preset.check_path
    below, base = preset.check_path, preset.provider.base_path
    if base and (below == base or below.startswith(f"{base}/")):
        below = below.removeprefix(base)
    return provider.base_path + below


def _ask(provider: Provider, path: str, secret: str) -> Verdict:
    headers, query = _with(provider, secret)
    url = provider.origin + path + (("&" if "?" in path else "?") + query if query else "")
    client = replace(outbound.client(), seconds=SECONDS, most_bytes=_MOST_BYTES)
    try:
        answer = client.send("GET", url, headers=headers)
    except outbound.OutboundError as error:
        return Verdict(Check.UNREACHABLE, provider.name, f"could not be asked. {error}")
    return _judged(provider.name, answer.status)


def _judged(name: str, status: int) -> Verdict:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict(Check.ACCEPTED, name, f"accepted it (HTTP {status}).", status)
    if status in _REFUSALS:
        return Verdict(Check.REFUSED, name, f"refused it (HTTP {status}).", status)
    return Verdict(Check.UNKNOWN, name, f"answered HTTP {status}, which says neither yes nor no.", status)


def _with(provider: Provider, secret: str) -> tuple[dict[str, str], str]:
    """Headers and query that carry the secret as the gateway's calls do."""
    headers = {"Accept": "application/json", **dict(provider.headers)}
    match provider.auth:
        case Auth.BEARER:
            return headers | {"Authorization": f"Bearer {secret}"}, ""
        case Auth.HEADER:
            return headers | {provider.auth_name: secret}, ""
        case Auth.QUERY:
            return headers, f"{quote(provider.auth_name, safe='')}={quote(secret, safe='')}"
    return headers, ""
