"""The conversation with an identity provider: what it answers is either understood or an ``OAuth2Error``."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialLogin, SocialToken
from allauth.socialaccount.providers.github.views import GitHubOAuth2Adapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import HttpRequest
from django.urls import reverse

from tenants.adapter import public_url
from tenants.identity import claims

_DISCOVERY: Final = "/.well-known/openid-configuration"
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_GITHUB_KEPT: Final = ("login", "name", "email")


class UnsafeDescriptionError(Exception):
    """What an issuer says of itself is another's, or leads where anybody may listen."""


class NotUnderstoodError(OAuth2Error):  # type: ignore[misc] # allauth has no types
    """The provider's answer is not what it should be; the message repeats nothing of it."""


@contextmanager
def understood() -> Iterator[None]:
    """:raises NotUnderstoodError: whatever goes wrong with an answer is the provider's fault and not ours."""
    try:
        yield
    except (claims.InvalidTokenError, UnsafeDescriptionError) as error:
        raise NotUnderstoodError(str(error)) from error
    except KeyError as error:
        raise NotUnderstoodError(f"The answer is without {error}.") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise NotUnderstoodError(f"The answer makes no sense ({type(error).__name__}).") from error


class _Exchange:
    """What both kinds of providers share: where they send people back to, and no surprise in what they answer."""

    provider_id: str

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        path = reverse("tenants:identity-callback", args=[self.provider_id])
        return public_url(request, request.build_absolute_uri(path))

    def get_access_token_data(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        with understood():
            data: dict[str, Any] = super().get_access_token_data(*args, **kwargs)  # type: ignore[misc]
            return dict(data)

    def parse_token(self, data: dict[str, Any]) -> SocialToken:
        with understood():
            return super().parse_token(data)  # type: ignore[misc]

    def complete_login(self, request: HttpRequest, app: Any, token: SocialToken, **kwargs: Any) -> SocialLogin:
        with understood():
            return self._person(request, app, token, **kwargs)

    def _person(self, request: HttpRequest, app: Any, token: SocialToken, **kwargs: Any) -> SocialLogin:
        raise NotImplementedError


class OpenIdExchange(_Exchange, OpenIDConnectOAuth2Adapter):  # type: ignore[misc] # allauth has no types
    """OpenID Connect with the issuer's name, keys and signature checked, however the token came."""

    @property
    def openid_config(self) -> dict[str, Any]:
        """The issuer's own description, read once a request.

        :raises NotUnderstoodError: it is another issuer's, or leads where anybody may listen.
        """
        if not hasattr(self, "_openid_config"):
            with understood():
                self._openid_config = self._discover(self.get_provider().app.settings["server_url"])
        return self._openid_config

    def _discover(self, issuer: str) -> dict[str, Any]:
        found = _get(issuer.rstrip("/") + _DISCOVERY)
        if found["issuer"].rstrip("/") != issuer.rstrip("/"):
            raise UnsafeDescriptionError("The issuer calls itself by another name than the configured one.")
        endpoints = [*(found[name] for name in _ENDPOINTS), found.get("userinfo_endpoint", issuer)]
        allowed = {"https", urlsplit(issuer).scheme}
        if any(urlsplit(str(url)).scheme not in allowed for url in endpoints):
            raise UnsafeDescriptionError("An endpoint of the issuer is no https URL.")
        return found

    def _person(self, request: HttpRequest, app: Any, token: SocialToken, **kwargs: Any) -> SocialLogin:
        config = self.openid_config
        told = claims.verified(
            kwargs["response"]["id_token"],
            keys=_get(config["jwks_uri"]),
            issuer=config["issuer"],
            audience=app.client_id,
        )
        url = config.get("userinfo_endpoint")
        more = {} if "email" in told or not url else _get(url, {"Authorization": f"Bearer {token.token}"})
        return self.get_provider().sociallogin_from_response(request, claims.person(told, more))


class GitHubExchange(_Exchange, GitHubOAuth2Adapter):  # type: ignore[misc] # allauth has no types
    """GitHub, or a GitHub Enterprise server, of which only name and address are kept."""

    access_token_url = property(lambda self: self._web("/login/oauth/access_token"))
    authorize_url = property(lambda self: self._web("/login/oauth/authorize"))
    profile_url = property(lambda self: self._api("/user"))
    emails_url = property(lambda self: self._api("/user/emails"))

    def _web(self, path: str) -> str:
        return f"{self.get_provider().app.settings['web_url']}{path}"

    def _api(self, path: str) -> str:
        return f"{self.get_provider().app.settings['api_url']}{path}"

    def _person(self, request: HttpRequest, app: Any, token: SocialToken, **kwargs: Any) -> SocialLogin:
        login = GitHubOAuth2Adapter.complete_login(self, request, app, token, **kwargs)
        told = login.account.extra_data
        login.account.uid = claims.identity(self._web(""), login.account.uid)
        login.account.extra_data = {name: told[name] for name in _GITHUB_KEPT if told.get(name)}
        return login


def _get(url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A JSON object.

    :raises requests.RequestException: nobody answers, or with an error.
    """
    with get_adapter().get_requests_session() as session:
        response = session.get(url, headers=headers)
        response.raise_for_status()
        return dict(response.json())
