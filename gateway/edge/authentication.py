"""Who sends a request through the gateway, and whose provider key it travels with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

from core import keys
from gateway.edge.directory import Gateways, OrganizationGateway
from ingestion.edge.authentication import admitted, prefix_of
from ingestion.edge.directory import Directory, DirectoryUnavailableError, Sender
from ingestion.edge.http import Problem
from tenants.permissions import Scope

_OURS: Final = (b"ts-api-key", b"x-tokenops-key")
# Where the providers' SDKs put a key; ?key= beside them is Google's.
_THEIRS: Final = (b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key")
_BEARER: Final = b"bearer "
_KEY_START: Final = "tko_"
_CHALLENGE: Final = (("www-authenticate", 'Bearer realm="TokenOps gateway"'),)
_LONGEST_OFFLINE: Final = 1_440 * 60.0  # seconds; an organization may choose less
_PASSING: Final = frozenset({Scope.INGEST.value, Scope.GATEWAY.value})

type HeaderValues = Mapping[bytes, list[bytes]]


@dataclass(frozen=True, slots=True)
class Presented:
    """The TokenOps key of a request. ``is_exchanged``: it stands for a stored credential of the provider."""

    text: str
    is_exchanged: bool


@dataclass(frozen=True, slots=True)
class Caller:
    """Who was let in, by which key, into which gateway."""

    sender: Sender
    prefix: str
    gateway: OrganizationGateway
    is_exchanged: bool


def presented(headers: HeaderValues, query: bytes) -> Presented:
    """The key a request comes with: in a header of ours beside the caller's own provider key, or in that one's place.

    :raises Problem: 401, none or two different ones.
    """
    ours = _texts(value for name in _OURS for value in headers.get(name, ()))
    if ours:
        return Presented(_only(ours), is_exchanged=False)
    theirs = _texts(_bare(value) for name in _THEIRS for value in headers.get(name, ()))
    if query:
        theirs |= {value for name, value in parse_qsl(query.decode("latin-1")) if name == "key"}
    exchanged = {text for text in theirs if text.startswith(_KEY_START)}
    if exchanged:
        return Presented(_only(exchanged), is_exchanged=True)
    detail = "Send a TokenOps key in TS-API-Key, or in the place of the provider’s key."
    raise Problem(401, "unauthenticated", "No TokenOps key was given.", detail, headers=_CHALLENGE)


async def let_in(
    found: Presented, directory: Directory, gateways: Gateways, *, peppers: keys.Peppers, now: datetime
) -> Caller:
    """The caller whose key this is. While the database is away, a key that was seen valid not long ago will do.

    :raises Problem: 401 and 403 as telemetry has them; 403 the key may not; 503 nobody can be asked.
    """
    prefix = prefix_of(found.text)
    try:
        sender, gateway = await _known(prefix, directory, gateways)
    except DirectoryUnavailableError:
        raise away() from None
    sender = admitted(found.text, sender, peppers=peppers, now=now)
    if gateway is None:
        raise away()
    _check_scope(sender, found)
    return Caller(sender, prefix, gateway, found.is_exchanged)


async def _known(
    prefix: str, directory: Directory, gateways: Gateways
) -> tuple[Sender | None, OrganizationGateway | None]:
    if not directory.is_away:
        try:
            sender = await directory.find(prefix)
        except DirectoryUnavailableError:
            return await _remembered(prefix, directory, gateways)
        return sender, await gateways.of(sender.organization_id) if sender else None
    return await _remembered(prefix, directory, gateways)


async def _remembered(
    prefix: str, directory: Directory, gateways: Gateways
) -> tuple[Sender | None, OrganizationGateway | None]:
    """Without asking, if it was seen valid within the organization's minutes; else the database has to say so."""
    sender = directory.last_known(prefix, within=_LONGEST_OFFLINE)
    if sender is not None:
        gateway = await gateways.of(sender.organization_id)
        if directory.last_known(prefix, within=gateway.offline_seconds) is not None:
            return sender, gateway
    found = await directory.ask(prefix)
    return found, await gateways.of(found.organization_id) if found else None


def _check_scope(sender: Sender, found: Presented) -> None:
    """Whose own key pays the provider needs what telemetry needs; to spend the organization's takes more."""
    if found.is_exchanged and Scope.GATEWAY not in sender.scopes:
        detail = (
            "It needs the scope gateway. With the scope ingest, send the provider’s key and this one in TS-API-Key."
        )
        raise Problem(403, "missing-scope", "This API key may not use stored credentials.", detail)
    if not sender.scopes & _PASSING:
        raise Problem(403, "missing-scope", "This API key may not use the gateway.", "It needs ingest or gateway.")


def away() -> Problem:
    """503: the key may be right, and nobody can say so now."""
    title, detail = "The gateway cannot check this key right now.", "The database cannot be asked."
    return Problem(503, "unavailable", title, detail, headers=(("retry-after", "1"),))


def _texts(values: Iterable[bytes]) -> set[str]:
    return {value.strip().decode("latin-1") for value in values} - {""}


def _bare(value: bytes) -> bytes:
    return value[len(_BEARER) :] if value[: len(_BEARER)].lower() == _BEARER else value


def _only(texts: set[str]) -> str:
    if len(texts) > 1:
        title = "These credentials are not valid."
        detail = "The request carries two different TokenOps keys."
        raise Problem(401, "unauthenticated", title, detail, headers=_CHALLENGE)
    return next(iter(texts))
