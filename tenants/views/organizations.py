from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from tenants import selectors, services
from tenants.access import OrgRequest, org_view
from tenants.forms import NameForm, OrganizationForm, status, write_with
from tenants.models import User
from tenants.permissions import Permission


@require_http_methods(["GET", "POST"])
@login_required
def organization_create(request: HttpRequest) -> HttpResponse:
    """The first step of a new user, and any further organization later."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - login_required let it in
    form = OrganizationForm(request.POST if request.method == "POST" else None)
    organization = write_with(form, lambda data: services.create_organization(actor=user, **data))
    if organization:
        return redirect("tenants:project-create", organization.slug)
    return render(request, "tenants/organization_create.html", {"form": form}, status=status(form))


@require_http_methods(["GET", "POST"])
@org_view(Permission.ORGANIZATION_MANAGE)
def organization_settings(request: OrgRequest) -> HttpResponse:
    organization = request.organization
    form = NameForm(request.POST if request.method == "POST" else None, initial={"name": organization.name})

    def rename(data: dict[str, str]) -> bool:
        services.rename_organization(organization=organization, actor=request.user, name=data["name"])
        return True

    if write_with(form, rename):
        return redirect("tenants:organization-settings", organization.slug)
    context = {
        "form": form,
        "settings": selectors.organization_settings(organization=organization),
        "nav_active": "organization-settings",
    }
    return render(request, "tenants/organization_settings.html", context, status=status(form))
