"""Exports over HTTP: ask for one, ask how far it is, take the file."""

from typing import Any, Final

from django.core.exceptions import ValidationError as ServiceError
from django.http import Http404, HttpResponseBase
from django.utils import timezone
from rest_framework import status
from rest_framework.decorators import api_view
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from core.parameters import OrganizationParameters
from core.problems import ConflictError
from dashboards.explore.question import Question
from dashboards.exports import api_schema as schema
from dashboards.exports import columns, downloads, files, numbers, selectors, services
from dashboards.exports.api_serializers import FILTERS, ExportSerializer, NewExportSerializer, question_of
from dashboards.exports.models import Export
from dashboards.exports.selectors import Viewer
from dashboards.exports.services import Wanted
from dashboards.filters import NONE, Filter
from ingestion import end_users
from tenants import selectors as tenants
from tenants.api_access import ApiRequest, doer_of, key_of, org_api, person_of
from tenants.permissions import Permission, Scope

# It changes nothing that anybody else sees: a key that may read may have what it reads written down.
_DOOR: Final = org_api(Permission.EXPORTS_CREATE, Scope.READ)
_NO_LONGER: Final = "It holds calls of a project that you may no longer see."


@schema.export_list
@schema.export_create
@api_view(["GET", "HEAD", "POST"])
@_DOOR
def export_list(request: ApiRequest) -> Response:
    """The newest exports; POST asks for one."""
    OrganizationParameters.read(request.query_params)
    if request.method == "POST":
        return Response(ExportSerializer(_create(request)).data, status=status.HTTP_201_CREATED)
    found: Any = selectors.exports(organization=request.organization, viewer=_viewer(request))[: selectors.SHOWN]
    return Response({"results": ExportSerializer(found, many=True).data, "next": None})


@schema.export_detail
@schema.export_delete
@api_view(["GET", "HEAD", "DELETE"])
@_DOOR
def export_detail(request: ApiRequest, export_id: int) -> Response:
    """One export; DELETE deletes it with its file."""
    export = _export(request, export_id)
    if request.method == "DELETE":
        services.delete_export(organization=request.organization, actor=doer_of(request), export=export)
        return Response(status=status.HTTP_204_NO_CONTENT)
    return Response(ExportSerializer(export).data)


@schema.export_cancel
@api_view(["POST"])
@_DOOR
def export_cancel(request: ApiRequest, export_id: int) -> Response:
    """Stop making a file."""
    export, actor = _export(request, export_id), doer_of(request)
    try:
        services.cancel_export(organization=request.organization, actor=actor, export=export, now=timezone.now())
    except ServiceError as error:
        raise ConflictError("export-over", " ".join(error.messages)) from error
    return Response(ExportSerializer(_export(request, export_id)).data)


@schema.export_file
@api_view(["GET", "HEAD"])
def export_file(request: Request, export_id: int) -> HttpResponseBase:
    """The file, or a part of it."""
    answer: HttpResponseBase = _file(request, export_id=export_id)
    return answer


@_DOOR
def _file(request: ApiRequest, export_id: int) -> Any:
    export = _export(request, export_id)
    if not selectors.may_read(export=export, viewer=_viewer(request)):
        raise PermissionDenied(_NO_LONGER)
    if not export.is_ready:
        raise ConflictError("export-not-ready", f"There is no file: the export is {export.state}.")
    try:
        answer = downloads.of_file(request._request, export)
    except files.MissingError as error:
        raise Http404 from error
    if request.method == "GET" and downloads.is_beginning(request._request):
        services.record_download(organization=request.organization, actor=doer_of(request), export=export)
    return answer


def _create(request: ApiRequest) -> Export:
    asked = NewExportSerializer(data=request.data)
    asked.is_valid(raise_exception=True)
    given: dict[str, Any] = asked.validated_data
    now, question = timezone.now(), question_of(given.get("question"))
    try:
        return services.create_export(
            organization=request.organization,
            actor=doer_of(request),
            wanted=_of_numbers(request, given, question) if question else _of_calls(request, given),
            now=now,
        )
    except ServiceError as error:
        raise ValidationError(error.message_dict if hasattr(error, "error_dict") else error.messages) from error


def _of_calls(request: ApiRequest, given: dict[str, Any]) -> Wanted:
    filters = {FILTERS[name][1]: values for name, values in given.get("filter", {}).items() if name in FILTERS}
    if "user_id" in filters:
        filters["user_id"] = end_users.as_stored(organization=request.organization, user_ids=filters["user_id"])
    return Wanted(
        form=given["format"],
        name=given["name"],
        note=given["note"],
        columns=given.get("columns", columns.USUAL),
        project_ids=_project_ids(request, given),
        since=given["from"],
        until=given["to"],
        filters=filters,
        narrowed_by=_pairs(given),
    )


def _of_numbers(request: ApiRequest, given: dict[str, Any], question: Question) -> Wanted:
    """Numbers are of whole hours, as the explorer's are.

    :raises ValidationError: no page could show them.
    """
    period = [("since", given["from"].isoformat()), ("until", given["to"].isoformat())]
    zone = tenants.time_zone(organization=request.organization)
    chosen = Filter.of_pairs([*period, *_pairs(given)], now=timezone.now(), zone=zone)
    if chosen.problems:
        raise ValidationError(list(chosen.problems))
    return Wanted(
        form=given["format"],
        name=given["name"],
        note=given["note"],
        kind=Export.Kind.NUMBERS,
        columns=[column.name for column in numbers.columns_of(question)],
        project_ids=_project_ids(request, given),
        since=chosen.period.start,
        until=chosen.period.end,
        filters={},
        narrowed_by=chosen.narrowed_by,
        question=question.to_json(),
    )


def _pairs(given: dict[str, Any]) -> list[tuple[str, str]]:
    """The filter as pages write it."""
    asked = given.get("filter", {})
    named = [("project", slug) for slug in asked.get("project", ())]
    return named + [
        (FILTERS[name][0], value or NONE) for name, values in asked.items() if name in FILTERS for value in values
    ]


def _project_ids(request: ApiRequest, given: dict[str, Any]) -> list[int]:
    """Ids of the projects asked about.

    :raises Http404: one of them is not among those the principal may see.
    """
    visible = dict(request.projects.values_list("slug", "pk"))
    named = given.get("filter", {}).get("project")
    if named is None:
        return list(visible.values())
    if not set(named) <= visible.keys():
        raise Http404
    return [visible[slug] for slug in dict.fromkeys(named)]


def _viewer(request: ApiRequest) -> Viewer:
    key = key_of(request)
    if key is not None:
        return Viewer(key_id=key.key_id, project_id=key.project_id)
    return Viewer(user=person_of(request), role=request.role or "")


def _export(request: ApiRequest, export_id: int) -> Export:
    OrganizationParameters.read(request.query_params)
    export = selectors.export(organization=request.organization, viewer=_viewer(request), export_id=export_id)
    if export is None:
        raise Http404
    return export
