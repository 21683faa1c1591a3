"""API keys in request headers."""

from collections.abc import Mapping

from django.conf import settings
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from core import keys
from core.scope import org_scope
from tenants import selectors
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


class ApiKeyAuthentication(BaseAuthentication):
    """Authenticates machines; a request without any key header is left to the next class."""

    def authenticate(self, request: Request) -> tuple[KeyPrincipal, KeyPrincipal] | None:
        """The principal, as ``request.user`` and as ``request.auth``.

        :raises AuthenticationFailed: a key is there and is not a valid one. Only who has the whole secret learns more
            than that.
        """
        text = key_in(request.headers)
        if text is None:
            return None
        principal = authenticate_key(text)
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


def authenticate_key(text: str) -> KeyPrincipal:
    """Who ``text`` is the key of.

    :raises AuthenticationFailed: nobody's, revoked, expired, or of somebody who is about to be deleted.
    """
    prefix = keys.prefix_of(text)
    if prefix is None:
        raise AuthenticationFailed(NOT_A_KEY)
    row = ApiKeyLookup.objects.filter(prefix=prefix).first()
    if row is None or not keys.matches(text, bytes(row.digest), pepper=settings.KEY_PEPPER):
        raise AuthenticationFailed(UNKNOWN)
    if row.revoked_at is not None:
        raise AuthenticationFailed(REVOKED)
    if row.expires_at is not None and row.expires_at <= timezone.now():
        raise AuthenticationFailed(EXPIRED)
    with org_scope(row.organization_id):
        if selectors.is_closing(organization_id=row.organization_id, project_id=row.project_id):
            raise AuthenticationFailed(CLOSING)
    return KeyPrincipal(
        key_id=row.key_id,
        organization_id=row.organization_id,
        project_id=row.project_id,
        scopes=frozenset(row.scopes),
    )
