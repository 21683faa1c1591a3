"""API keys in request headers."""

from collections.abc import Mapping
from datetime import datetime

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from core import addresses, keys
from core.origin import origin_of
from core.scope import org_scope
from tenants import key_use, selectors
from tenants.api_access import KeyPrincipal
from tenants.models import ApiKeyLookup

KEY_HEADERS = ("TS-API-Key", "X-TokenOps-Key", "X-API-Key")  # in this order, then Authorization
_BEARER = "bearer "

NOT_A_KEY = "This is not a TokenOps API key."
UNKNOWN = "This API key is not known."
REVOKED = "This API key has been revoked."
EXPIRED = "This API key has expired."
CLOSING = "The organization or project of this API key is about to be deleted."
DIFFERENT = "The request carries two different API keys."


class AddressNotAllowed(PermissionDenied):
    """The key is limited to other addresses; the same problem type as on the edge."""

    problem = ("address-not-allowed", addresses.NOT_ALLOWED)

    def __init__(self) -> None:
        super().__init__(addresses.NOT_ALLOWED_DETAIL)


class ApiKeyAuthentication(BaseAuthentication):
    """Authenticates machines; a request without any key header is left to the next class."""

    def authenticate(self, request: Request) -> tuple[KeyPrincipal, KeyPrincipal] | None:
        """The principal, as ``request.user`` and as ``request.auth``.

        :raises AuthenticationFailed: a key is there and is not a valid one. Only who has the whole secret learns more
            than that.
        :raises AddressNotAllowed: it may not be used from where the request comes.
        """
        text = key_in(request.headers)
        if text is None:
            return None
        principal = authenticate_key(text, address=origin_of(request._request).address)
        return principal, principal

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="TokenOps"'


def key_in(headers: Mapping[str, str]) -> str | None:
    """The API key of a request; ``headers`` looks names up without case. None when no header carries one.

    :raises AuthenticationFailed: two headers carry different keys.
    """
    found = [value for name in KEY_HEADERS if (value := headers.get(name, "").strip())]
    authorization = headers.get("Authorization", "")
    if authorization.lower().startswith(_BEARER):
        found.append(authorization[len(_BEARER) :].strip())
    if len(set(found)) > 1:
        raise AuthenticationFailed(DIFFERENT)
    return found[0] if found else None


def authenticate_key(text: str, *, address: str) -> KeyPrincipal:
    """Who ``text`` is the key of, and a note that it was used from ``address``.

    :raises AuthenticationFailed: nobody's, revoked, expired, or of somebody who is about to be deleted.
    :raises AddressNotAllowed: it is limited to other addresses.
    """
    prefix = keys.prefix_of(text)
    if prefix is None:
        raise AuthenticationFailed(NOT_A_KEY)
    row = ApiKeyLookup.objects.filter(prefix=prefix).first()
    if row is None or not key_use.peppers().match(text, bytes(row.digest)):
        raise AuthenticationFailed(UNKNOWN)
    now = timezone.now()
    _refuse_unusable(row, now)
    with org_scope(row.organization_id):
        if selectors.is_closing(organization_id=row.organization_id, project_id=row.project_id):
            raise AuthenticationFailed(CLOSING)
        if not addresses.is_allowed(address, addresses.networks(row.allowed_ranges)):
            raise AddressNotAllowed
        key_use.renew_digest(text=text, row=row)
        known = addresses.canonical(address)
        key_use.note_use(key_id=row.key_id, organization_id=row.organization_id, address=known, now=now)
    return KeyPrincipal(
        key_id=row.key_id,
        organization_id=row.organization_id,
        project_id=row.project_id,
        scopes=frozenset(row.scopes),
    )


def _refuse_unusable(row: ApiKeyLookup, now: datetime) -> None:
    if row.revoked_at is not None:
        raise AuthenticationFailed(REVOKED)
    if row.expires_at is not None and row.expires_at <= now:
        raise AuthenticationFailed(EXPIRED)
