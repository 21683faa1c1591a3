"""Pages of schedules: made, looked at before and after, changed, paused, sent at once, deleted."""

from collections.abc import Sequence
from typing import Any

from django.db import OperationalError, transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dashboards.reports import content, reading, rights, schedule_services, selectors, services, terminal, words
from dashboards.reports.forms import ScheduleForm
from dashboards.reports.models import Report, Schedule
from dashboards.reports.reading import Subject
from dashboards.reports.spans import Span, days_of
from dashboards.reports.views.frame import context, hidden_from, visible_projects
from rules.alerts import selectors as alerts
from tenants.access import OrgRequest, org_view
from tenants.forms import status, write_with
from tenants.models import Project
from tenants.permissions import Permission, allows

_RECENT = 10


@require_http_methods(["GET", "POST"])
@org_view(Permission.REPORTS_MANAGE)
def schedule_create(request: OrgRequest) -> HttpResponse:
    form = _form(request)

    def create(_: dict[str, Any]) -> Schedule:
        return schedule_services.create_schedule(
            organization=request.organization, actor=request.user, wanted=form.wanted(), now=timezone.now()
        )

    schedule = write_with(form, create) if request.method == "POST" else None
    if schedule is not None:
        return _to(request, schedule)
    return _form_page(request, form)


@require_POST
@org_view(Permission.REPORTS_MANAGE)
def schedule_preview(request: OrgRequest) -> HttpResponse:
    """What is typed into the form, as it would be sent now; nothing is kept."""
    form = _form(request)
    if not form.is_valid():
        return _form_page(request, form)
    wanted = form.wanted()
    return _preview(request, name=wanted.name, project=wanted.project, span=wanted.span, sections=wanted.sections)


@require_GET
@org_view(Permission.TELEMETRY_READ)
def schedule_detail(request: OrgRequest, schedule_id: int) -> HttpResponse:
    schedule = _schedule(request, schedule_id)
    made = selectors.reports(organization=request.organization, hidden=hidden_from(request)).filter(schedule=schedule)
    shown = {
        "schedule": schedule,
        "rhythm": words.rhythm(schedule),
        "span": words.span(schedule.span),
        "runs_as": words.made_by(schedule),
        "recipients": sorted(one.channel.name for one in schedule.recipients.all()),
        "reports": [(report, words.days(report)) for report in made[:_RECENT]],
        "sections": content.titles(schedule.sections),
    }
    return render(request, "reports/schedule.html", context(request) | shown)


@require_http_methods(["GET", "POST"])
@org_view(Permission.REPORTS_MANAGE)
def schedule_edit(request: OrgRequest, schedule_id: int) -> HttpResponse:
    schedule = _schedule(request, schedule_id)
    form = _form(request, schedule)

    def change(_: dict[str, Any]) -> Schedule:
        return schedule_services.change_schedule(
            organization=request.organization,
            actor=request.user,
            schedule=schedule,
            wanted=form.wanted(),
            now=timezone.now(),
        )

    if request.method == "POST" and write_with(form, change) is not None:
        return _to(request, schedule)
    return _form_page(request, form, schedule)


@require_POST
@org_view(Permission.REPORTS_MANAGE)
def schedule_pause(request: OrgRequest, schedule_id: int) -> HttpResponse:
    schedule = _schedule(request, schedule_id)
    schedule_services.pause_schedule(organization=request.organization, actor=request.user, schedule=schedule)
    return _to(request, schedule)


@require_POST
@org_view(Permission.REPORTS_MANAGE)
def schedule_resume(request: OrgRequest, schedule_id: int) -> HttpResponse:
    schedule = _schedule(request, schedule_id)
    schedule_services.resume_schedule(
        organization=request.organization, actor=request.user, schedule=schedule, now=timezone.now()
    )
    return _to(request, schedule)


@require_POST
@org_view(Permission.REPORTS_MANAGE)
def schedule_send(request: OrgRequest, schedule_id: int) -> HttpResponse:
    """Have it made and sent now; the report's page says what became of it."""
    report: Report = schedule_services.send_now(
        organization=request.organization,
        actor=request.user,
        schedule=_schedule(request, schedule_id),
        now=timezone.now(),
    )
    return redirect("reports:report-detail", request.organization.slug, report.pk)


@require_http_methods(["GET", "POST"])
@org_view(Permission.REPORTS_MANAGE)
def schedule_delete(request: OrgRequest, schedule_id: int) -> HttpResponse:
    """GET asks whether it is meant."""
    schedule = _schedule(request, schedule_id)
    if request.method == "POST":
        schedule_services.delete_schedule(organization=request.organization, actor=request.user, schedule=schedule)
        return redirect("reports:report-list", request.organization.slug)
    return render(request, "reports/schedule_delete.html", context(request) | {"schedule": schedule})


def _form(request: OrgRequest, schedule: Schedule | None = None) -> ScheduleForm:
    return ScheduleForm(
        request.POST if request.method == "POST" else None,
        projects=visible_projects(request),
        channels=list(alerts.channels(organization=request.organization)),
        schedule=schedule,
    )


def _form_page(request: OrgRequest, form: ScheduleForm, schedule: Schedule | None = None) -> HttpResponse:
    shown = {
        "form": form,
        "schedule": schedule,
        "may_add_channels": allows(request.role, Permission.ALERTS_MANAGE),
    }
    return render(request, "reports/schedule_form.html", context(request) | shown, status=status(form))


def _preview(
    request: OrgRequest, *, name: str, project: Project | None, span: str, sections: Sequence[str]
) -> HttpResponse:
    now = timezone.now()
    subject = Subject(
        organization=request.organization,
        project=project,
        rights=rights.of_person(request.user, role=request.organization_role),
        days=days_of(Span(span), today=timezone.localdate(now, timezone=request.time_zone)),
        sections=tuple(services.check_sections(sections)),
    )
    shown: dict[str, Any] = context(request) | {"name": name}
    try:
        with transaction.atomic():  # a statement that took too long must not end the scope's transaction
            numbers = reading.numbers(subject=subject, now=now)
    except OperationalError:
        return render(request, "reports/preview.html", shown | {"is_slow": True}, status=503)
    shown |= {"document": content.compose(numbers), "text": terminal.render(numbers)}
    return render(request, "reports/preview.html", shown)


def _schedule(request: OrgRequest, schedule_id: int) -> Schedule:
    """:raises Http404: there is none, or it is about a project that the reader may not see."""
    found = selectors.schedule(organization=request.organization, schedule_id=schedule_id, hidden=hidden_from(request))
    if found is None:
        raise Http404
    return found


def _to(request: OrgRequest, schedule: Schedule) -> HttpResponse:
    return redirect("reports:schedule-detail", request.organization.slug, schedule.pk)
