"""Pages of reports: what was made, a new one, and each in every form."""

from collections.abc import Callable
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dashboards.reports import content, documents, html, making, selectors, services, terminal, words
from dashboards.reports.forms import ReportForm
from dashboards.reports.models import Report
from dashboards.reports.numbers import Numbers
from dashboards.reports.spans import Span
from dashboards.reports.views.frame import context, hidden_from, visible_projects
from rules.alerts import selectors as alerts
from tenants.access import OrgRequest, org_view
from tenants.forms import status, write_with
from tenants.permissions import Permission


@require_GET
@org_view(Permission.TELEMETRY_READ)
def report_list(request: OrgRequest) -> HttpResponse:
    """Schedules, then what was made, the newest first."""
    hidden = hidden_from(request)
    before = request.GET.get("before", "")
    found = selectors.reports(organization=request.organization, hidden=hidden)
    if before.isascii() and before.isdecimal() and len(before) < 19:  # noqa: PLR2004 - a bigint
        found = found.filter(pk__lt=int(before))
    reports = list(found[: selectors.PAGE_SIZE + 1])
    shown = reports[: selectors.PAGE_SIZE]
    schedules = selectors.schedules(organization=request.organization, hidden=hidden)
    return render(
        request,
        "reports/list.html",
        context(request)
        | {
            "reports": [_line(report) for report in shown],
            "older_url": f"?before={shown[-1].pk}" if len(reports) > len(shown) else "",
            "schedules": [(one, words.rhythm(one)) for one in schedules],
            "is_first_page": not before,
        },
    )


@require_http_methods(["GET", "POST"])
@org_view(Permission.REPORTS_MANAGE)
def report_create(request: OrgRequest) -> HttpResponse:
    """A worker makes it; the page of the report waits for it."""
    given = {name: request.GET.get(name, "")[:50] for name in ("project", "span") if name in request.GET}
    form = ReportForm(
        request.POST if request.method == "POST" else None,
        projects=visible_projects(request),
        today=timezone.localdate(timezone=request.time_zone),
        initial=given,
    )
    report = write_with(form, lambda data: _order(request, form, data)) if request.method == "POST" else None
    if report is not None:
        return redirect("reports:report-detail", request.organization.slug, report.pk)
    return render(request, "reports/create.html", context(request) | {"form": form}, status=status(form))


def _order(request: OrgRequest, form: ReportForm, data: dict[str, Any]) -> Report:
    return services.order_report(
        organization=request.organization,
        actor=request.user,
        project=form.project_of(),
        span=Span(data["span"]),
        days=data["days"],
        sections=data["sections"],
        now=timezone.now(),
    )


@require_GET
@never_cache
@org_view(Permission.TELEMETRY_READ)
def report_detail(request: OrgRequest, report_id: int) -> HttpResponse:
    """The report, or how far it is; an open page asks every two seconds for as long as it is being made."""
    return _page(request, _report(request, report_id))


@require_POST
@org_view(Permission.REPORTS_MANAGE)
def report_retry(request: OrgRequest, report_id: int) -> HttpResponse:
    report = _report(request, report_id)
    try:
        services.retry_report(organization=request.organization, actor=request.user, report=report)
    except ValidationError as error:
        return _page(request, report, complaint=error.messages[0])
    return redirect("reports:report-detail", request.organization.slug, report.pk)


@require_GET
@org_view(Permission.TELEMETRY_READ)
def report_file(request: OrgRequest, report_id: int, form: str) -> HttpResponse:
    """The report as a file."""
    report = _report(request, report_id)
    if form not in FILES or not report.is_ready:
        raise Http404
    answer = FILES[form](report)
    answer["Content-Disposition"] = f'attachment; filename="{making.file_name(report, form)}"'
    return answer


def _html(report: Report) -> HttpResponse:
    return HttpResponse(html.standalone(content.compose(Numbers.of_stored(report.numbers))))


def _text(report: Report) -> HttpResponse:
    text = terminal.render(Numbers.of_stored(report.numbers))
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


def _json(report: Report) -> HttpResponse:
    return JsonResponse(documents.numbers(Numbers.of_stored(report.numbers)))


def _pdf(report: Report) -> HttpResponse:
    return HttpResponse(bytes(report.pdf or b""), content_type=making.PDF_TYPE)


FILES: Final[dict[str, Callable[[Report], HttpResponse]]] = {"pdf": _pdf, "html": _html, "txt": _text, "json": _json}


def _page(request: OrgRequest, report: Report, *, complaint: str = "") -> HttpResponse:
    numbers = Numbers.of_stored(report.numbers) if report.is_ready else None
    shown = context(request) | {
        "line": _line(report),
        "report": report,
        "document": content.compose(numbers) if numbers else None,
        "text": terminal.render(numbers) if numbers else "",
        "deliveries": alerts.deliveries_of(bulletin_id=report.bulletin_id) if report.bulletin_id else [],
        "complaint": complaint,
    }
    template = "reports/detail.html#report" if request.htmx else "reports/detail.html"
    return render(request, template, shown, status=422 if complaint else 200)


def _line(report: Report) -> dict[str, Any]:
    return {
        "report": report,
        "days": words.days(report),
        "made_by": words.made_by(report),
        "size": words.size(report.pdf_bytes) if report.pdf_bytes else "",
    }


def _report(request: OrgRequest, report_id: int) -> Report:
    """:raises Http404: there is none, or it says more than the reader may see."""
    found = selectors.report(organization=request.organization, report_id=report_id, hidden=hidden_from(request))
    if found is None:
        raise Http404
    return found
