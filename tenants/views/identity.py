"""The way to an identity provider and back, and the page that lists which ones open an account."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.reauthentication import raise_if_reauthentication_required
from allauth.account.utils import get_next_redirect_url
from allauth.decorators import rate_limit
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.views import signup
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from requests import RequestException

from tenants.identity import connections
from tenants.models import User


def where_configured(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """An instance without identity providers has none of these pages."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponseBase:
        if not connections.offered():
            raise Http404
        return view(request)

    return guarded


@require_POST
@never_cache
@rate_limit(action="login")  # type: ignore[untyped-decorator] # allauth has no types
def identity_login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Send somebody to an identity provider, to sign in or to connect it to the account they are in.

    Nothing of the query string goes with them: a link must not be able to change what is asked of the provider.
    """
    provider = _provider(request, provider_id)
    process = AuthProcess.LOGIN
    if request.POST.get("process") == AuthProcess.CONNECT and request.user.is_authenticated:
        raise_if_reauthentication_required(request, app="allauth.socialaccount")
        process = AuthProcess.CONNECT
    answer = _talk(request, provider, lambda: provider.redirect(request, process, get_next_redirect_url(request)))
    if not isinstance(answer, HttpResponseRedirect):
        return answer
    # A page in between: the policy for forms would have to name every host the provider may lead on to.
    return render(request, "socialaccount/leaving.html", {"provider": provider, "url": answer.url})


@require_GET
@never_cache
@rate_limit(action="login")  # type: ignore[untyped-decorator] # allauth has no types
def identity_callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Back from an identity provider, with a code or with bad news."""
    provider = _provider(request, provider_id)
    view = OAuth2CallbackView.adapter_view(provider.get_oauth2_adapter(request))
    return _talk(request, provider, lambda: view(request))


@never_cache
@where_configured
def identity_signup(request: HttpRequest) -> HttpResponseBase:
    """Asks whoever comes from a provider that tells no address for one."""
    answer: HttpResponseBase = signup(request)
    return answer


@require_http_methods(["GET", "POST"])
@never_cache
@where_configured
@login_required
@reauthentication_required(allow_get=True)  # type: ignore[untyped-decorator] # allauth has no types
def identity_connections(request: HttpRequest) -> HttpResponse:
    """Which accounts elsewhere open this one; a POST takes one away."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - login_required let it in
    error = _disconnect(request, user) if request.method == "POST" else ""
    if request.method == "POST" and not error:
        messages.info(request, "Disconnected.")
        return redirect("socialaccount_connections")
    mine = connections.connections(user=user)
    return render(
        request, "socialaccount/connections.html", {"mine": mine, "error": error}, status=422 if error else 200
    )


def _disconnect(request: HttpRequest, user: User) -> str:
    """Why it could not be done; '' when it was."""
    chosen = request.POST.get("connection", "")
    if not chosen.isascii() or not chosen.isdigit():
        return "Choose what to disconnect."
    try:
        connections.disconnect(user=user, connection_id=int(chosen))
    except ValidationError as error:
        return error.messages[0]
    return ""


def _provider(request: HttpRequest, provider_id: str) -> Any:
    if provider_id not in {provider.id for provider in connections.offered()}:
        raise Http404
    try:
        return get_adapter().get_provider(request, provider_id)
    except SocialApp.DoesNotExist as error:
        raise Http404 from error


def _talk(request: HttpRequest, provider: Any, step: Callable[[], HttpResponse]) -> HttpResponse:
    """One step with a provider; one that is down or makes no sense gets a page."""
    try:
        return step()
    except (OAuth2Error, RequestException) as error:
        answer: HttpResponse = render_authentication_error(request, provider, exception=error)
        return answer
