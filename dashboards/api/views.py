"""Usage over HTTP."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import Http404
from django.utils import timezone
from rest_framework.decorators import api_view
from rest_framework.response import Response

from core.fields import instant_text
from core.periods import Period
from dashboards import usage as sums
from dashboards.api import usage_schema
from dashboards.api.usage_parameters import UsageParameters, encode, period_of
from dashboards.usage import FILTERS, Interval, Place, Question
from tenants import selectors
from tenants.api_access import ApiRequest, org_api
from tenants.permissions import Permission, Scope


@usage_schema.usage
@api_view(["GET", "HEAD"])
@org_api(Permission.TELEMETRY_READ, Scope.READ)
def usage(request: ApiRequest) -> Response:
    """Sums of a period by whatever is asked for."""
    wanted = UsageParameters.read(request.query_params)
    zone = selectors.time_zone(organization=request.organization)
    question = Question(
        organization_id=request.organization.pk,
        project_ids=_project_ids(request, wanted.get("project")),
        period=period_of(wanted, zone=zone, now=timezone.now()),
        interval=Interval(wanted["interval"]),
        group_by=wanted["group_by"],
        metrics=wanted["metrics"],
        filters={name: wanted[name] for name in FILTERS if name in wanted},
    )
    rows, last = sums.page(question, after=wanted.get("cursor"), limit=wanted["limit"])
    period = question.period
    head = {"from": instant_text(period.start), "to": instant_text(period.end), "time_zone": zone.key}
    return Response(head | {"interval": question.interval, "results": rows, "next": _next_link(request, period, last)})


def _project_ids(request: ApiRequest, named: Sequence[str] | None) -> list[int]:
    """:raises Http404: one of ``named`` is not among those the principal may see."""
    visible: Mapping[str, int] = dict(request.projects.values_list("slug", "pk"))
    if named is None:
        return list(visible.values())
    if not set(named) <= visible.keys():
        raise Http404
    return [visible[slug] for slug in dict.fromkeys(named)]


def _next_link(request: ApiRequest, period: Period, last: Place | None) -> str | None:
    """The same question from ``last`` on; its period is written out, for defaults move with the clock."""
    if last is None:
        return None
    query: Any = request.query_params.copy()
    query["from"], query["to"] = instant_text(period.start), instant_text(period.end)
    query["cursor"] = encode(last)
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
