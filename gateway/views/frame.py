"""Where the gateway's pages lead, and what their answers carry."""

from datetime import datetime
from typing import Any, Final

from django.http import HttpResponse
from django.urls import reverse
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import urlencode

from tenants.access import OrgRequest

SOURCE: Final = "gateway"  # of a proxied call, in telemetry and in the filter of the calls log


def calls_url(request: OrgRequest, provider: str = "", **more: str) -> str:
    """The log of proxied calls, which shows new ones as they come; of one provider by telemetry's name of it."""
    slugs = [request.organization.slug, *([request.project.slug] if request.project else [])]
    path = reverse(f"dashboards:{'project' if request.project else 'organization'}-calls", args=slugs)
    wanted = {"source": SOURCE} | ({"provider": provider} if provider else {}) | more
    return f"{path}?{urlencode(wanted)}"


def rejected_url(request: OrgRequest, **chosen: str) -> str:
    """Where refusals of the ``chosen`` time range are explained."""
    slugs = [request.organization.slug, *([request.project.slug] if request.project else [])]
    path = reverse(f"dashboards:{'project' if request.project else 'organization'}-rejected", args=slugs)
    return f"{path}?{urlencode(chosen)}" if chosen else path


def page_url(request: OrgRequest, name: str, **query: str) -> str:
    """``gateway:organization-{name}`` or ``gateway:project-{name}``, as the request is about one or the other."""
    slugs = [request.organization.slug, *([request.project.slug] if request.project else [])]
    path = reverse(f"gateway:{'project' if request.project else 'organization'}-{name}", args=slugs)
    return f"{path}?{urlencode(query)}" if query else path


def up_to(moment: datetime) -> dict[str, Any]:
    """Up to when numbers are whole, as ``static/js/live.js`` and the page show it. ``moment`` is local."""
    title = f"{moment.day} {moment:%b %Y, %H:%M:%S %Z}"
    return {"text": f"{moment:%H:%M:%S}", "title": title, "moment": moment.isoformat(timespec="seconds")}


def marked(response: HttpResponse) -> HttpResponse:
    """``response`` with the headers that keep page and partial apart, in caches and in the browser's history."""
    patch_vary_headers(response, ["HX-Request", "HX-History-Restore-Request"])
    patch_cache_control(response, private=True, no_cache=True)
    return response
