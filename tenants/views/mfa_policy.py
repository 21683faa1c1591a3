from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from tenants import mfa_policy, selectors
from tenants.access import OrgRequest, org_view
from tenants.forms import MfaPolicyForm, status, write_with
from tenants.permissions import Permission


@require_http_methods(["GET", "POST"])
@org_view(Permission.ORGANIZATION_MANAGE)
def mfa_requirement(request: OrgRequest) -> HttpResponse:
    """Whether members must sign in with two steps."""
    organization = request.organization
    required = selectors.organization_settings(organization=organization).mfa_required
    form = MfaPolicyForm(request.POST if request.method == "POST" else None, initial={"required": required})

    def write(data: dict[str, bool]) -> bool:
        mfa_policy.set_mfa_required(organization=organization, actor=request.user, required=data["required"])
        return True

    if write_with(form, write):
        return redirect("tenants:organization-settings", organization.slug)
    context = {
        "form": form,
        "without": mfa_policy.members_without_second_factor(organization=organization),
        "has_own": mfa_policy.has_second_factor(request.user),
        "nav_active": "organization-settings",
    }
    return render(request, "tenants/mfa_requirement.html", context, status=status(form))
