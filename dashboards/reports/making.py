"""What workers do: make an ordered report, and send it where its schedule says.

A report is made in one transaction while its work is held: numbers, PDF and the messages in the outbox are there
together or not at all. Whoever dies in between leaves it as it was, and the sweep hands it out again.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.urls import reverse

from core import work
from core.scope import org_scope
from dashboards.reports import content, pdf, reading, rights, terminal
from dashboards.reports.document import Document, Figure
from dashboards.reports.models import Report, Schedule
from dashboards.reports.numbers import Numbers
from dashboards.reports.pdf import PdfError
from dashboards.reports.reading import Subject
from dashboards.reports.rights import LostRightsError
from dashboards.reports.services import TASK
from dashboards.reports.spans import Days
from rules.alerts import outbox
from rules.alerts.models import Bulletin, Channel, Delivery
from tenants import audit, events
from tenants.models import Event, Organization

MOST_FAILURES: Final = 3
TOO_SLOW: Final = "The database could not do it in time. Choose a shorter period."
PDF_TYPE: Final = "application/pdf"
_LONGEST_TITLE: Final = 200


def make(*, organization_id: int, report_id: int, now: datetime) -> None:
    """Make a report that waits. A second worker finds the work held, or done, and stops."""
    with work.held(TASK, object_id=report_id) as is_ours:
        if not is_ours:
            return
        with org_scope(organization_id):
            report = _waiting(report_id)
            if report is not None:
                _make(report, now)
        work.finish(TASK, object_id=report_id)


def _waiting(report_id: int) -> Report | None:
    locked = Report.objects.select_for_update(of=("self",)).select_related(
        "organization", "project", "schedule", "runs_as", "api_key"
    )
    return locked.filter(pk=report_id, state=Report.State.QUEUED).first()


@dataclass(frozen=True, slots=True)
class _Made:
    """A report before it is written down."""

    subject: Subject
    numbers: Numbers
    document: Document
    file: bytes
    made_at: datetime


def _make(report: Report, now: datetime) -> None:
    try:
        made = _made(report, now)
    except (LostRightsError, PdfError) as error:
        give_up(report, str(error), now=now)
        return
    report.state, report.made_at, report.error = Report.State.READY, now, ""
    report.numbers, report.left_out = made.numbers.as_stored(), list(made.subject.hidden)
    report.pdf, report.pdf_bytes = made.file, len(made.file)
    if report.is_sent and report.schedule is not None:
        report.bulletin = _send(report, report.schedule, made)
    report.save()


def _made(report: Report, now: datetime) -> _Made:
    """:raises LostRightsError, PdfError: it cannot be made."""
    subject = subject_of(report, now)
    numbers = reading.numbers(subject=subject, now=now)
    document = content.compose(numbers)
    return _Made(subject, numbers, document, pdf.render(document, made_at=now), now)


def subject_of(report: Report, now: datetime) -> Subject:
    """:raises LostRightsError: whoever ordered it may not have it any more."""
    allowed = rights.still_of(
        organization=report.organization,
        user=report.runs_as,
        key=report.api_key,
        project=report.project,
        now=now,
    )
    return Subject(
        organization=report.organization,
        project=report.project,
        rights=allowed,
        days=Days(report.first_day, report.last_day),
        sections=tuple(report.sections),
    )


# --- Sending ---


def _send(report: Report, schedule: Schedule, made: _Made) -> Bulletin:
    """Put a message for each channel into the outbox, where it is tried until it arrives."""
    channels = list(Channel.objects.filter(pk__in=schedule.recipients.values("channel_id")).order_by("pk"))
    has_mail = any(one.kind == Channel.Kind.EMAIL for one in channels)
    bulletin = _bulletin(report, schedule, made, carries=schedule.attaches_pdf and has_mail)
    for channel in channels:
        outbox.put(
            channel,
            purpose=Delivery.Purpose.REPORT,
            key=f"report:{report.pk}:c{channel.pk}",
            due_at=made.made_at,
            bulletin=bulletin,
        )
    return bulletin


def _bulletin(report: Report, schedule: Schedule, made: _Made, *, carries: bool) -> Bulletin:
    document, summary = made.document, made.document.sections[0]
    return Bulletin.objects.create(
        organization_id=report.organization_id,
        title=f"{schedule.name}: {document.subject}, {document.period}"[:_LONGEST_TITLE],
        sentences=list(summary.sentences),
        figures=[_figure(one) for one in summary.figures],
        text=terminal.render(made.numbers),
        link=path_of(report.organization, report),
        project_ids=made.subject.project_ids,
        file_name=file_name(report, "pdf") if carries else "",
        file_type=PDF_TYPE if carries else "",
        file=made.file if carries else None,
        created_at=made.made_at,
    )


def _figure(one: Figure) -> dict[str, str]:
    note = ", ".join(part for part in (one.change, one.note) if part)
    return {"label": one.label, "value": one.value, "note": note}


def path_of(organization: Organization, report: Report) -> str:
    return reverse("reports:report-detail", args=[organization.slug, report.pk])


def file_name(report: Report, extension: str) -> str:
    """``acme-2026-10-01-2026-10-31.pdf``: what every file system takes."""
    subject = report.organization.slug + (f"-{report.project.slug}" if report.project else "")
    return f"{subject[:60]}-{report.first_day.isoformat()}-{report.last_day.isoformat()}.{extension}"


# --- Failing ---


def give_up(report: Report, reason: str, *, now: datetime) -> None:
    """A report that will not be made; of a schedule's somebody is told. Its row is locked by whoever says so."""
    report.state, report.error = Report.State.FAILED, reason[:300]
    report.save(update_fields=["state", "error", "failures"])
    audit.record("report.failed", actor=None, target=report, reason=reason)
    if report.schedule is not None and report.is_sent:
        tell_not_sent(report.schedule, reason, moment=report.slot_at or now)


def tell_not_sent(schedule: Schedule, reason: str, *, moment: datetime) -> None:
    """An event for whoever listens: silence must not be taken for a quiet week."""
    events.record(
        "report.not_sent",
        severity=Event.Severity.MEDIUM,
        subject=schedule,
        dedup_key=f"report-schedule:{schedule.pk}:{moment.isoformat()}",
        project=schedule.project,
        link=reverse("reports:schedule-detail", args=[schedule.organization.slug, schedule.pk]),
        name=schedule.name,
        reason=reason,
    )


@transaction.atomic
def note_failure(*, organization_id: int, report_id: int, now: datetime) -> None:
    """Remember that the database did not answer in time; the work comes again when its lease is over, not for ever."""
    with org_scope(organization_id):
        report = _waiting(report_id)
        if report is None:
            return
        report.failures += 1
        report.save(update_fields=["failures"])
        if report.failures >= MOST_FAILURES:
            give_up(report, TOO_SLOW, now=now)
            work.finish(TASK, object_id=report_id)
