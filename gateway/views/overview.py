"""What passed through the gateway, of a project and of an organization."""

from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from django.db import OperationalError, transaction
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET
from django_htmx.http import trigger_client_event

from core.periods import Period
from core.ranges import RANGES, range_days, read_range
from gateway import offered, traffic
from gateway.access import gateway_view
from gateway.overview import overview_page
from gateway.traffic import Asked
from gateway.views.frame import calls_url, marked, page_url, rejected_url, up_to
from tenants import roles
from tenants.access import OrgRequest
from tenants.permissions import Permission

_SHORT: Final = {"24h": "24 h", "7d": "7 d", "30d": "30 d", "90d": "90 d"}

type Context = dict[str, Any]


@require_GET
@gateway_view(Permission.TELEMETRY_READ)
def overview(request: OrgRequest) -> HttpResponse:
    """Requests, errors and added latency. An open page asks again with what it has ``seen``; the same is 204."""
    now = timezone.now()
    name, period, problem = read_range(dict(request.GET.lists()), now=now, zone=request.time_zone)
    asked = _asked(request, period)
    waiting = traffic.waiting_seconds(now=now)
    context = _frame(request, name, period, now=now) | {"problem": problem, "waiting_seconds": waiting}
    try:
        with transaction.atomic():  # a statement that took too long must not end the scope's transaction
            found = traffic.traffic(asked)
    except OperationalError:
        return _answer(request, context | {"state": "slow"}, status=503)
    context["version"] = _version(name, period, found, waiting)
    if request.htmx and request.GET.get("seen") == context["version"]:
        return marked(trigger_client_event(HttpResponse(status=204), "numbers-up-to", context["up_to"]))
    if not found.by_provider:
        return _answer(request, context | {"state": _why_empty(asked), "wider_url": _wider(request, period)})
    page = overview_page(
        found,
        period,
        now=now,
        names=offered.names(organization=request.organization),
        calls_url=lambda provider: calls_url(request, provider, **_range(name)),
    )
    return _answer(request, context | {"page": page})


def _asked(request: OrgRequest, period: Period) -> Asked:
    hidden = () if request.project else roles.hidden_projects(user=request.user, role=request.organization_role)
    return Asked(request.organization, request.project, period.start, period.end, hidden=hidden)


def _frame(request: OrgRequest, name: str, period: Period, *, now: datetime) -> Context:
    chosen = {key: request.GET[key] for key in ("range", "from", "to", "since", "until") if key in request.GET}
    return {
        "state": "",
        "range": name,
        "ranges": [
            {"key": key, "text": _SHORT[key], "url": page_url(request, "overview", range=key)} for key in RANGES
        ],
        "days_text": period.days_text(today=timezone.localdate(now, request.time_zone)),
        "zone": request.time_zone.key,
        "page_path": page_url(request, "overview"),
        "refresh_path": page_url(request, "overview", **chosen),
        "live_url": calls_url(request, **_range(name)),
        "rejected_url": rejected_url(request, **chosen),
        "up_to": up_to(timezone.localtime(now, request.time_zone)),
        "nav_active": "project-gateway" if request.project else "gateway",
    }


def _range(name: str) -> dict[str, str]:
    """What a link to calls says of the time range; days chosen by hand are left to the log's own default."""
    return {"range": name} if name in RANGES else {}


def _version(name: str, period: Period, found: traffic.Grouped, waiting: int | None) -> str:
    """Changes when the page may: with its range, as time goes on, and with every number."""
    said = repr((name, period.start, period.end, sorted(found.by_hour.items()), waiting))
    return blake2b(said.encode(), digest_size=8).hexdigest()


def _why_empty(asked: Asked) -> str:
    return "nothing" if traffic.has_traffic(asked) else "no-traffic"


def _wider(request: OrgRequest, period: Period) -> str:
    """The page over the next longer range; '' when there is none."""
    longer = next((name for name in RANGES if range_days(name) > period.day_count), None)
    return page_url(request, "overview", range=longer) if longer else ""


def _answer(request: OrgRequest, context: Context, *, status: int = 200) -> HttpResponse:
    is_partial = bool(request.htmx) and not request.htmx.history_restore_request
    template = "gateway/overview.html#refresh" if is_partial else "gateway/overview.html"
    return marked(render(request, template, context | {"is_refresh": is_partial}, status=status))
