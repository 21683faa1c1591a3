"""Pages of destinations: set up and tried, looked at, changed, paused, tried again, deleted."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dashboards.exports.destinations import selectors, services
from dashboards.exports.destinations.forms import DestinationForm
from dashboards.exports.destinations.models import Destination
from dashboards.exports.destinations.terms import Wanted
from tenants import roles
from tenants.access import OrgRequest, org_view
from tenants.forms import status, write_with
from tenants.permissions import Permission

_NAV = {"nav_active": "exports"}


@require_GET
@org_view(Permission.DESTINATIONS_MANAGE)
def destination_list(request: OrgRequest) -> HttpResponse:
    found = list(selectors.destinations(organization=request.organization, hidden=_hidden(request)))
    return render(request, "exports/destinations/list.html", {"destinations": found} | _NAV)


@require_http_methods(["GET", "POST"])
@org_view(Permission.DESTINATIONS_MANAGE)
def destination_create(request: OrgRequest) -> HttpResponse:
    """Nothing is kept of a place that cannot be written to."""
    form = _form(request)

    def create(_: dict[str, Any]) -> Destination:
        wanted = form.wanted()
        return services.create_destination(
            organization=request.organization,
            actor=request.user,
            wanted=wanted,
            is_conditional=services.try_place(organization=request.organization, wanted=wanted),
            now=timezone.now(),
        )

    created = write_with(form, create) if request.method == "POST" else None
    return _to(request, created) if created else _form_page(request, form)


@require_GET
@org_view(Permission.DESTINATIONS_MANAGE)
def destination_detail(request: OrgRequest, destination_id: int) -> HttpResponse:
    destination = _destination(request, destination_id)
    shown = {
        "destination": destination,
        "runs": selectors.runs(destination=destination),
        "shown": selectors.SHOWN,
    }
    return render(request, "exports/destinations/detail.html", shown | _NAV)


@require_http_methods(["GET", "POST"])
@org_view(Permission.DESTINATIONS_MANAGE)
def destination_edit(request: OrgRequest, destination_id: int) -> HttpResponse:
    destination = _destination(request, destination_id)
    form = _form(request, destination)

    def change(_: dict[str, Any]) -> Destination:
        wanted, organization = form.wanted(), request.organization
        return services.change_destination(
            organization=organization,
            actor=request.user,
            destination=destination,
            wanted=wanted,
            is_conditional=services.try_place(organization=organization, wanted=wanted, destination=destination),
            now=timezone.now(),
        )

    changed = write_with(form, change) if request.method == "POST" else None
    return _to(request, changed) if changed else _form_page(request, form, destination)


@require_POST
@org_view(Permission.DESTINATIONS_MANAGE)
def destination_test(request: OrgRequest, destination_id: int) -> HttpResponse:
    """Whether the bucket still takes what is written to it."""
    destination = _destination(request, destination_id)

    def attempt() -> None:
        wanted = _as_it_is(destination)
        services.try_place(organization=request.organization, wanted=wanted, destination=destination)
        messages.success(request, "The bucket takes what is written to it.")

    return _act(request, destination, attempt)


@require_POST
@org_view(Permission.DESTINATIONS_MANAGE)
def destination_pause(request: OrgRequest, destination_id: int) -> HttpResponse:
    destination = _destination(request, destination_id)
    services.pause_destination(organization=request.organization, actor=request.user, destination=destination)
    return _to(request, destination)


@require_POST
@org_view(Permission.DESTINATIONS_MANAGE)
def destination_resume(request: OrgRequest, destination_id: int) -> HttpResponse:
    destination = _destination(request, destination_id)
    services.resume_destination(
        organization=request.organization, actor=request.user, destination=destination, now=timezone.now()
    )
    return _to(request, destination)


@require_POST
@org_view(Permission.DESTINATIONS_MANAGE)
def destination_retry(request: OrgRequest, destination_id: int) -> HttpResponse:
    destination = _destination(request, destination_id)

    def retry() -> None:
        services.retry_destination(
            organization=request.organization, actor=request.user, destination=destination, now=timezone.now()
        )

    return _act(request, destination, retry)


@require_http_methods(["GET", "POST"])
@org_view(Permission.DESTINATIONS_MANAGE)
def destination_delete(request: OrgRequest, destination_id: int) -> HttpResponse:
    """GET asks whether it is meant."""
    destination = _destination(request, destination_id)
    if request.method == "POST":
        services.delete_destination(organization=request.organization, actor=request.user, destination=destination)
        return redirect("exports:destination-list", request.organization.slug)
    return render(request, "exports/destinations/delete.html", {"destination": destination} | _NAV)


def _act(request: OrgRequest, destination: Destination, act: Callable[[], None]) -> HttpResponse:
    """Do it, or say on the page why not."""
    try:
        act()
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return _to(request, destination)


def _as_it_is(destination: Destination) -> Wanted:
    names = ("name", "project", "cadence", "endpoint", "region", "bucket", "prefix", "key_id")
    return Wanted(**{name: getattr(destination, name) for name in names})


def _form(request: OrgRequest, destination: Destination | None = None) -> DestinationForm:
    return DestinationForm(
        request.POST if request.method == "POST" else None,
        projects=list(roles.visible_projects(user=request.user, role=request.organization_role)),
        sees_all=not _hidden(request),
        destination=destination,
    )


def _form_page(request: OrgRequest, form: DestinationForm, destination: Destination | None = None) -> HttpResponse:
    shown = {"form": form, "destination": destination}
    return render(request, "exports/destinations/form.html", shown | _NAV, status=status(form))


def _hidden(request: OrgRequest) -> tuple[int, ...]:
    return roles.hidden_projects(user=request.user, role=request.organization_role)


def _destination(request: OrgRequest, destination_id: int) -> Destination:
    """:raises Http404: there is none, or it copies what the reader may not see."""
    found = selectors.destination(
        organization=request.organization, hidden=_hidden(request), destination_id=destination_id
    )
    if found is None:
        raise Http404
    return found


def _to(request: OrgRequest, destination: Destination) -> HttpResponse:
    return redirect("exports:destination-detail", request.organization.slug, destination.pk)
