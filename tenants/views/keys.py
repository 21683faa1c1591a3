"""API keys of a project. A key's text is in the one response that created it, and nowhere else."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from tenants import selectors, services
from tenants.access import OrgRequest, org_view, the_project
from tenants.forms import KeyForm, status, write_with
from tenants.models import ApiKey
from tenants.permissions import Permission, allows


@require_GET
@org_view(Permission.KEY_READ)
def key_list(request: OrgRequest) -> HttpResponse:
    context = {
        "rows": selectors.project_keys(project=the_project(request), now=timezone.now()),
        "may_manage": allows(request.role, Permission.KEY_MANAGE),
        "nav_active": "keys",
    }
    return render(request, "tenants/key_list.html", context)


@require_http_methods(["GET", "POST"])
@never_cache
@org_view(Permission.KEY_MANAGE)
def key_create(request: OrgRequest) -> HttpResponse:
    form = KeyForm(request.POST if request.method == "POST" else None)
    issued = write_with(form, lambda data: _issue(request, form, data))
    context = {"form": form, "issued": issued, "nav_active": "keys"}
    template = "tenants/key_create.html#form" if request.htmx else "tenants/key_create.html"
    return render(request, template, context, status=status(form))


def _issue(request: OrgRequest, form: KeyForm, data: dict[str, Any]) -> services.IssuedKey:
    return services.create_key(
        organization=request.organization,
        actor=request.user,
        project=the_project(request),
        name=data["name"],
        scopes=data["scopes"],
        expires_at=form.expiry(request.time_zone),
        now=timezone.now(),
    )


@require_http_methods(["GET", "POST"])
@org_view(Permission.KEY_MANAGE)
def key_revoke(request: OrgRequest, key_id: int) -> HttpResponse:
    """GET asks whether it is meant, for browsers in which the dialog did not open."""
    project = the_project(request)
    key = ApiKey.objects.filter(project=project, pk=key_id).first()
    if key is None:
        raise Http404
    if request.method == "GET":
        return render(request, "tenants/key_revoke.html", {"key": key, "nav_active": "keys"})
    services.revoke_key(organization=request.organization, actor=request.user, key=key, now=timezone.now())
    return redirect("tenants:key-list", request.organization.slug, project.slug)
