"""What passed through the gateway, over HTTP: the numbers of the overview page."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import Http404
from django.utils import timezone
from rest_framework.decorators import api_view
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from core.fields import instant_text
from core.places import next_link
from gateway import offered, traffic_rows
from gateway.api import traffic_schema
from gateway.api.traffic_parameters import TrafficParameters
from gateway.traffic import waiting_seconds
from gateway.traffic_rows import Interval, Question, Row
from ingestion.asked_period import period_of
from ingestion.writer.refusals import NO_PROJECT
from tenants import selectors
from tenants.api_access import ApiRequest, key_of, project_api
from tenants.permissions import Permission, Scope, allows


@traffic_schema.traffic
@api_view(["GET", "HEAD"])
@project_api(Permission.TELEMETRY_READ, Scope.READ)
def traffic(request: ApiRequest) -> Response:
    """Sums of a period, by provider and interval as asked for."""
    if not settings.GATEWAY_ENABLED:
        raise Http404
    now = timezone.now()
    wanted = TrafficParameters.read(request.query_params)
    question = _question(request, wanted, now=now)
    rows, last = traffic_rows.page(question, after=wanted.get("cursor"), limit=wanted["limit"])
    period = question.period
    answer = {
        "from": instant_text(period.start),
        "to": instant_text(period.end),
        "time_zone": period.zone.key,
        "interval": question.interval,
        "waiting_seconds": waiting_seconds(now=now),
        "results": [_shown(question, row) for row in rows],
        "next": next_link(request, period, last),
    }
    return Response(answer)


def _question(request: ApiRequest, wanted: Mapping[str, Any], *, now: datetime) -> Question:
    zone = selectors.time_zone(organization=request.organization)
    project_ids = _project_ids(request, wanted.get("project"))
    return Question(
        organization=request.organization,
        project_ids=project_ids,
        period=period_of(wanted, zone=zone, now=now),
        interval=Interval(wanted["interval"]),
        by_provider="provider" in wanted["group_by"],
        providers=_providers(request, project_ids, wanted.get("provider")),
    )


def _project_ids(request: ApiRequest, named: Sequence[str] | None) -> list[int]:
    """:raises Http404: one of ``named`` is not among those the principal may see."""
    visible: Mapping[str, int] = dict(request.projects.values_list("slug", "pk"))
    if named is None:
        return [*visible.values(), *([NO_PROJECT] if _sees_the_organization(request) else [])]
    if not set(named) <= visible.keys():
        raise Http404
    return [visible[slug] for slug in dict.fromkeys(named)]


def _sees_the_organization(request: ApiRequest) -> bool:
    """Whether requests that are no project's are the principal's to see."""
    key = key_of(request)
    if key is not None:
        return key.project_id is None
    return allows(request.role or "", Permission.TELEMETRY_READ)


def _providers(request: ApiRequest, project_ids: Sequence[int], named: Sequence[str] | None) -> Sequence[str] | None:
    """:raises ValidationError: one of ``named`` can neither be called nor was in the principal's projects."""
    if named is None:
        return None
    unknown = set(named) - offered.names(organization=request.organization).keys()
    if unknown - traffic_rows.passed_once(organization=request.organization, project_ids=project_ids, slugs=unknown):
        raise ValidationError({"provider": ["There is no such provider."]})
    return list(dict.fromkeys(named))


def _shown(question: Question, row: Row) -> dict[str, Any]:
    bucket = {} if question.interval is Interval.NONE else {"bucket": row.bucket}
    provider = {"provider": row.provider} if question.by_provider else {}
    return bucket | provider | dict(traffic_schema.TrafficRowSerializer(row.traffic).data)
