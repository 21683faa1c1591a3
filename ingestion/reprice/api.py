"""Re-pricing over HTTP."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404
from django.utils import timezone
from rest_framework import status
from rest_framework.decorators import api_view
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.exceptions import ValidationError as InvalidRequest
from rest_framework.response import Response

from core.parameters import OrganizationParameters
from ingestion.models import RepriceRun
from ingestion.reprice import schema, selectors, services
from ingestion.reprice.serializers import RepriceRequestSerializer, RepriceRunSerializer, report_document
from tenants.api_access import ApiRequest, actor_of, key_of, org_api
from tenants.models import Project
from tenants.permissions import Permission, Scope

_MOST_RUNS = 100


class ConflictError(APIException):
    """The run is not in a state for this."""

    status_code = status.HTTP_409_CONFLICT

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self.problem = ("reprice-conflict", sentence)


@schema.run_list
@schema.run_create
@api_view(["GET", "HEAD", "POST"])
@org_api(Permission.PRICES_MANAGE, Scope.MANAGE)
def run_list(request: ApiRequest) -> Response:
    """The newest runs; POST starts a dry run."""
    _enter(request)
    if request.method == "POST":
        return Response(_read(request, _create(request).pk), status=status.HTTP_201_CREATED)
    runs: Any = selectors.runs(organization=request.organization)[:_MOST_RUNS]
    return Response({"results": RepriceRunSerializer(runs, many=True).data, "next": None})


@schema.run_detail
@api_view(["GET", "HEAD"])
@org_api(Permission.PRICES_MANAGE, Scope.MANAGE)
def run_detail(request: ApiRequest, run_id: int) -> Response:
    """One run with its report."""
    _enter(request)
    return Response(_read(request, run_id))


@schema.run_apply
@api_view(["POST"])
@org_api(Permission.PRICES_MANAGE, Scope.MANAGE)
def run_apply(request: ApiRequest, run_id: int) -> Response:
    """Start the real run of a dry run."""
    _enter(request)
    run = _run(request, run_id)
    try:
        services.apply(organization=request.organization, actor=actor_of(request), run=run)
    except ValidationError as error:
        raise ConflictError(" ".join(error.messages)) from error
    return Response(_read(request, run_id))


@schema.run_cancel
@api_view(["POST"])
@org_api(Permission.PRICES_MANAGE, Scope.MANAGE)
def run_cancel(request: ApiRequest, run_id: int) -> Response:
    """Stop a run."""
    _enter(request)
    run = _run(request, run_id)
    try:
        services.cancel(organization=request.organization, actor=actor_of(request), run=run, now=timezone.now())
    except ValidationError as error:
        raise ConflictError(" ".join(error.messages)) from error
    return Response(_read(request, run_id))


def _enter(request: ApiRequest) -> None:
    """Prices are the organization's, so a key of one project may not touch them.

    :raises PermissionDenied: it is such a key.
    """
    OrganizationParameters.read(request.query_params)
    key = key_of(request)
    if key is not None and key.project_id is not None:
        raise PermissionDenied("Prices are the organization's: use a key that belongs to no project.")


def _create(request: ApiRequest) -> RepriceRun:
    asked = RepriceRequestSerializer(data=request.data)
    asked.is_valid(raise_exception=True)
    wanted: dict[str, Any] = asked.validated_data
    try:
        return services.reprice(
            organization=request.organization,
            actor=actor_of(request),
            since=wanted["from"],
            until=wanted["to"],
            project=_project(request, wanted.get("project")),
            provider=wanted.get("provider", ""),
            model=wanted.get("model", ""),
            now=timezone.now(),
        )
    except ValidationError as error:
        raise InvalidRequest({"to": error.messages}) from error


def _project(request: ApiRequest, slug: str | None) -> Project | None:
    if slug is None:
        return None
    project = request.projects.filter(slug=slug).first()
    if project is None:
        raise Http404
    return project


def _read(request: ApiRequest, run_id: int) -> dict[str, Any]:
    hidden = Project.objects.exclude(pk__in=request.projects.values("pk")).values_list("pk", flat=True)
    return report_document(_run(request, run_id), hidden=list(hidden))


def _run(request: ApiRequest, run_id: int) -> RepriceRun:
    run = selectors.run(organization=request.organization, run_id=run_id)
    if run is None:
        raise Http404
    return run
