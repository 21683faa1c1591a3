"""An ID token to what it says of a person, believed only when its issuer signed it for us and lately."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import jwt

# Public keys only: with a shared one whoever may check a token could make it.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_LEEWAY: Final = 60  # seconds that clocks may differ
_LONGEST_SUBJECT: Final = 255  # OpenID Connect Core 1.0, section 2
_KEPT: Final = ("email", "email_verified", "name", "preferred_username")


class InvalidTokenError(Exception):
    """The token, or what was said beside it, is not to be believed."""


def verified(id_token: str, *, keys: Mapping[str, Any], issuer: str, audience: str) -> dict[str, Any]:
    """The claims of ``id_token``, checked as OpenID Connect Core 1.0, section 3.1.3.7, asks.

    ``keys`` is the issuer's JSON Web Key Set.

    :raises InvalidTokenError: it is not the issuer's, not for us, over, or incomplete.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            id_token,
            key=_key(id_token, keys),
            algorithms=ALGORITHMS,
            audience=audience,
            issuer=issuer,
            leeway=_LEEWAY,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except jwt.PyJWTError as error:
        raise InvalidTokenError(type(error).__name__) from error
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != audience:
        raise InvalidTokenError("The token was made for somebody else.")
    if not 0 < len(claims["sub"]) <= _LONGEST_SUBJECT:
        raise InvalidTokenError("The token names nobody.")
    return claims


def person(claims: Mapping[str, Any], userinfo: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a person: ``identity``, address and name. The token's word counts more than ``userinfo``.

    ``identity`` is one for each issuer and subject, so that another issuer's people are other people.

    :raises InvalidTokenError: ``userinfo`` is about somebody else (OpenID Connect Core 1.0, section 5.3.2).
    """
    if userinfo and userinfo.get("sub") != claims["sub"]:
        raise InvalidTokenError("The issuer spoke of two people.")
    known = {name: value for source in (userinfo, claims) for name in _KEPT if (value := source.get(name)) is not None}
    # Both words about an address come from one place.
    source = claims if "email" in claims else userinfo
    known["email_verified"] = source.get("email_verified") is True
    return known | {"identity": identity(str(claims["iss"]), str(claims["sub"]))}


def identity(issuer: str, subject: str) -> str:
    return hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()


def _key(id_token: str, keys: Mapping[str, Any]) -> jwt.PyJWK:
    """The key the token names, or the only one there is."""
    found = jwt.PyJWKSet.from_dict(dict(keys)).keys
    name = jwt.get_unverified_header(id_token).get("kid")
    fitting = [key for key in found if key.public_key_use in {None, "sig"} and (name is None or key.key_id == name)]
    if len(fitting) != 1:
        raise jwt.InvalidKeyError("The issuer has no such key.")
    return fitting[0]
