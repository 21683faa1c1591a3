"""Usage over HTTP."""

from collections.abc import Mapping, Sequence

from django.http import Http404
from django.utils import timezone
from rest_framework.decorators import api_view
from rest_framework.response import Response

from core.fields import instant_text
from core.places import next_link
from dashboards import usage as sums
from dashboards.api import usage_schema
from dashboards.api.usage_parameters import UsageParameters
from dashboards.usage import FILTERS, Interval, Question
from ingestion.asked_period import period_of
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
    return Response(head | {"interval": question.interval, "results": rows, "next": next_link(request, period, last)})


def _project_ids(request: ApiRequest, named: Sequence[str] | None) -> list[int]:
    """:raises Http404: one of ``named`` is not among those the principal may see."""
    visible: Mapping[str, int] = dict(request.projects.values_list("slug", "pk"))
    if named is None:
        return list(visible.values())
    if not set(named) <= visible.keys():
        raise Http404
    return [visible[slug] for slug in dict.fromkeys(named)]
