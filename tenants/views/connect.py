"""The page that leads to the first call: a key, code to paste, and the moment the call arrives."""

from typing import Final

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from tenants import key_services
from tenants.access import OrgRequest, org_view, the_project
from tenants.permissions import Permission, Scope, allows
from tenants.snippets import snippets

KEY_NAME: Final = "First key"


@require_GET
@org_view(Permission.TELEMETRY_READ)
def connect(request: OrgRequest) -> HttpResponse:
    return _page(request, None)


@require_POST
@never_cache
@org_view(Permission.KEY_MANAGE)
def connect_key(request: OrgRequest) -> HttpResponse:
    """Create a key that may only send, and show it in this answer. Reloading the page shows it no more."""
    issued = key_services.create_key(
        organization=request.organization,
        actor=request.user,
        project=the_project(request),
        name=KEY_NAME,
        scopes=[Scope.INGEST],
    )
    return _page(request, issued)


def _page(request: OrgRequest, issued: key_services.IssuedKey | None) -> HttpResponse:
    template = "tenants/connect.html#steps" if request.htmx else "tenants/connect.html"
    context = {
        "issued": issued,
        "snippets": snippets(base_url=settings.BASE_URL, key=issued.text if issued else None),
        "may_manage": allows(request.role, Permission.KEY_MANAGE),
        "nav_active": "connect",
    }
    return render(request, template, context)
