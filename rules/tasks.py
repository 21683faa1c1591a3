"""What rules do by the clock. Each is safe to run twice, also at the same time."""

import logging

from celery import shared_task
from django.utils.timezone import now

from rules import cursors, evaluation, retention
from tenants.models import Organization

logger = logging.getLogger(__name__)


@shared_task(name="rules.sweep", acks_late=True)
def sweep(**_: object) -> None:
    """Hand out the projects and budgets that are due."""
    cursors.sweep(now=now())


@shared_task(name=cursors.TASK, acks_late=True)
def evaluate(*, organization_id: int, object_id: int, **_: object) -> None:
    """Evaluate one project, or an organization's budgets; a second run finds the lease given back and stops."""
    outcome = evaluation.run(organization_id=organization_id, cursor_id=object_id, now=now())
    if outcome is not None and (outcome.opened or outcome.reopened or outcome.resolved):
        logger.info(
            "rules evaluated",
            extra={"opened": outcome.opened, "reopened": outcome.reopened, "resolved": outcome.resolved},
        )


@shared_task(name="rules.seek_samples", acks_late=True)
def seek_samples(**_: object) -> None:
    """Find projects that send memory samples and no calls."""
    evaluation.seek_samples(now=now())


@shared_task(name="rules.retention", acks_late=True)
def forget_old(**_: object) -> None:
    """Remove insights and periods of budgets that have been over for long."""
    moment = now()
    for organization_id in Organization.objects.order_by("pk").values_list("pk", flat=True):
        retention.forget_old(organization_id=organization_id, now=moment)
