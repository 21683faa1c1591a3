"""Everything about one end user: what is stored, all of it to take away, and taking the person out of it.

Erasing keeps calls, because their cost was paid, and empties what leads to the person or from one call of theirs to
the next: the columns of ``ERASED``. Sums stay as they are, except those by prompt and by end user, which lose what
their calls no longer say; the person's own sums go, also those of days whose calls are gone. A call's own id stays too:
it is what keeps a late retry from being counted twice.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.module_loading import import_string

from core import vault, work
from core.scope import org_scope
from ingestion import call_log, daily_rebuild, daily_tables, end_users
from ingestion.models import Call, Erasure
from tenants import audit, selectors
from tenants.models import Organization, Project, User

TASK: Final = "ingestion.erase"
LONGEST_ID: Final = 255
PAGE: Final = 5_000
ERASED: Final = (
    "user_id",
    "session_id",
    "trace_id",
    "span_id",
    "parent_span_id",
    "response_id",
    "upstream_request_id",
    "prompt_hash",
    "prompt_prefix_hash",
    "tags",
)
_ROWS: Final = 2_000  # a batch, which is a transaction
_BATCHES: Final = 5  # a slice, which is a run of the task
_CLOCKS_AHEAD: Final = timedelta(minutes=10)
_SINCE_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)

_SUMMARY: Final = """
    select project_id, count(*), min(started_at), max(started_at), sum(cost_usd), count(*) - count(cost_usd)
    from calls where project_id = any(%(projects)s) and user_id = any(%(ids)s) and user_id <> ''
    group by project_id order by project_id"""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a project holds of an end user; ``cost_usd`` is None when no call has a known cost."""

    project: Project
    calls: int
    first_at: datetime
    last_at: datetime
    cost_usd: Decimal | None
    unpriced_calls: int


def stored(*, organization: Organization, user_id: str, projects: Sequence[Project]) -> list[Stored]:
    """What those of ``projects`` that know the end user hold of them."""
    by_id = {project.pk: project for project in projects}
    ids = end_users.as_stored(organization=organization, user_ids=[user_id])
    with connection.cursor() as cursor:
        cursor.execute(_SUMMARY, {"projects": list(by_id), "ids": ids})
        return [Stored(by_id[project_id], *facts) for project_id, *facts in cursor.fetchall()]


def person(*, organization: Organization, user_id: str) -> str:
    """What records call an end user."""
    return end_users.fingerprint(organization=organization, user_id=user_id)


def project_slugs(*, organization: Organization) -> dict[int, str]:
    """Slugs by id; opens the scope itself, for a stream that runs outside of it."""
    with org_scope(organization.pk):
        return dict(Project.objects.values_list("pk", "slug"))


def export_pages(*, organization: Organization, user_id: str, now: datetime) -> Iterator[list[Call]]:
    """Every call of an end user that was there at ``now``, newest first, a page at a time.

    Each page is read in a scope of its own, so that nothing is held while the reader is slow.
    """
    before = None
    while True:
        with org_scope(organization.pk):
            page = call_log.calls(
                organization=organization,
                project_ids=list(Project.objects.values_list("pk", flat=True)),
                since=_SINCE_EVER,
                until=now + _CLOCKS_AHEAD,
                filters={"user_id": end_users.as_stored(organization=organization, user_ids=[user_id])},
                before=before,
                limit=PAGE,
            )
        if page:
            yield page
        if len(page) < PAGE:
            return
        before = call_log.position(page[-1])


@transaction.atomic
def start_erasure(
    *, organization: Organization, actor: User, user_id: str, confirmation: str, now: datetime
) -> Erasure:
    """Have an end user taken out of the organization's calls; the one that is running when there is one.

    The audit log names the person by a keyed hash.

    :raises ValidationError: ``user_id`` is empty or too long, or ``confirmation`` is not the same.
    """
    check_user_id(user_id)
    if confirmation != user_id:
        raise ValidationError({"confirmation": "Type the same id once more to confirm."})
    with org_scope(organization.pk):
        whom = person(organization=organization, user_id=user_id)
        sealed = _seal(organization.pk, end_users.as_stored(organization=organization, user_ids=[user_id]))
        erasure, is_new = Erasure.objects.get_or_create(
            organization=organization,
            person=whom,
            finished_at=None,
            defaults={"sealed_ids": sealed, "created_by": actor, "created_at": now},
        )
        if is_new:
            audit.record("end_user.erasure_started", actor=actor, target=erasure, person=whom)
            work.make_due(TASK, organization_id=organization.pk, object_id=erasure.pk, due_at=now)
    return erasure


def check_user_id(user_id: str) -> None:
    """:raises ValidationError: no call can have this end user."""
    if not user_id or len(user_id) > LONGEST_ID or "\0" in user_id:
        raise ValidationError({"user_id": f"Give an id of 1 to {LONGEST_ID} characters."})


