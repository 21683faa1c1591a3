"""API keys of a project, and those of the whole organization. A key's text is in the one response that made it."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from tenants import key_selectors, key_services
from tenants.access import OrgRequest, org_view
from tenants.forms import KeyForm, RotateKeyForm, status, write_with
from tenants.key_selectors import KeyRow
from tenants.models import ApiKey, Organization, Project
from tenants.permissions import Permission, allows, grantable_scopes


@dataclass(frozen=True, slots=True)
class Place:
    """Where keys are shown: a project, or the organization without one; the pages are the same."""

    organization: Organization
    project: Project | None

    @property
    def list_url(self) -> str:
        return self._url("key-list")

    @property
    def create_url(self) -> str:
        return self._url("key-create")

    def rotate_url(self, key: ApiKey) -> str:
        return self._url("key-rotate", key.pk)

    def revoke_url(self, key: ApiKey) -> str:
        return self._url("key-revoke", key.pk)

    def _url(self, name: str, *more: int) -> str:
        if self.project is None:
            return reverse(f"tenants:organization-{name}", args=[self.organization.slug, *more])
        return reverse(f"tenants:{name}", args=[self.organization.slug, self.project.slug, *more])

    def rows(self, state: str) -> list[KeyRow]:
        now = timezone.now()
        if self.project is None:
            return key_selectors.organization_keys(organization=self.organization, now=now, state=state)
        return key_selectors.project_keys(project=self.project, now=now, state=state)


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the list with where its buttons lead; '' where there is none."""

    row: KeyRow
    rotate_url: str
    revoke_url: str


@require_GET
@org_view(Permission.KEY_READ)
def key_list(request: OrgRequest) -> HttpResponse:
    return _list(request)


@require_http_methods(["GET", "POST"])
@never_cache
@org_view(Permission.KEY_MANAGE)
def key_create(request: OrgRequest) -> HttpResponse:
    return _create(request)


@require_http_methods(["GET", "POST"])
@never_cache
@org_view(Permission.KEY_MANAGE)
def key_rotate(request: OrgRequest, key_id: int) -> HttpResponse:
    return _rotate(request, key_id)


@require_http_methods(["GET", "POST"])
@org_view(Permission.KEY_MANAGE)
def key_revoke(request: OrgRequest, key_id: int) -> HttpResponse:
    return _revoke(request, key_id)


@require_GET
@org_view(Permission.KEY_ADMIN)
def organization_key_list(request: OrgRequest) -> HttpResponse:
    return _list(request)


@require_http_methods(["GET", "POST"])
@never_cache
@org_view(Permission.KEY_ADMIN)
def organization_key_create(request: OrgRequest) -> HttpResponse:
    return _create(request)


@require_http_methods(["GET", "POST"])
@never_cache
@org_view(Permission.KEY_ADMIN)
def organization_key_rotate(request: OrgRequest, key_id: int) -> HttpResponse:
    return _rotate(request, key_id)


@require_http_methods(["GET", "POST"])
@org_view(Permission.KEY_ADMIN)
def organization_key_revoke(request: OrgRequest, key_id: int) -> HttpResponse:
    return _revoke(request, key_id)


def _list(request: OrgRequest) -> HttpResponse:
    place, state = _place(request), request.GET.get("state", "")
    state = state if state in key_selectors.STATES else ""
    lines = [_line(request, place, row) for row in place.rows(state)]
    context = _context(request) | {
        "lines": lines,
        "state": state,
        "states": key_selectors.STATES,
        "expiring": [line.row for line in lines if line.row.expires_soon and not line.row.is_being_replaced],
        "orphaned": [line.row for line in lines if line.row.creator_left and line.row.state == "active"],
        "may_manage": allows(request.role, Permission.KEY_MANAGE),
    }
    return render(request, "tenants/key_list.html", context)


def _line(request: OrgRequest, place: Place, row: KeyRow) -> Line:
    if row.state != "active" or not _may_change(request, row.key):
        return Line(row, "", "")
    return Line(row, "" if row.is_being_replaced else place.rotate_url(row.key), place.revoke_url(row.key))


def _create(request: OrgRequest) -> HttpResponse:
    place, scopes, now = _place(request), grantable_scopes(request.role), timezone.now()
    wanted = [scope for scope in scopes if scope.value in request.GET.getlist("scope")]
    data = request.POST if request.method == "POST" else None
    form = KeyForm(data, scopes=scopes, now=now, zone=request.time_zone, wanted=wanted)
    issued = write_with(
        form,
        lambda data: key_services.create_key(
            organization=request.organization, actor=request.user, project=place.project, now=now, **data
        ),
    )
    dangers = [(scope.label, key_selectors.if_leaked([scope], place.project)) for scope in scopes]
    context = _context(request) | {"form": form, "issued": issued, "dangers": dangers}
    template = "tenants/key_create.html#form" if request.htmx else "tenants/key_create.html"
    return render(request, template, context, status=status(form))


def _rotate(request: OrgRequest, key_id: int) -> HttpResponse:
    place, key = _place(request), _key(request, key_id)
    form = RotateKeyForm(request.POST if request.method == "POST" else None)
    issued = write_with(
        form,
        lambda data: key_services.rotate_key(
            organization=request.organization, actor=request.user, key=key, overlap=data["overlap"], now=timezone.now()
        ),
    )
    if issued:
        key.refresh_from_db()
    urls = {"action": place.rotate_url(key), "revoke_url": place.revoke_url(key)}
    context = _context(request) | urls | {"form": form, "issued": issued, "key": key}
    template = "tenants/key_rotate.html#form" if request.htmx else "tenants/key_rotate.html"
    return render(request, template, context, status=status(form))


def _revoke(request: OrgRequest, key_id: int) -> HttpResponse:
    """GET asks whether it is meant, for browsers in which the dialog did not open."""
    key = _key(request, key_id)
    if request.method == "GET":
        action = _place(request).revoke_url(key)
        return render(request, "tenants/key_revoke.html", _context(request) | {"key": key, "action": action})
    key_services.revoke_key(organization=request.organization, actor=request.user, key=key, now=timezone.now())
    return redirect(_place(request).list_url)


def _place(request: OrgRequest) -> Place:
    return Place(request.organization, request.project)


def _context(request: OrgRequest) -> dict[str, Any]:
    return {"place": _place(request), "nav_active": "keys" if request.project else "organization-keys"}


def _key(request: OrgRequest, key_id: int) -> ApiKey:
    """A key of this place.

    :raises Http404: there is none.
    :raises PermissionDenied: it may do more than whoever asks.
    """
    found = key_selectors.keys(organization=request.organization).filter(project=request.project, pk=key_id).first()
    if found is None:
        raise Http404
    if not _may_change(request, found):
        raise PermissionDenied
    return found


def _may_change(request: OrgRequest, key: ApiKey) -> bool:
    may_manage = allows(request.role, Permission.KEY_MANAGE)
    return may_manage and set(key.scopes) <= set(grantable_scopes(request.role))
