"""Writes about reports: order one, and try again what failed. Making them is a worker's, in ``making``."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.core.exceptions import ValidationError
from django.db import transaction

from core import work
from core.scope import org_scope
from dashboards.reports.models import Report
from dashboards.reports.numbers import SECTIONS
from dashboards.reports.spans import Days, Span
from tenants import audit
from tenants.audit import Actor, KeyActor
from tenants.models import Organization, OrganizationSettings, Project, User

TASK: Final = "reports.make"
MOST_WAITING: Final = 20


@transaction.atomic
def order_report(
    *,
    organization: Organization,
    actor: Actor,
    project: Project | None,
    span: Span,
    days: Days,
    sections: Sequence[str],
    now: datetime,
) -> Report:
    """Have a report made, in the name of ``actor`` and with their rights.

    :raises ValidationError: a section is unknown, or too many reports wait already.
    """
    kept = check_sections(sections)
    with org_scope(organization.pk):
        OrganizationSettings.objects.select_for_update().get(organization=organization)  # one at a time
        if Report.objects.filter(state=Report.State.QUEUED).count() >= MOST_WAITING:
            raise ValidationError(f"{MOST_WAITING} reports are being made already. Wait until one is ready.")
        report = Report.objects.create(
            organization=organization,
            project=project,
            span=span.value,
            first_day=days.first,
            last_day=days.last,
            sections=kept,
            runs_as=person(actor),
            api_key_id=key_id(actor),
            created_at=now,
        )
        _record("report.ordered", actor, report)
        work.make_due(TASK, organization_id=organization.pk, object_id=report.pk)
    return report


@transaction.atomic
def retry_report(*, organization: Organization, actor: Actor, report: Report) -> None:
    """Have a failed report made after all, in the name of whoever ordered it.

    :raises ValidationError: it did not fail.
    """
    with org_scope(organization.pk):
        locked = Report.objects.select_for_update(of=("self",)).defer("pdf").get(pk=report.pk)
        if locked.state != Report.State.FAILED:
            raise ValidationError("Only a report that failed can be tried again.")
        locked.state, locked.error, locked.failures = Report.State.QUEUED, "", 0
        locked.save(update_fields=["state", "error", "failures"])
        _record("report.retried", actor, locked)
        work.make_due(TASK, organization_id=organization.pk, object_id=locked.pk)


def check_sections(sections: Sequence[str]) -> list[str]:
    """The sections in their order; none chosen is all of them.

    :raises ValidationError: one is unknown.
    """
    if not set(sections) <= SECTIONS.keys():
        raise ValidationError({"sections": "Choose from the listed sections."})
    return [key for key in SECTIONS if key in sections or not sections]


def person(actor: Actor) -> User | None:
    return actor if isinstance(actor, User) else None


def key_id(actor: Actor) -> int | None:
    return actor.key_id if isinstance(actor, KeyActor) else None


def _record(action: str, actor: Actor, report: Report) -> None:
    audit.record(
        action,
        actor=actor,
        target=report,
        project=report.project.slug if report.project else "",
        first_day=report.first_day.isoformat(),
        last_day=report.last_day.isoformat(),
    )
