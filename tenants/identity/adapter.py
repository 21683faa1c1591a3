"""What allauth asks us about accounts elsewhere: who may come in by one, and whose account it opens."""

import logging
from typing import Any, Final

from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.forms import SignupForm
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthError, AuthProcess
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.shortcuts import render
from requests import RequestException

from tenants import invitations
from tenants.adapter import insist_on_invited, invited_address
from tenants.identity.exchange import GitHubExchange, NotUnderstoodError, OpenIdExchange
from tenants.models import User

_EXCHANGES: Final = {"openid_connect": OpenIdExchange, "github": GitHubExchange}
_LONGEST_NAME: Final = 100

logger = logging.getLogger(__name__)


class IdentityAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc] # allauth has no types
    def list_apps(self, request: HttpRequest, provider: str | None = None, client_id: str | None = None) -> list[Any]:
        """Those of the environment, and none that somebody wrote into the database."""
        apps = [
            SocialApp(provider=kind, **one)
            for kind, configured in settings.SOCIALACCOUNT_PROVIDERS.items()
            for one in configured["APPS"]
        ]
        return [
            app
            for app in apps
            if provider in {None, app.provider, app.provider_id} and client_id in {None, app.client_id}
        ]

    def get_provider(self, request: HttpRequest, provider: str, client_id: str | None = None) -> Any:
        found = super().get_provider(request, provider, client_id)
        found.name = found.app.name
        found.oauth2_adapter_class = _EXCHANGES[found.id]
        return found

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Keep no token and one address; a new account is made only for an address that nobody has here.

        :raises ImmediateHttpResponse: the page for somebody whose account is opened in another way.
        """
        sociallogin.token = None
        if sociallogin.is_existing or sociallogin.state.get("process") == AuthProcess.CONNECT:
            return
        self._refuse_known(request, sociallogin)
        self._choose_address(request, sociallogin)

    def _refuse_known(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Said only of an address that the provider calls theirs; of others the mail to that address says it."""
        confirmed = {address.email.lower() for address in sociallogin.email_addresses if address.verified}
        if EmailAddress.objects.filter(email__in=confirmed, verified=True).exists():
            context = {"provider": sociallogin.provider}
            raise ImmediateHttpResponse(render(request, "socialaccount/account_exists.html", context, status=409))

    def _choose_address(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """The invited one where there is one, else the provider's first."""
        invited = invited_address(request)
        of_invitation = [address for address in sociallogin.email_addresses if address.email.lower() == invited]
        chosen = (of_invitation or sociallogin.email_addresses)[:1]
        for address in chosen:
            address.email, address.primary = address.email.lower(), True
            sociallogin.user.email = address.email
        sociallogin.email_addresses = chosen

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """Of a provider the operator trusts, and only the account that confirmed the address to us too."""
        found: tuple[User, str] | None = super().authenticate_by_email(sociallogin)
        if found is None:
            return None
        user, email = found
        is_theirs = EmailAddress.objects.filter(user=user, email=email.lower(), verified=True).exists()
        return found if is_theirs else None

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """By the same rule as with a password.

        :raises ImmediateHttpResponse: the page for somebody who was invited by another address.
        """
        if settings.SIGNUP != "invite":
            return bool(settings.SIGNUP == "open")
        invited = invited_address(request)
        told = {address.email.lower() for address in sociallogin.email_addresses}
        if invited and told and invited not in told:
            context = {"provider": sociallogin.provider, "masked": invitations.masked(invited)}
            raise ImmediateHttpResponse(render(request, "socialaccount/not_invited.html", context, status=403))
        return invited is not None

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """All of an account or nothing.

        :raises ImmediateHttpResponse: the same person came twice at once, and the other one was first.
        """
        try:
            with transaction.atomic():
                user: User = super().save_user(request, sociallogin, form)
        except IntegrityError as error:
            context = {"provider": sociallogin.provider, "reason": "stale"}
            page = render(request, "socialaccount/error.html", context, status=409)
            raise ImmediateHttpResponse(page) from error
        return user

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        user.name = str(data.get("name") or "")[:_LONGEST_NAME]
        return user

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        """A page that says what to do next; the log says what went wrong, without what was said.

        :raises ImmediateHttpResponse: always.
        """
        reason, status = _reason(error, exception, extra_context or {})
        facts = {"provider": provider.sub_id, "reason": reason, **_facts(exception)}
        logger.warning("a sign-in with an identity provider failed", extra=facts)
        context = {"provider": provider, "reason": reason}
        raise ImmediateHttpResponse(render(request, "socialaccount/error.html", context, status=status))


class IdentitySignupForm(SignupForm):  # type: ignore[misc] # allauth has no types
    """Asks for the address that the provider did not tell."""

    def clean_email(self) -> str:
        return insist_on_invited(str(super().clean_email()))


def _facts(exception: Exception | None) -> dict[str, object]:
    """What helps an operator; never the message of a library, which may repeat an answer with its tokens."""
    match exception:
        case NotUnderstoodError():
            return {"error": str(exception)}
        case RequestException():
            url = str(exception.request.url) if exception.request is not None else ""
            status = exception.response.status_code if exception.response is not None else None
            return {"error": type(exception).__name__, "endpoint": url.partition("?")[0], "status": status}
        case _:
            return {"error": type(exception).__name__ if exception else ""}


def _reason(error: str | None, exception: Exception | None, context: dict[str, Any]) -> tuple[str, int]:
    """What the page speaks of, and its status."""
    if error == AuthError.CANCELLED:
        return "cancelled", 200
    if isinstance(exception, RequestException):
        return "unreachable", 503
    if exception is None and "state" not in context:
        return "stale", 400
    return "refused", 401