def erase_slice(*, organization_id: int, erasure_id: int, now: datetime) -> None:
    """Take the end user out of the next calls; once more is not once too often."""
    for _ in range(_BATCHES):
        with org_scope(organization_id):
            erasure = Erasure.objects.select_for_update().filter(pk=erasure_id, finished_at=None).first()
            if erasure is None:
                work.finish(TASK, object_id=erasure_id)
                return
            zone = selectors.time_zone(organization=erasure.organization).key
            changed = _erase_batch(_open(erasure), zone=zone)
            erasure.calls += changed
            if not changed:
                _erase_elsewhere(erasure)
                _finish(erasure, now)
            erasure.save(update_fields=["calls", "finished_at", "sealed_ids"])
    with org_scope(organization_id):
        work.make_due(TASK, organization_id=organization_id, object_id=erasure_id)


def _erase_elsewhere(erasure: Erasure) -> None:
    """In their own sums, and in what higher rooms keep of them: ``settings.ALSO_ERASES`` names a service of each."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET_PERSON, {"organization": erasure.organization_id, "ids": _open(erasure)})
    for name in settings.ALSO_ERASES:
        import_string(name)(organization=erasure.organization, user_ids=_open(erasure))


def _finish(erasure: Erasure, now: datetime) -> None:
    """Forget the id itself with the last call that had it."""
    erasure.finished_at, erasure.sealed_ids = now, b""
    audit.record("end_user.erased", actor=None, target=erasure, person=erasure.person, calls=erasure.calls)


_OLDEST: Final = """
    select started_at from calls where project_id = any(%(projects)s) and user_id = any(%(ids)s) and user_id <> ''
    order by started_at limit 1"""
# Within one day, which is one partition, a row's address names it.
_THEIRS: Final = """project_id = any(%(projects)s) and user_id = any(%(ids)s) and user_id <> ''
    and started_at >= %(from)s and started_at < %(to)s"""
_EMPTY: Final = ", ".join(f"{column} = {"'{}'" if column == 'tags' else "''"}" for column in ERASED)
_IS_CHOSEN: Final = """started_at >= %(from)s and started_at < %(to)s
    and calls.ctid = any(array(select place from chosen))"""


def _less(table: str, gone: str) -> str:
    sums = ", ".join(f"{name} = r.{name} - {gone}.{name}" for name in daily_tables.SUMS[table])
    return f"update {table} r set {sums} from {gone} where {daily_tables.same(table, 'r', gone)}"


_ERASE: Final = f"""
    with chosen as materialized (select ctid as place from calls where {_THEIRS} limit %(most)s for update),
    prompts_gone as ({daily_rebuild.prompts_of(_IS_CHOSEN)}),
    users_gone as ({daily_rebuild.users_of(_IS_CHOSEN)}),
    less_prompts as ({_less(daily_tables.PROMPTS, "prompts_gone")}),
    less_users as ({_less(daily_tables.USERS, "users_gone")})
    update calls set {_EMPTY} where {_IS_CHOSEN}"""
_OF_THE_DAY: Final = """bucket_date between
    (%(from)s at time zone %(zone)s)::date and (%(to)s at time zone %(zone)s)::date"""
_FORGET_PROMPTS: Final = f"""
    delete from {daily_tables.PROMPTS} where project_id = any(%(projects)s) and calls <= 0 and {_OF_THE_DAY}"""
_FORGET_USERS: Final = f"""
    delete from {daily_tables.USERS}
    where project_id = any(%(projects)s) and user_id = any(%(ids)s) and calls <= 0 and {_OF_THE_DAY}"""
_FORGET_PERSON: Final = f"""
    delete from {daily_tables.USERS} where organization_id = %(organization)s and user_id = any(%(ids)s)"""


def _erase_batch(ids: Sequence[str], *, zone: str) -> int:
    """Calls changed of the oldest day that has some; 0 when none is left."""
    parameters: dict[str, Any] = {"ids": ids, "projects": list(Project.objects.values_list("pk", flat=True))}
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST, parameters)
        oldest = cursor.fetchone()
        if oldest is None:
            return 0
        day = datetime.combine(oldest[0].astimezone(UTC).date(), time(), UTC)
        parameters |= {"from": day, "to": day + timedelta(days=1), "most": _ROWS, "zone": zone}
        cursor.execute(_ERASE, parameters | {"prompts_within": daily_tables.PROMPTS_WITHIN})
        changed = int(cursor.rowcount)
        cursor.execute(_FORGET_PROMPTS, parameters)
        cursor.execute(_FORGET_USERS, parameters)
        return changed


def _seal(organization_id: int, ids: Sequence[str]) -> bytes:
    return vault.seal(json.dumps(ids).encode(), context=_context(organization_id))


def _open(erasure: Erasure) -> list[str]:
    return list(json.loads(vault.unseal(erasure.sealed_ids, context=_context(erasure.organization_id))))


def _context(organization_id: int) -> str:
    return f"erasure:{organization_id}"
