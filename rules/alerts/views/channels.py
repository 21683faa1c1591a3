"""Channels: made, changed, tried out, turned on and off. A secret is in the one response that made it."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from rules.alerts import channel_services, selectors
from rules.alerts.forms import CHANNEL_FORMS, ChannelForm
from rules.alerts.models import Channel
from rules.alerts.selectors import DeliveryFilter
from tenants import roles
from tenants.access import OrgRequest, org_view
from tenants.forms import status, write_with
from tenants.permissions import Permission, allows

_RECENT = 10


@require_GET
@org_view(Permission.ALERTS_READ)
def channel_list(request: OrgRequest) -> HttpResponse:
    context = _context(request) | {
        "channels": selectors.channels(organization=request.organization),
        "kinds": Channel.Kind.choices,
    }
    return render(request, "alerts/channel_list.html", context)


@require_http_methods(["GET", "POST"])
@never_cache
@org_view(Permission.ALERTS_MANAGE)
def channel_create(request: OrgRequest, kind: str) -> HttpResponse:
    form = _form_class(kind)(request.POST if request.method == "POST" else None)

    def create(data: dict[str, Any]) -> Channel:
        return channel_services.create_channel(
            organization=request.organization, actor=request.user, kind=kind, name=data["name"], given=form.given()
        )

    channel = write_with(form, create)
    if channel and channel.kind == Channel.Kind.WEBHOOK:
        return _show_secret(request, channel, channel_services.signing_secret(channel))
    if channel:
        return _detail(request, channel)
    context = _context(request) | {"form": form, "kind": Channel.Kind(kind)}
    return render(request, "alerts/channel_form.html", context, status=status(form))


@require_GET
@org_view(Permission.ALERTS_READ)
def channel_detail(request: OrgRequest, channel_id: int) -> HttpResponse:
    channel = _channel(request, channel_id)
    hidden = roles.hidden_projects(user=request.user, role=request.organization_role)
    found = selectors.deliveries(
        organization=request.organization, chosen=DeliveryFilter(channel_id=channel.pk, hidden=hidden)
    )
    context = _context(request) | {
        "channel": channel,
        "lines": selectors.lines(found[:_RECENT], organization=request.organization),
        "routes": selectors.routes(organization=request.organization).filter(channel=channel),
    }
    return render(request, "alerts/channel_detail.html", context)


@require_http_methods(["GET", "POST"])
@org_view(Permission.ALERTS_MANAGE)
def channel_edit(request: OrgRequest, channel_id: int) -> HttpResponse:
    channel = _channel(request, channel_id)
    form = _form_class(channel.kind)(request.POST if request.method == "POST" else None, channel=channel)

    def update(data: dict[str, Any]) -> Channel:
        return channel_services.update_channel(
            organization=request.organization,
            actor=request.user,
            channel=channel,
            name=data["name"],
            given=form.given(),
        )

    if write_with(form, update):
        return _detail(request, channel)
    context = _context(request) | {"form": form, "kind": Channel.Kind(channel.kind), "channel": channel}
    return render(request, "alerts/channel_form.html", context, status=status(form))


@require_POST
@org_view(Permission.ALERTS_MANAGE)
def channel_test(request: OrgRequest, channel_id: int) -> HttpResponse:
    """Have a test sent; the delivery's page waits for the answer and shows it."""
    delivery = channel_services.send_test(
        organization=request.organization,
        actor=request.user,
        channel=_channel(request, channel_id),
        now=timezone.now(),
    )
    return redirect("alerts:delivery-detail", request.organization.slug, delivery.pk)


@require_POST
@org_view(Permission.ALERTS_MANAGE)
def channel_on(request: OrgRequest, channel_id: int) -> HttpResponse:
    channel = _channel(request, channel_id)
    channel_services.turn_on(organization=request.organization, actor=request.user, channel=channel)
    return _detail(request, channel)


@require_POST
@org_view(Permission.ALERTS_MANAGE)
def channel_off(request: OrgRequest, channel_id: int) -> HttpResponse:
    channel = _channel(request, channel_id)
    channel_services.turn_off(organization=request.organization, actor=request.user, channel=channel)
    return _detail(request, channel)


@require_http_methods(["GET", "POST"])
@never_cache
@org_view(Permission.ALERTS_MANAGE)
def channel_secret(request: OrgRequest, channel_id: int) -> HttpResponse:
    """A new signing secret of a webhook; GET asks whether it is meant."""
    channel = _channel(request, channel_id)
    if channel.kind != Channel.Kind.WEBHOOK:
        raise Http404
    if request.method == "GET":
        return render(request, "alerts/channel_secret.html", _context(request) | {"channel": channel})
    secret = channel_services.rotate_secret(
        organization=request.organization, actor=request.user, channel=channel, now=timezone.now()
    )
    return _show_secret(request, channel, secret)


@require_http_methods(["GET", "POST"])
@org_view(Permission.ALERTS_MANAGE)
def channel_delete(request: OrgRequest, channel_id: int) -> HttpResponse:
    channel = _channel(request, channel_id)
    if request.method == "POST":
        channel_services.delete_channel(
            organization=request.organization, actor=request.user, channel=channel, now=timezone.now()
        )
        return redirect("alerts:channel-list", request.organization.slug)
    routes = selectors.routes(organization=request.organization).filter(channel=channel)
    return render(request, "alerts/channel_delete.html", _context(request) | {"channel": channel, "routes": routes})


def _context(request: OrgRequest) -> dict[str, Any]:
    return {
        "nav_active": "alerts",
        "tab": "channels",
        "may_manage": allows(request.role, Permission.ALERTS_MANAGE),
    }


def _form_class(kind: str) -> type[ChannelForm]:
    """:raises Http404: there is no such kind."""
    if kind not in CHANNEL_FORMS:
        raise Http404
    return CHANNEL_FORMS[kind]


def _channel(request: OrgRequest, channel_id: int) -> Channel:
    """:raises Http404: the organization has no such channel."""
    found = selectors.channel(organization=request.organization, channel_id=channel_id)
    if found is None:
        raise Http404
    return found


def _detail(request: OrgRequest, channel: Channel) -> HttpResponse:
    return redirect("alerts:channel-detail", request.organization.slug, channel.pk)


def _show_secret(request: OrgRequest, channel: Channel, secret: str) -> HttpResponse:
    return render(request, "alerts/channel_secret.html", _context(request) | {"channel": channel, "secret": secret})
