"""Work that outlives lost messages: a row says what is due, a message hints at it, a sweep finds the rest.

A task calls :func:`finish` in the transaction in which it has nothing more to do, or :func:`make_due` for its next
slice. It may be called twice for the same row, also at once, so it locks its own object first.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from core.models import WorkDue
from core.queue import enqueue

LEASE: Final = timedelta(minutes=3)  # until work that was handed out counts as lost; longer than any task may take
_AT_ONCE: Final = 200


def make_due(task: str, *, organization_id: int | None, object_id: int, due_at: datetime | None = None) -> None:
    """Have ``task`` called for an object once the current transaction has committed, or at ``due_at``.

    Work that is due already is not doubled; its time is moved.
    """
    now = timezone.now()
    WorkDue.objects.update_or_create(
        task=task,
        object_id=object_id,
        defaults={"organization_id": organization_id, "due_at": due_at or now + LEASE},
    )
    if due_at is None or due_at <= now:
        enqueue(task, organization_id=organization_id, object_id=object_id)


def is_due(task: str, *, object_id: int) -> bool:
    """Whether this work is still to be done; a second message about it may come when it is not."""
    return WorkDue.objects.filter(task=task, object_id=object_id).exists()


def finish(task: str, *, object_id: int) -> None:
    """Nothing more is due for this object."""
    WorkDue.objects.filter(task=task, object_id=object_id).delete()


@transaction.atomic
def dispatch(*, now: datetime) -> int:
    """Hand out what is due and nobody has finished; how much it was. Several may sweep at once."""
    due = WorkDue.objects.select_for_update(skip_locked=True).filter(due_at__lte=now).order_by("due_at")[:_AT_ONCE]
    found = list(due)
    WorkDue.objects.filter(pk__in=[work.pk for work in found]).update(due_at=now + LEASE)
    for work in found:
        enqueue(work.task, organization_id=work.organization_id, object_id=work.object_id)
    return len(found)
