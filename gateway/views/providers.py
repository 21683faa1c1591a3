"""Pages of providers: what there is, one of one's own added, changed and deleted, and the gateway's settings."""

from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from gateway import provider_selectors, services, upstreams
from gateway.access import gateway_view
from gateway.forms import OfflineForm, ProviderForm
from gateway.models import GatewayProvider, ProviderCredential
from gateway.providers import PRESETS, Preset
from tenants import roles
from tenants.access import OrgRequest
from tenants.forms import status, write_with
from tenants.permissions import Permission

NAV: Final = {"nav_active": "gateway-providers"}


@require_GET
@gateway_view(Permission.GATEWAY_MANAGE)
def provider_list(request: OrgRequest) -> HttpResponse:
    minutes = provider_selectors.offline_minutes(organization=request.organization)
    return _list_page(request, OfflineForm(initial={"offline_minutes": minutes}))


@require_POST
@gateway_view(Permission.GATEWAY_MANAGE)
def settings_change(request: OrgRequest) -> HttpResponse:
    form = OfflineForm(request.POST)

    def change(data: dict[str, Any]) -> bool:
        services.set_offline_minutes(
            organization=request.organization, actor=request.user, minutes=data["offline_minutes"]
        )
        return True

    if write_with(form, change):
        messages.success(request, "Saved.")
        return to_list(request)
    return _list_page(request, form)


@require_http_methods(["GET", "POST"])
@gateway_view(Permission.GATEWAY_MANAGE)
def provider_create(request: OrgRequest) -> HttpResponse:
    """First which kind of upstream, then its address; the choice is a link, so that fields need no script."""
    preset = PRESETS.get(request.GET.get("preset", ""))
    if preset is None and request.method == "GET":
        return _choices_page(request)
    form = ProviderForm(
        request.POST if request.method == "POST" else None, preset=preset or PRESETS["openai-compatible"]
    )

    def add(_: dict[str, Any]) -> GatewayProvider:
        return services.add_provider(organization=request.organization, actor=request.user, wanted=form.wanted())

    if write_with(form, add):
        messages.success(request, "The provider is added. Give it a key, or let applications send their own.")
        return to_list(request)
    return _form_page(request, form, preset=preset or PRESETS["openai-compatible"])


@require_http_methods(["GET", "POST"])
@gateway_view(Permission.GATEWAY_MANAGE)
def provider_edit(request: OrgRequest, gateway_provider_id: int) -> HttpResponse:
    own = _provider(request, gateway_provider_id)
    preset = upstreams.preset_of(own)
    form = ProviderForm(request.POST if request.method == "POST" else None, preset=preset, own=own)

    def change(_: dict[str, Any]) -> GatewayProvider:
        return services.change_provider(
            organization=request.organization, actor=request.user, provider=own, wanted=form.wanted()
        )

    return to_list(request) if write_with(form, change) else _form_page(request, form, preset=preset, own=own)


@require_http_methods(["GET", "POST"])
@gateway_view(Permission.GATEWAY_MANAGE)
def provider_delete(request: OrgRequest, gateway_provider_id: int) -> HttpResponse:
    """GET asks whether it is meant, and says what goes with it."""
    own = _provider(request, gateway_provider_id)
    if request.method == "POST":
        try:
            services.delete_provider(organization=request.organization, actor=request.user, provider=own)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        return to_list(request)
    built_in = upstreams.built_in(own.slug)
    doomed = ProviderCredential.objects.filter(organization=request.organization, provider=own.slug)
    is_elsewhere = built_in is None or built_in.origin != own.origin
    context = {"own": own, "built_in": built_in, "doomed": doomed.count() if is_elsewhere else 0}
    return render(request, "gateway/provider_delete.html", context | NAV)


def to_list(request: OrgRequest) -> HttpResponse:
    return redirect("gateway:provider-list", request.organization.slug)


def hidden(request: OrgRequest) -> tuple[int, ...]:
    """Projects whose credentials are not shown to the reader."""
    return roles.hidden_projects(user=request.user, role=request.organization_role)


def _list_page(request: OrgRequest, form: OfflineForm) -> HttpResponse:
    lines = provider_selectors.lines(organization=request.organization, hidden=hidden(request))
    return render(request, "gateway/provider_list.html", {"lines": lines, "form": form} | NAV, status=status(form))


def _choices_page(request: OrgRequest) -> HttpResponse:
    """Those whose address only the organization knows first: they are what is usually added."""
    presets = list(PRESETS.values())
    context = {
        "unknown": [one for one in presets if not one.provider.origin],
        "built_in": [one for one in presets if one.provider.origin],
    }
    return render(request, "gateway/provider_choose.html", context | NAV)


def _form_page(
    request: OrgRequest, form: ProviderForm, *, preset: Preset, own: GatewayProvider | None = None
) -> HttpResponse:
    replaced = upstreams.built_in(own.slug if own else preset.provider.slug)
    context = {"form": form, "preset": preset, "own": own, "replaced": replaced}
    return render(request, "gateway/provider_form.html", context | NAV, status=status(form))


def _provider(request: OrgRequest, provider_id: int) -> GatewayProvider:
    """:raises Http404: the organization has no such provider."""
    found = provider_selectors.provider(organization=request.organization, provider_id=provider_id)
    if found is None:
        raise Http404
    return found
