"""Reports over HTTP. Those that are kept are the organization's, so a key of one project reads none of them."""

from typing import Any, Final

from django.core.exceptions import ValidationError as ServiceError
from django.http import Http404
from django.utils import timezone
from rest_framework import status
from rest_framework.decorators import api_view, renderer_classes
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from core.parameters import OrganizationParameters
from core.problems import ConflictError
from dashboards.reports import content, documents, html, making, reading, rights, selectors, services, spans, terminal
from dashboards.reports.api import schema
from dashboards.reports.api.renderers import HtmlRenderer, PdfRenderer, TextRenderer
from dashboards.reports.api.serializers import (
    FileParameters,
    NewReportSerializer,
    ReportListParameters,
    TerminalParameters,
)
from dashboards.reports.models import Report
from dashboards.reports.numbers import SECTIONS, Numbers
from dashboards.reports.reading import Subject
from dashboards.reports.rights import Rights
from dashboards.reports.spans import Days, Span, SpanError
from tenants import selectors as tenants
from tenants.api import body
from tenants.api_access import (
    ApiRequest,
    doer_of,
    key_of,
    org_api,
    person_of,
    project_api,
    project_of,
    refuse_project_keys,
)
from tenants.models import Project
from tenants.permissions import Permission, Scope

READ: Final = org_api(Permission.TELEMETRY_READ, Scope.READ)
MANAGE: Final = org_api(Permission.REPORTS_MANAGE, Scope.MANAGE)


@schema.report_list
@schema.report_create
@api_view(["GET", "HEAD", "POST"])
def report_list(request: Request) -> Response:
    """What was made, and where new ones are ordered."""
    return _create(request) if request.method == "POST" else _list(request)


@schema.report_detail
@api_view(["GET", "HEAD"])
@READ
def report_detail(request: ApiRequest, report_id: int) -> Response:
    """One report with what it says."""
    OrganizationParameters.read(request.query_params)
    return Response(documents.whole_report(_report(request, report_id)))


@schema.report_file
@api_view(["GET", "HEAD"])
@renderer_classes([PdfRenderer, HtmlRenderer, TextRenderer])
@READ
def report_file(request: ApiRequest, report_id: int) -> Response:
    """A report in another form than JSON."""
    wanted = FileParameters.read(request.query_params)
    report = _report(request, report_id)
    if not report.is_ready:
        raise ConflictError("report-not-ready", "The report is not ready.")
    form = _choose(request, wanted.get("format"))
    name = making.file_name(report, form)
    return Response(_file(report, form), headers={"Content-Disposition": f'attachment; filename="{name}"'})


@schema.report_retry
@api_view(["POST"])
@MANAGE
def report_retry(request: ApiRequest, report_id: int) -> Response:
    """Try again."""
    OrganizationParameters.read(request.query_params)
    report = _report(request, report_id)
    try:
        services.retry_report(organization=request.organization, actor=doer_of(request), report=report)
    except ServiceError as error:
        raise ConflictError("report-conflict", " ".join(error.messages)) from error
    return Response(documents.report(_report(request, report_id)), status=status.HTTP_202_ACCEPTED)


@schema.report_terminal
@api_view(["GET", "HEAD"])
@renderer_classes([JSONRenderer, TextRenderer])
@project_api(Permission.TELEMETRY_READ, Scope.READ)
def report_terminal(request: ApiRequest) -> Response:
    """The report of the last days, read at once."""
    wanted = TerminalParameters.read(request.query_params)
    now, zone = timezone.now(), tenants.time_zone(organization=request.organization)
    subject = Subject(
        organization=request.organization,
        project=_project(request, wanted.get("project")),
        rights=_rights(request),
        days=spans.last_days(wanted["days"], today=now.astimezone(zone).date()),
        sections=tuple(SECTIONS),
    )
    numbers = reading.numbers(subject=subject, now=now)
    if _choose(request, wanted.get("format")) == "txt":
        return Response(terminal.render(numbers).encode())
    return Response(documents.numbers(numbers))


@READ
def _list(request: ApiRequest) -> Response:
    refuse_project_keys(request)
    wanted = ReportListParameters.read(request.query_params)
    found = selectors.reports(organization=request.organization, hidden=hidden_from(request))
    if "before" in wanted:
        found = found.filter(pk__lt=wanted["before"])
    reports = list(found[: wanted["limit"] + 1])
    page = reports[: wanted["limit"]]
    after = _next(request, page[-1].pk) if len(reports) > len(page) else None
    return Response({"results": [documents.report(report) for report in page], "next": after})


@MANAGE
def _create(request: ApiRequest) -> Response:
    refuse_project_keys(request)
    OrganizationParameters.read(request.query_params)
    given = body.read(NewReportSerializer, request)
    span = Span(given["period"])
    try:
        report = services.order_report(
            organization=request.organization,
            actor=doer_of(request),
            project=project_named(request, given.get("project")),
            span=span,
            days=_days(request, span, given),
            sections=given.get("sections", ()),
            now=timezone.now(),
        )
    except ServiceError as error:
        raise body.refusal(error) from error
    return Response(documents.report(report), status=status.HTTP_202_ACCEPTED)


def _days(request: ApiRequest, span: Span, given: dict[str, Any]) -> Days:
    """:raises ValidationError: no report can be about them."""
    today = timezone.localdate(timezone=tenants.time_zone(organization=request.organization))
    try:
        if span is Span.CUSTOM:
            return spans.chosen_days(given.get("from"), given.get("to"), today=today)
        return spans.days_of(span, today=today)
    except SpanError as error:
        raise ServiceError({"from": str(error)}) from error


def _file(report: Report, form: str) -> bytes:
    if form == "pdf":
        return bytes(report.pdf or b"")
    numbers = Numbers.of_stored(report.numbers)
    text = html.standalone(content.compose(numbers)) if form == "html" else terminal.render(numbers)
    return text.encode()


def _choose(request: ApiRequest, named: str | None) -> str:
    """The format that was named, or what was negotiated; the answer's type follows."""
    if named is not None:
        offered = {renderer.format: renderer for renderer in request.parser_context["view"].get_renderers()}
        request.accepted_renderer = offered[named]
        request.accepted_media_type = offered[named].media_type
    return str(request.accepted_renderer.format)


def _report(request: ApiRequest, report_id: int) -> Report:
    """:raises Http404: there is none, or it says more than the reader may see."""
    refuse_project_keys(request)
    found = selectors.report(organization=request.organization, report_id=report_id, hidden=hidden_from(request))
    if found is None:
        raise Http404
    return found


def _project(request: ApiRequest, slug: str | None) -> Project | None:
    """The project that is named, or a project key's own."""
    if slug is not None:
        return project_of(request, slug)
    key = key_of(request)
    return Project.objects.get(pk=key.project_id) if key and key.project_id is not None else None


def _rights(request: ApiRequest) -> Rights:
    key = key_of(request)
    if key is not None:
        return rights.of_key(key.project_id)
    return rights.of_person(person_of(request), role=str(request.role))


def _next(request: ApiRequest, before: int) -> str:
    query = request.query_params.copy()
    query["before"] = str(before)
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


def hidden_from(request: ApiRequest) -> tuple[int, ...]:
    """Projects that the reader may not see."""
    return _rights(request).hidden


def project_named(request: ApiRequest, slug: str | None) -> Project | None:
    """:raises ValidationError: the principal has no such project."""
    if slug is None:
        return None
    found = request.projects.filter(slug=slug).first()
    if found is None:
        raise ServiceError({"project": "There is no such project."})
    return found
