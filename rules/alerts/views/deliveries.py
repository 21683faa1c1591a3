"""Deliveries: what was sent where, every attempt and what the other side said."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from rules.alerts import acknowledgement, delivery_services, selectors
from rules.alerts.forms import DeliveryFilterForm
from rules.alerts.models import Delivery
from rules.alerts.selectors import PAGE_SIZE, DeliveryFilter
from tenants import roles
from tenants.access import OrgRequest, org_view
from tenants.permissions import Permission, allows

_SOON = timedelta(seconds=10)


@require_GET
@org_view(Permission.ALERTS_READ)
def delivery_list(request: OrgRequest) -> HttpResponse:
    channels = list(selectors.channels(organization=request.organization))
    form = DeliveryFilterForm(request.GET, channels=channels)
    chosen = _chosen(request, form)
    found = list(selectors.deliveries(organization=request.organization, chosen=chosen)[: PAGE_SIZE + 1])
    page = found[:PAGE_SIZE]
    context = _context(request) | {
        "form": form,
        "lines": selectors.lines(page, organization=request.organization),
        "is_filtered": chosen.is_narrow,
        "channels": channels,
        "older_url": _address(request, page[-1].pk) if len(found) > PAGE_SIZE else "",
        "newest_url": _address(request) if chosen.before else "",
    }
    return render(request, "alerts/delivery_list.html", context, status=200 if form.is_valid() else 422)


@require_GET
@org_view(Permission.ALERTS_READ)
def delivery_detail(request: OrgRequest, delivery_id: int) -> HttpResponse:
    return _page(request, _delivery(request, delivery_id))


@require_POST
@org_view(Permission.ALERTS_MANAGE)
def delivery_again(request: OrgRequest, delivery_id: int) -> HttpResponse:
    delivery = _delivery(request, delivery_id)
    try:
        delivery_services.redeliver(
            organization=request.organization, actor=request.user, delivery=delivery, now=timezone.now()
        )
    except ValidationError as error:
        return _page(request, delivery, complaint=error.messages[0])
    return redirect("alerts:delivery-detail", request.organization.slug, delivery.pk)


@require_POST
@org_view(Permission.ALERTS_ACKNOWLEDGE)
def event_acknowledge(request: OrgRequest, event_id: int) -> HttpResponse:
    event = selectors.event(organization=request.organization, event_id=event_id, hidden=_hidden(request))
    if event is None:
        raise Http404
    acknowledgement.acknowledge(organization=request.organization, actor=request.user, event=event, now=timezone.now())
    return redirect(f"{reverse('alerts:delivery-list', args=[request.organization.slug])}?event={event.pk}")


def _page(request: OrgRequest, delivery: Delivery, *, complaint: str = "") -> HttpResponse:
    now = timezone.now()
    context = _context(request) | {
        "delivery": delivery,
        "told": selectors.messages(delivery=delivery, organization=request.organization),
        "attempts": selectors.attempts(delivery=delivery),
        "is_moving": not delivery.is_over and delivery.next_attempt_at <= now + _SOON,
        "is_later": not delivery.is_over and delivery.next_attempt_at > now + _SOON,
        "may_acknowledge": allows(request.role, Permission.ALERTS_ACKNOWLEDGE),
        "complaint": complaint,
    }
    template = "alerts/delivery_detail.html#delivery" if request.htmx else "alerts/delivery_detail.html"
    return render(request, template, context, status=422 if complaint else 200)


def _chosen(request: OrgRequest, form: DeliveryFilterForm) -> DeliveryFilter:
    before = request.GET.get("before", "")
    values = form.cleaned_data if form.is_valid() else {}
    channel = values.get("channel", "")
    return DeliveryFilter(
        channel_id=int(channel) if channel else None,
        state=values.get("state", ""),
        event_id=values.get("event"),
        before=int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None,  # noqa: PLR2004
        hidden=_hidden(request),
    )


def _hidden(request: OrgRequest) -> tuple[int, ...]:
    return roles.hidden_projects(user=request.user, role=request.organization_role)


def _delivery(request: OrgRequest, delivery_id: int) -> Delivery:
    """:raises Http404: there is none, or it is about a project that the reader may not see."""
    found = selectors.delivery(organization=request.organization, delivery_id=delivery_id, hidden=_hidden(request))
    if found is None:
        raise Http404
    return found


def _address(request: OrgRequest, before: int | None = None) -> str:
    query = request.GET.copy()
    query.pop("before", None)
    if before is not None:
        query["before"] = str(before)
    return f"{reverse('alerts:delivery-list', args=[request.organization.slug])}?{query.urlencode()}"


def _context(request: OrgRequest) -> dict[str, Any]:
    return {"nav_active": "alerts", "tab": "deliveries", "may_manage": allows(request.role, Permission.ALERTS_MANAGE)}
