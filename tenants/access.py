"""The door of every organization page: who comes in, with which permission, in which scope."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils import timezone
from django_htmx.middleware import HtmxDetails

from core import display
from core.scope import org_scope
from tenants import currency, mfa_policy, roles, selectors
from tenants.models import Membership, Organization, Project, User
from tenants.permissions import Permission, allows

P = ParamSpec("P")
LAST_ORGANIZATION: Final = "last_organization"  # session key: the slug of the organization to come back to


class OrgRequest(HttpRequest):
    """A request that ``org_view`` let in: ``organization`` is set, ``project`` too where the URL names one.

    ``role`` is the one that counts here: the project's where it says otherwise than ``organization_role``.
    ``time_zone`` is the organization's, and the current one while the view runs. ``delete_at`` says when the
    organization is to be deleted, if it is.
    """

    user: User
    htmx: HtmxDetails
    organization: Organization
    project: Project | None
    role: str
    organization_role: str
    time_zone: ZoneInfo
    delete_at: datetime | None


OrgView = Callable[Concatenate[OrgRequest, P], HttpResponseBase]


def org_view(permission: Permission) -> Callable[[OrgView[P]], Callable[..., HttpResponseBase]]:
    """Let members with ``permission`` in and run the view inside their organization's scope.

    Reads ``organization_slug`` and, where present, ``project_slug`` from the URL. Strangers get 404, because 403 would
    confirm that the organization exists; members without the permission get 403, and those without the second step
    that the organization requires the page that leads to it.
    """

    def decorate(view: OrgView[P]) -> Callable[..., HttpResponseBase]:
        @login_required
        @wraps(view)
        def guarded(
            request: OrgRequest, *args: Any, organization_slug: str, project_slug: str = "", **kwargs: Any
        ) -> HttpResponseBase:
            enter_organization(request, organization_slug)
            with org_scope(request.organization.pk):
                request.project = _project(request, project_slug) if project_slug else None
                if not allows(request.role, permission):
                    raise PermissionDenied
                found = selectors.organization_settings(organization=request.organization)
                request.time_zone, request.delete_at = ZoneInfo(found.time_zone), found.delete_at
                if mfa_policy.keeps_out(request.user, settings=found):
                    return mfa_policy.way_in(request)
                _remember(request)
                today = timezone.localdate(timezone=request.time_zone)
                shown_in = display.override(currency.display(found, today=today))
                with timezone.override(request.time_zone), shown_in:
                    return view(request, *args, **kwargs)

        guarded.permission = permission  # type: ignore[attr-defined] # read by the permission matrix
        return guarded

    return decorate


def enter_organization(request: OrgRequest, slug: str) -> None:
    """Set ``organization`` and the user's role in it on the request.

    :raises Http404: there is no such organization, or the user is not in it.
    """
    membership = Membership.objects.select_related("organization").filter(user=request.user, organization__slug=slug)
    found = membership.first()
    if found is None:
        raise Http404
    request.organization, request.organization_role = found.organization, found.role
    request.role = found.role


def the_project(request: OrgRequest) -> Project:
    """The project of a page whose URL names one."""
    if request.project is None:
        raise LookupError("This URL names no project.")
    return request.project


def _remember(request: OrgRequest) -> None:
    """The organization to come back to; the session is written only when it changes."""
    if request.session.get(LAST_ORGANIZATION) != request.organization.slug:
        request.session[LAST_ORGANIZATION] = request.organization.slug


def _project(request: OrgRequest, slug: str) -> Project:
    found = roles.find_project(user=request.user, role=request.organization_role, slug=slug)
    if found is None:
        raise Http404
    project, request.role = found
    return project
