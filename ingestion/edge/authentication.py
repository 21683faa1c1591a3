"""From request headers to the key that sends: 401 for no usable key, 403 for one without the right."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from core import addresses, keys
from core.addresses import Network
from ingestion.edge.directory import Directory, DirectoryUnavailableError, Sender
from ingestion.edge.http import Problem, unavailable
from tenants.permissions import Scope

_KEY_HEADERS: Final = (b"ts-api-key", b"x-tokenops-key", b"x-api-key")  # in this order, then Authorization
_BEARER: Final = b"bearer "
_CHALLENGE: Final = (("www-authenticate", 'Bearer realm="TokenOps"'),)

type HeaderValues = Mapping[bytes, list[bytes]]


def _unauthenticated(detail: str) -> Problem:
    return Problem(401, "unauthenticated", "These credentials are not valid.", detail, headers=_CHALLENGE)


def presented_key(headers: HeaderValues) -> str:
    """The key text of a request.

    :raises Problem: 401 when there is none, or two different ones.
    """
    found = [value.strip() for name in _KEY_HEADERS for value in headers.get(name, ())]
    authorizations = headers.get(b"authorization", ())
    found += [value[len(_BEARER) :].strip() for value in authorizations if value[: len(_BEARER)].lower() == _BEARER]
    different = set(filter(None, found))
    if not different:
        title = "No credentials were given."
        detail = "Send an API key in TS-API-Key, or as Authorization: Bearer."
        raise Problem(401, "unauthenticated", title, detail, headers=_CHALLENGE)
    if len(different) > 1:
        raise _unauthenticated("The request carries two different API keys.")
    return different.pop().decode("latin-1")


async def authenticate(headers: HeaderValues, directory: Directory, *, peppers: keys.Peppers, now: datetime) -> Sender:
    """The sender of a request.

    :raises Problem: 401 no, unknown, revoked or expired key; 403 its project is archived; 503 when nobody can be asked.
    """
    text = presented_key(headers)
    prefix = prefix_of(text)
    try:
        sender = await directory.find(prefix)
    except DirectoryUnavailableError:
        raise unavailable("The key cannot be checked.") from None
    return admitted(text, sender, peppers=peppers, now=now)


def prefix_of(text: str) -> str:
    """The public part of a key.

    :raises Problem: 401, it is none of ours.
    """
    prefix = keys.prefix_of(text)
    if prefix is None:
        raise _unauthenticated("This is not a TokenOps API key.")
    return prefix


def admitted(text: str, sender: Sender | None, *, peppers: keys.Peppers, now: datetime) -> Sender:
    """``sender``, if ``text`` is its whole key and may be used. Who has not the whole secret learns nothing of a key.

    :raises Problem: 401 unknown, revoked or expired; 403 its project is archived.
    """
    if sender is None or not peppers.match(text, sender.digest):
        raise _unauthenticated("This API key is not known.")
    _check_usable(sender, now)
    return sender


def _check_usable(sender: Sender, now: datetime) -> None:
    if sender.revoked_at is not None:
        raise _unauthenticated("This API key has been revoked.")
    if sender.expires_at is not None and sender.expires_at <= now:
        raise _unauthenticated("This API key has expired.")
    if sender.is_closing:
        raise _unauthenticated("The organization of this API key is about to be deleted.")
    if sender.is_archived:
        raise Problem(403, "project-archived", "The project of this API key is archived.", "Restore it first.")
    if sender.is_bound and sender.home is None:
        raise _unauthenticated("The project of this API key was deleted, or is about to be.")


def client_of(client: tuple[str, int] | None, headers: HeaderValues, trusted: Sequence[Network]) -> str:
    """The address of who sends; '' over a socket without one. ``trusted`` proxies may say whom they speak for."""
    forwarded = b",".join(headers.get(b"x-forwarded-for", ())).decode("latin-1")
    remote = client[0] if client else ""
    return addresses.canonical(addresses.client_behind(trusted, remote=remote, forwarded_for=forwarded))


def check_address(sender: Sender, address: str) -> None:
    """:raises Problem: 403, the key is limited to other addresses."""
    if not addresses.is_allowed(address, sender.allowed):
        raise Problem(403, "address-not-allowed", addresses.NOT_ALLOWED, addresses.NOT_ALLOWED_DETAIL)


def check_scope(sender: Sender) -> None:
    """:raises Problem: 403, the key may not ingest."""
    if Scope.INGEST not in sender.scopes:
        raise Problem(403, "missing-scope", "This API key may not send telemetry.", "It needs the scope ingest.")
