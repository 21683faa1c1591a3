"""Every feature of a period, by the names people gave them, and where they give them."""

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dashboards import feature_rows, feature_selectors, feature_services, near_names
from dashboards.bars import address
from dashboards.feature_rows import Names
from dashboards.feature_services import LONGEST_FEATURE, LONGEST_NAME
from dashboards.filters import NONE, Filter
from dashboards.groups import selectors
from dashboards.groups.selectors import Groups
from dashboards.views.frame import Context, nothing_here, page_path, read_filter
from dashboards.views.listing import list_page, listed, read_text
from ingestion.store import OTHER
from tenants.access import OrgRequest, org_view
from tenants.forms import status, write_with
from tenants.permissions import Permission, allows

SUGGESTED: Final = 5  # at a time: a wall of questions is not read


class LabelForm(forms.Form):
    """How a feature is shown."""

    label = forms.CharField(
        max_length=LONGEST_NAME, required=False, help_text="Shown instead of the name that calls have."
    )
    group = forms.CharField(
        max_length=LONGEST_NAME, required=False, help_text="Features with the same group are shown as one row."
    )


@require_GET
@org_view(Permission.TELEMETRY_READ)
def features(request: OrgRequest) -> HttpResponse:
    """A table of all features of the period, in any order, and which of them look like one."""
    chosen = read_filter(request).for_rollups()
    return list_page(request, chosen, "features", "features", lambda: _listed(request, chosen))


def _listed(request: OrgRequest, chosen: Filter) -> Context:
    organization, text = request.organization, read_text(request)
    names = feature_selectors.names(organization=organization)
    found = selectors.features(
        organization=organization,
        project=request.project,
        chosen=chosen,
        text=text,
        labelled=names.with_text(text),
    )
    path = page_path(request, "features")
    if not found.all:
        return nothing_here(chosen, path)

    def url(wire_names: Sequence[str]) -> str:
        pairs = [("feature", name or NONE) for name in wire_names]
        return address(page_path(request, "overview"), chosen.without_all("feature"), *pairs)

    entries = feature_rows.entries(
        found.groups,
        names,
        opened=request.GET.getlist("open"),
        url=url,
        toggle=lambda group: _toggle_url(request, group),
    )
    may_label = allows(request.organization_role, Permission.FEATURES_LABEL)
    return (
        listed(request, chosen, "features", entries, found, noun="feature")
        | {"search_label": "Feature", "may_label": may_label, "here": request.get_full_path()}
        | (_suggested(request, found, names) if may_label and not text and not chosen.status else {})
    )


def _toggle_url(request: OrgRequest, group: str) -> str:
    """Where a group's row is unfolded, or folded if it is not."""
    query = request.GET.copy()
    opened = query.getlist("open")
    query.setlist("open", [one for one in opened if one != group] if group in opened else [*opened, group])
    return f"{request.path}?{query.urlencode()}"


def _suggested(request: OrgRequest, found: Groups, names: Names) -> Context:
    """Features that look like one, and whether some were said to be none."""
    apart = feature_selectors.apart(organization=request.organization)
    wire = [group.name for group in found.groups if group.name != OTHER]
    sets = near_names.suggestions(wire, groups=names.groups, apart=apart)
    return {
        "suggestions": [(_group_name(one, names), one) for one in sets[:SUGGESTED]],
        "more_suggestions": max(len(sets) - SUGGESTED, 0),
        "has_apart": bool(apart),
    }


def _group_name(found: tuple[str, ...], names: Names) -> str:
    """The group that one of them is in already, else what the one that costs most is called."""
    group = next((names.groups[one] for one in found if one in names.groups), "")
    return (group or names.shown(found[0]))[:LONGEST_NAME]


# --- What people say ---


@require_http_methods(["GET", "POST"])
@org_view(Permission.FEATURES_LABEL)
def label(request: OrgRequest) -> HttpResponse:
    """A form for the name and the group of one feature."""
    feature = request.GET.get("feature", "")
    if not feature or "\0" in feature or len(feature) > LONGEST_FEATURE:
        raise Http404
    names = feature_selectors.names(organization=request.organization)
    said = {"label": names.labels.get(feature, ""), "group": names.groups.get(feature, "")}
    form = LabelForm(request.POST if request.method == "POST" else None, initial=said)

    def write(cleaned: dict[str, Any]) -> bool:
        feature_services.label_feature(
            organization=request.organization, actor=request.user, feature=feature, **cleaned
        )
        return True

    if request.method == "POST" and write_with(form, write):
        return redirect(_back(request))
    context = {
        "form": form,
        "feature": feature,
        "groups": sorted(set(names.groups.values())),
        "back": _back(request),
        "nav_active": "organization-features",
    }
    return render(request, "dashboards/feature_label.html", context, status=status(form))


@require_POST
@org_view(Permission.FEATURES_LABEL)
def group(request: OrgRequest) -> HttpResponse:
    """Show several features as one."""
    name = request.POST.get("group", "")
    try:
        feature_services.group_features(
            organization=request.organization,
            actor=request.user,
            features=request.POST.getlist("feature"),
            group=name,
        )
    except ValidationError as error:
        return _refused(request, error)
    messages.success(request, f"Shown as {name}. “Ungroup” in its row takes it back.")
    return redirect(_back(request))


@require_POST
@org_view(Permission.FEATURES_LABEL)
def ungroup(request: OrgRequest) -> HttpResponse:
    """Show the features of a group one by one again."""
    feature_services.ungroup_features(
        organization=request.organization, actor=request.user, group=request.POST.get("group", "").replace("\0", "")
    )
    return redirect(_back(request))


@require_POST
@org_view(Permission.FEATURES_LABEL)
def apart(request: OrgRequest) -> HttpResponse:
    """Never suggest these features again."""
    try:
        feature_services.keep_apart(
            organization=request.organization, actor=request.user, features=request.POST.getlist("feature")
        )
    except ValidationError as error:
        return _refused(request, error)
    messages.success(request, "Not suggested again. “Suggest again” below the list takes it back.")
    return redirect(_back(request))


@require_POST
@org_view(Permission.FEATURES_LABEL)
def suggest_again(request: OrgRequest) -> HttpResponse:
    """Forget what was dismissed."""
    feature_services.suggest_again(organization=request.organization, actor=request.user)
    return redirect(_back(request))


def _refused(request: OrgRequest, error: ValidationError) -> HttpResponse:
    context = {"problems": error.messages, "back": _back(request), "nav_active": "organization-features"}
    return render(request, "dashboards/feature_refused.html", context, status=422)


def _back(request: OrgRequest) -> str:
    """The list as it was, which the form names; never another site's page or another organization's."""
    wanted = request.POST.get("back", "") or request.GET.get("back", "")
    home = reverse("dashboards:organization-features", args=[request.organization.slug])
    organization = reverse("dashboards:organization-overview", args=[request.organization.slug])
    is_ours = wanted.startswith(organization) and "/features/" in wanted and not set(wanted) & set("\\\r\n\t\0")
    return wanted if is_ours else home
