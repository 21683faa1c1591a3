"""The page that leads to the first proxied call: which base URL, which key, and the moment the call arrives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from gateway import arrivals, offered, snippets
from gateway.access import gateway_view
from gateway.snippets import Mode
from gateway.types import Auth, Provider
from gateway.views.frame import SOURCE, calls_url, marked
from tenants import roles
from tenants.access import OrgRequest
from tenants.models import Project
from tenants.permissions import Permission, Scope, allows

DEFAULT_PROVIDER: Final = "openai"


@dataclass(frozen=True, slots=True)
class KeyLink:
    """Where a key for the gateway can be made."""

    text: str
    url: str


@require_GET
@gateway_view(Permission.TELEMETRY_READ)
def connect(request: OrgRequest) -> HttpResponse:
    """Code for the chosen provider and for either kind of key."""
    known = offered.providers(organization=request.organization)
    chosen = _chosen(request, known)
    mode = _mode(request, chosen)
    context = {
        "ready": [provider for provider in known if provider.origin],
        "without_address": [provider for provider in known if not provider.origin],
        "chosen": chosen,
        "mode": mode,
        "is_own": mode is Mode.OWN,
        "is_keyless": chosen.auth is Auth.NONE,
        "base_url": snippets.sdk_base_url(chosen, base_url=settings.BASE_URL),
        "proxy_url": snippets.proxy_url(chosen, base_url=settings.BASE_URL),
        "key_variable": snippets.key_variable(chosen),
        "snippets": snippets.snippets(chosen, base_url=settings.BASE_URL, mode=mode),
        "key_links": _key_links(request),
        "may_manage": allows(request.organization_role, Permission.GATEWAY_MANAGE),
        "nav_active": "gateway-connect",
    }
    return marked(render(request, "gateway/connect.html", context))


@require_GET
@gateway_view(Permission.TELEMETRY_READ)
def first_call(request: OrgRequest) -> HttpResponse:
    """Asked every second until a proxied call is there; "not yet" is 204, which leaves the waiting panel as it is."""
    chosen = _chosen(request, offered.providers(organization=request.organization))
    arrived = arrivals.latest(
        organization=request.organization,
        project_ids=[project.pk for project in _projects(request)],
        provider=chosen,
        source=SOURCE,
        now=timezone.now(),
    )
    if arrived is None and request.htmx:
        return HttpResponse(status=204)
    context = {
        "arrived": arrived,
        "chosen": chosen,
        "mode": _mode(request, chosen),
        "calls_url": calls_url(request, chosen.canonical),
        "nav_active": "gateway-connect",
    }
    template = "gateway/first_call.html#panel" if request.htmx else "gateway/first_call.html"
    return marked(render(request, template, context))


def _chosen(request: OrgRequest, known: Sequence[Provider]) -> Provider:
    """The provider that the query string names; OpenAI when it names none that is there."""
    by_slug = {provider.slug: provider for provider in known}
    return by_slug.get(request.GET.get("provider", ""), by_slug[DEFAULT_PROVIDER])


def _mode(request: OrgRequest, chosen: Provider) -> Mode:
    """As asked for; where the provider takes no key, nobody has one of their own."""
    is_stored = chosen.auth is Auth.NONE or request.GET.get("mode") == Mode.STORED
    return Mode.STORED if is_stored else Mode.OWN


def _projects(request: OrgRequest) -> list[Project]:
    visible = roles.visible_projects(user=request.user, role=request.organization_role)
    return list(visible.filter(archived_at=None))


def _key_links(request: OrgRequest) -> list[KeyLink]:
    """Where this person may make a key that is good for the gateway, its scope ticked already."""
    query, slug = f"?scope={Scope.GATEWAY}", request.organization.slug
    links = []
    if allows(request.organization_role, Permission.KEY_ADMIN):
        url = reverse("tenants:organization-key-create", args=[slug])
        links.append(KeyLink("For every project", url + query))
    if allows(request.organization_role, Permission.KEY_MANAGE):
        links += [
            KeyLink(project.name, reverse("tenants:key-create", args=[slug, project.slug]) + query)
            for project in _projects(request)
        ]
    return links
