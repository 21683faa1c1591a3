"""Pages of credentials: added, tested, replaced, made the default, deleted. None shows a secret, not even a new one."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from gateway import credential_services, provider_selectors
from gateway.access import gateway_view
from gateway.forms import CredentialForm, ReplaceForm
from gateway.models import ProviderCredential
from gateway.upstreams import Upstream
from gateway.views.providers import NAV, hidden, to_list
from tenants import roles
from tenants.access import OrgRequest
from tenants.forms import status, write_with
from tenants.permissions import Permission

_TONES: Final = {
    ProviderCredential.Check.ACCEPTED: messages.SUCCESS,
    ProviderCredential.Check.REFUSED: messages.ERROR,
}

type View = Callable[..., HttpResponseBase]


class _ToTest(HttpResponseRedirect):
    """Leads to the list, after the provider was asked about ``credential``."""

    def __init__(self, request: OrgRequest, credential: ProviderCredential, *, saved: str = "") -> None:
        super().__init__(reverse("gateway:provider-list", args=[request.organization.slug]))
        self.credential, self.saved = credential, saved


def _tests_afterwards(view: View) -> View:
    """Ask the provider when the view's transaction is over: nobody else's server may keep a row locked here."""

    @wraps(view)
    def testing(request: OrgRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        if isinstance(response, _ToTest):
            _test(request, response)
        return response

    return testing


def _test(request: OrgRequest, response: _ToTest) -> None:
    credential = response.credential
    verdict = credential_services.check_credential(
        organization=request.organization, actor=request.user, credential_id=credential.pk, now=timezone.now()
    )
    if verdict is None:
        messages.warning(request, "Somebody deleted this credential in the meantime.")
        return
    told = f"{response.saved} {verdict.provider} {verdict.sentence}".strip()
    messages.add_message(request, _TONES.get(verdict.result, messages.WARNING), told)


@require_http_methods(["GET", "POST"])
@never_cache
@_tests_afterwards
@gateway_view(Permission.GATEWAY_MANAGE)
def credential_create(request: OrgRequest) -> HttpResponse:
    organization = request.organization
    offered = [one for one in provider_selectors.upstreams_of(organization=organization) if one.takes_credentials]
    fixed = next((one for one in offered if one.provider.slug == request.GET.get("provider")), None)
    form = _form(request, offered, fixed)

    def add(_: dict[str, Any]) -> ProviderCredential:
        return credential_services.add_credential(
            organization=organization, actor=request.user, wanted=form.wanted(), now=timezone.now()
        )

    added = write_with(form, add)
    if added:
        return _ToTest(request, added, saved=f"“{added.name}” is saved.")
    return render(request, "gateway/credential_form.html", {"form": form, "fixed": fixed} | NAV, status=status(form))


@require_http_methods(["GET", "POST"])
@never_cache
@_tests_afterwards
@gateway_view(Permission.GATEWAY_MANAGE)
def credential_replace(request: OrgRequest, credential_id: int) -> HttpResponse:
    credential = _credential(request, credential_id)
    form = ReplaceForm(
        request.POST if request.method == "POST" else None, initial={"seen": _moment(credential.replaced_at)}
    )

    def replace(data: dict[str, Any]) -> ProviderCredential:
        return credential_services.replace_secret(
            organization=request.organization,
            actor=request.user,
            credential=credential,
            secret=data["secret"],
            seen=data["seen"],
            now=timezone.now(),
        )

    replaced = write_with(form, replace)
    if replaced:
        return _ToTest(request, replaced, saved=f"“{replaced.name}” has its new key.")
    context = _about(request, credential) | {"form": form}
    return render(request, "gateway/credential_replace.html", context, status=status(form))


@require_POST
@_tests_afterwards
@gateway_view(Permission.GATEWAY_MANAGE)
def credential_test(request: OrgRequest, credential_id: int) -> HttpResponse:
    return _ToTest(request, _credential(request, credential_id))


@require_POST
@gateway_view(Permission.GATEWAY_MANAGE)
def credential_default(request: OrgRequest, credential_id: int) -> HttpResponse:
    credential = _credential(request, credential_id)
    try:
        credential_services.make_default(organization=request.organization, actor=request.user, credential=credential)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return to_list(request)


@require_http_methods(["GET", "POST"])
@gateway_view(Permission.GATEWAY_MANAGE)
def credential_delete(request: OrgRequest, credential_id: int) -> HttpResponse:
    """GET asks whether it is meant, and says which one calls take then."""
    credential = _credential(request, credential_id)
    if request.method == "GET":
        heir = provider_selectors.heir(credential=credential)
        return render(request, "gateway/credential_delete.html", _about(request, credential) | {"heir": heir})
    try:
        credential_services.delete_credential(
            organization=request.organization, actor=request.user, credential=credential
        )
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return to_list(request)


def _form(request: OrgRequest, offered: list[Upstream], fixed: Upstream | None) -> CredentialForm:
    return CredentialForm(
        request.POST if request.method == "POST" else None,
        offered=offered,
        projects=list(roles.visible_projects(user=request.user, role=request.organization_role)),
        fixed=fixed,
    )


def _about(request: OrgRequest, credential: ProviderCredential) -> dict[str, Any]:
    upstream = provider_selectors.upstream(organization=request.organization, slug=credential.provider)
    return {"credential": credential, "upstream": upstream} | NAV


def _moment(at: Any) -> str:
    """To the microsecond, as it comes back."""
    return at.isoformat() if at else ""


def _credential(request: OrgRequest, credential_id: int) -> ProviderCredential:
    """:raises Http404: there is none, or it is of a project that the reader may not see."""
    found = provider_selectors.credential(
        organization=request.organization, hidden=hidden(request), credential_id=credential_id
    )
    if found is None:
        raise Http404
    return found
