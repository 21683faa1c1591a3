"""What the gateway's pages have in common: they are there only where the gateway is."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, Final

from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import urlencode

from tenants.access import OrgRequest

SOURCE: Final = "gateway"  # of a proxied call, in telemetry and in the filter of the calls log

type View[**P] = Callable[Concatenate[OrgRequest, P], HttpResponseBase]


def where_enabled[**P](view: View[P]) -> View[P]:
    """404 where ``GATEWAY_ENABLED`` is off, as if the page did not exist."""

    @wraps(view)
    def guarded(request: OrgRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not settings.GATEWAY_ENABLED:
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


def calls_url(request: OrgRequest, provider: str = "", **more: str) -> str:
    """The log of proxied calls, which shows new ones as they come; of one provider by telemetry's name of it."""
    slugs = [request.organization.slug, *([request.project.slug] if request.project else [])]
    path = reverse(f"dashboards:{'project' if request.project else 'organization'}-calls", args=slugs)
    wanted = {"source": SOURCE} | ({"provider": provider} if provider else {}) | more
    return f"{path}?{urlencode(wanted)}"


def rejected_url(request: OrgRequest) -> str:
    """Where refusals of the last days are explained."""
    slugs = [request.organization.slug, *([request.project.slug] if request.project else [])]
    return reverse(f"dashboards:{'project' if request.project else 'organization'}-rejected", args=slugs)


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
