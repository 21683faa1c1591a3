"""Schedules of reports over HTTP."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from django.core.exceptions import ValidationError as ServiceError
from django.db import transaction
from django.http import Http404
from django.utils import timezone
from rest_framework import status
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from core.parameters import OrganizationParameters
from dashboards.reports import documents, schedule_services, selectors
from dashboards.reports.api import schema
from dashboards.reports.api.serializers import NewScheduleSerializer, ScheduleChangeSerializer
from dashboards.reports.api.views import MANAGE, READ, hidden_from, project_named
from dashboards.reports.models import Schedule
from dashboards.reports.schedule_services import Wanted
from dashboards.reports.spans import Span
from dashboards.reports.timing import Cadence
from rules.alerts.models import Channel
from tenants.api import body
from tenants.api_access import ApiRequest, doer_of, refuse_project_keys

_USUAL: Final = {
    Cadence.DAILY: Span.YESTERDAY,
    Cadence.WEEKLY: Span.WEEK_BEFORE,
    Cadence.MONTHLY: Span.LAST_MONTH,
}
_RENAMED: Final = {"period": "span", "attach_pdf": "attaches_pdf"}
_SENT: Final = {service: sent for sent, service in _RENAMED.items()}


@schema.schedule_list
@schema.schedule_create
@api_view(["GET", "HEAD", "POST"])
def schedule_list(request: Request) -> Response:
    """The schedules, and where new ones are made."""
    return _create(request) if request.method == "POST" else _list(request)


@schema.schedule_detail
@schema.schedule_change
@schema.schedule_delete
@api_view(["GET", "HEAD", "PATCH", "DELETE"])
def schedule_detail(request: Request, schedule_id: int) -> Response:
    """One schedule."""
    answer: Callable[..., Response] = {"PATCH": _change, "DELETE": _delete}.get(str(request.method), _read)
    return answer(request, schedule_id=schedule_id)


@schema.schedule_send
@api_view(["POST"])
@MANAGE
def schedule_send(request: ApiRequest, schedule_id: int) -> Response:
    """Have its report made and sent now."""
    report = schedule_services.send_now(
        organization=request.organization,
        actor=doer_of(request),
        schedule=_schedule(request, schedule_id),
        now=timezone.now(),
    )
    return Response(documents.report(report), status=status.HTTP_202_ACCEPTED)


@READ
def _list(request: ApiRequest) -> Response:
    _enter(request)
    found = selectors.schedules(organization=request.organization, hidden=hidden_from(request))
    return Response({"results": [documents.schedule(one) for one in found], "next": None})


@READ
def _read(request: ApiRequest, schedule_id: int) -> Response:
    return Response(documents.schedule(_schedule(request, schedule_id)))


@MANAGE
def _create(request: ApiRequest) -> Response:
    _enter(request)
    given = body.read(NewScheduleSerializer, request)
    is_active = given.pop("active", True)
    terms = _terms(request, given)
    terms.setdefault("span", _USUAL[Cadence(terms["cadence"])].value)
    who: dict[str, Any] = {"organization": request.organization, "actor": doer_of(request)}
    try:
        with transaction.atomic():
            schedule = schedule_services.create_schedule(**who, wanted=Wanted(**terms), now=timezone.now())
            if not is_active:
                schedule_services.pause_schedule(**who, schedule=schedule)
    except ServiceError as error:
        raise body.refusal(error, _SENT) from error
    return Response(documents.schedule(_schedule(request, schedule.pk)), status=status.HTTP_201_CREATED)


@MANAGE
def _change(request: ApiRequest, schedule_id: int) -> Response:
    schedule = _schedule(request, schedule_id)
    given = body.read(ScheduleChangeSerializer, request, partial=True)
    is_active = given.pop("active", None)
    terms = _terms(request, given)
    who: dict[str, Any] = {"organization": request.organization, "actor": doer_of(request), "schedule": schedule}
    try:
        with transaction.atomic():
            if terms:
                wanted = replace(_as_it_is(schedule), **terms)
                schedule_services.change_schedule(**who, wanted=wanted, now=timezone.now())
            if is_active is not None:
                _switch(who, is_active=is_active)
    except ServiceError as error:
        raise body.refusal(error, _SENT) from error
    return Response(documents.schedule(_schedule(request, schedule_id)))


def _switch(who: dict[str, Any], *, is_active: bool) -> None:
    if is_active:
        schedule_services.resume_schedule(**who, now=timezone.now())
    else:
        schedule_services.pause_schedule(**who)


@MANAGE
def _delete(request: ApiRequest, schedule_id: int) -> Response:
    schedule = _schedule(request, schedule_id)
    schedule_services.delete_schedule(organization=request.organization, actor=doer_of(request), schedule=schedule)
    return Response(status=status.HTTP_204_NO_CONTENT)


def _terms(request: ApiRequest, given: dict[str, Any]) -> dict[str, Any]:
    """What was sent, in the words of the service.

    :raises ValidationError: a project or a channel that is not there.
    """
    terms = {_RENAMED.get(name, name): value for name, value in given.items()}
    try:
        if "project" in terms:
            terms["project"] = project_named(request, terms["project"])
    except ServiceError as error:
        raise body.refusal(error) from error
    if "channels" in terms:
        terms["channels"] = _channels(terms["channels"])
    return terms


def _channels(ids: list[int]) -> list[Channel]:
    found = list(Channel.objects.filter(pk__in=ids).order_by("pk"))
    if len(found) < len(set(ids)):
        raise body.refusal(ServiceError({"channels": "There is no such channel."}))
    return found


def _as_it_is(schedule: Schedule) -> Wanted:
    return Wanted(
        name=schedule.name,
        cadence=schedule.cadence,
        at=schedule.at,
        channels=[one.channel for one in schedule.recipients.all()],
        span=schedule.span,
        project=schedule.project,
        sections=schedule.sections,
        weekday=schedule.weekday,
        month_day=schedule.month_day,
        attaches_pdf=schedule.attaches_pdf,
    )


def _enter(request: ApiRequest) -> None:
    refuse_project_keys(request)
    OrganizationParameters.read(request.query_params)


def _schedule(request: ApiRequest, schedule_id: int) -> Schedule:
    """:raises Http404: there is none, or it is about a project that the reader may not see."""
    _enter(request)
    found = selectors.schedule(organization=request.organization, schedule_id=schedule_id, hidden=hidden_from(request))
    if found is None:
        raise Http404
    return found
