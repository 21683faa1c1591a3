"""Work that outlives lost messages: a row says what is due, a message hints at it, a sweep finds the rest.

A task calls :func:`finish` in the transaction in which it has nothing more to do, or :func:`make_due` for its next
slice. It may be called twice for the same row, also at once, so it locks its own object first, or does its work while
it has :func:`held` the row.

New work whose message was lost is found within a minute: after FIRST_LEASE, and the sweep's half minute. Whatever was
handed out after that, and every next slice, has the longer LEASE: a queue that is behind by half a minute gets one
more message for each piece of new work and no more, and slices are not handed out beside themselves.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from core.models import WorkDue
from core.queue import enqueue

FIRST_LEASE: Final = timedelta(seconds=30)  # until the message about new work counts as lost
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
        create_defaults={"organization_id": organization_id, "due_at": due_at or now + FIRST_LEASE},
    )
    if due_at is None or due_at <= now:
        enqueue(task, organization_id=organization_id, object_id=object_id)


@contextmanager
def held(task: str, *, object_id: int) -> Iterator[bool]:
    """Whether this work is to be done, and by us: until the end nobody else is handed it, nor holds it.

    For work that cannot be written down before it is done, such as mails. Whoever dies lets go of it.
    """
    with transaction.atomic():
        found = WorkDue.objects.select_for_update(skip_locked=True).filter(task=task, object_id=object_id)
        yield found.first() is not None


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
