"""Copying slots: one worker at a time claims a destination, and each step writes one file and says so.

No scope is open while something is sent. Whoever dies in between has written a file that nobody knows of: the next
one finds the same name taken by the same content and goes on, or takes another name. The manifest names what counts.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID, uuid4

from django.urls import reverse

from core import work
from core.scope import org_scope
from dashboards.exports import pages
from dashboards.exports.destinations import manifest, opening, plan, services, slots
from dashboards.exports.destinations.models import TASK, Destination, DestinationRun
from dashboards.exports.destinations.plan import Segment
from dashboards.exports.pages import Page
from dashboards.exports.writers import writer
from dashboards.exports.writers.types import Rendering, Writer
from tenants import audit, events, selectors
from tenants.models import Event, Project

logger = logging.getLogger(__name__)

LEASE: Final = timedelta(minutes=3)  # longer than reading and sending one file may take
MOST_FAILURES: Final = 6
"""In a row; then the destination is paused."""
_WAITS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180))
PART_ROWS: Final = 100_000
PART_BYTES: Final = 32 * 2**20
"""A file ends with the piece that passes one of these."""
State = DestinationRun.State


@dataclass(frozen=True, slots=True)
class Claim:
    """One worker's right to one slot of one destination."""

    organization_id: int
    destination_id: int
    run_id: int
    lease: UUID


@dataclass(frozen=True, slots=True)
class Part:
    """A file, and what is left to read after it."""

    body: bytes
    rows: int
    left: list[Segment]
    started_at: datetime | None
    call_id: str


def claim(*, organization_id: int, destination_id: int, now: datetime) -> Claim | None:
    """The slot that is due, for us alone; None where there is none, or somebody is at it."""
    with org_scope(organization_id):
        found = Destination.objects.select_for_update(of=("self",)).select_related("organization", "project")
        destination = found.filter(pk=destination_id).first()
        if destination is None or destination.next_at is None:
            work.finish(TASK, object_id=destination_id)
            return None
        if destination.leased_until and destination.leased_until > now:
            return None
        if destination.next_at > now:
            _come_back(destination)
            return None
        run = _run_of(destination, now)
        if run is None:
            return None
        destination.lease, destination.leased_until = uuid4(), now + LEASE
        destination.save(update_fields=["lease", "leased_until"])
        return Claim(organization_id, destination_id, run.pk, destination.lease)


def advance(mine: Claim, *, now: datetime) -> bool:
    """The next step; whether there is more to do of this slot.

    :raises BucketError: the bucket does not take it.
    """
    with org_scope(mine.organization_id):
        found = _load(mine)
        if found is None:
            return False
        destination, run = found
        if run.left is None:
            return _look(mine, run, now)
        bucket = opening.bucket(opening.place_of(destination))
    part = _part(destination, run) if run.left else None
    if part is None or not part.rows:  # nothing was left of it: erased by age meanwhile
        return _finish(mine, bucket.put_new(f"{run.folder}/manifest.json", manifest.manifest(destination, run)), now)
    key = bucket.put_new(f"{run.folder}/part-{len(run.parts):05}.parquet", part.body)
    return _note(mine, run, part, key, now)


def release(mine: Claim) -> None:
    """Let others go on at once: what is left is due."""
    with org_scope(mine.organization_id):
        ours = Destination.objects.filter(pk=mine.destination_id, lease=mine.lease)
        if ours.update(lease=None, leased_until=None):
            work.make_due(TASK, organization_id=mine.organization_id, object_id=mine.destination_id)


def fail(mine: Claim, *, reason: str, now: datetime) -> None:
    """An attempt failed: the next one comes later, until they were too many and the destination is paused."""
    with org_scope(mine.organization_id):
        found = _load(mine)
        if found is None:
            return
        destination, run = found
        run.state, run.error = State.FAILED, reason[:300]
        run.save(update_fields=["state", "error"])
        destination.failures += 1
        destination.lease = destination.leased_until = None
        if destination.failures >= MOST_FAILURES:
            destination.save(update_fields=["failures"])
            _pause(destination, reason)
            return
        destination.next_at = now + _WAITS[min(destination.failures, len(_WAITS)) - 1]
        destination.save(update_fields=["failures", "lease", "leased_until", "next_at"])
        _come_back(destination)


# --- Steps ---


def _look(mine: Claim, run: DestinationRun, now: datetime) -> bool:
    """Which days of which projects have calls of this slot."""
    destination = run.destination
    only = [destination.project_id] if destination.project_id else Project.objects.values_list("pk", flat=True)
    run.left = [one.stored() for one in plan.find(run, list(only))]
    run.save(update_fields=["left"])
    _keep(mine, now)
    return True


def _part(destination: Destination, run: DestinationRun) -> Part:
    """The next file, in memory: some pages at a time until it is long enough."""
    one = writer("parquet", manifest.content(destination, run))
    left, body, rows = plan.left_of(run), bytearray(), 0
    while left and rows < PART_ROWS and len(body) < PART_BYTES:
        text, count = _read(run, left, one)
        body += one.rows(text)
        rows += count
    body += one.end(lambda start, end: bytes(body[start:end]))
    return Part(bytes(body), rows, left, run.cursor_started_at, run.cursor_call_id)


def _read(run: DestinationRun, left: list[Segment], one: Writer) -> tuple[bytes, int]:
    """As many pages as are best written at once; takes what was read whole off ``left``, and moves the cursor."""
    texts, count = [], 0
    for _ in range(one.pages):
        if not left:
            break
        page = _page(run, left[0], one.rendering)
        texts.append(page.text)
        count += page.count
        if page.position is None:
            left.pop(0)
        run.cursor_started_at = page.position.started_at if page.position else None
        run.cursor_call_id = page.position.call_id if page.position else ""
    return b"".join(texts), count


def _page(run: DestinationRun, segment: Segment, rendering: Rendering) -> Page:
    with org_scope(run.organization_id):
        return pages.page(plan.asked_of(run, segment), plan.position_in(run, segment), rendering)


def _note(mine: Claim, run: DestinationRun, part: Part, key: str, now: datetime) -> bool:
    """Say that the file is there; whether it was still ours to write."""
    with org_scope(mine.organization_id):
        if not _keep(mine, now):
            return False
        file = {"key": key, "rows": part.rows, "bytes": len(part.body), "sha256": sha256(part.body).hexdigest()}
        run.parts = [*run.parts, file]
        run.rows, run.bytes = run.rows + part.rows, run.bytes + len(part.body)
        run.left = [one.stored() for one in part.left]
        run.cursor_started_at, run.cursor_call_id = part.started_at, part.call_id
        run.save(update_fields=["parts", "rows", "bytes", "left", "cursor_started_at", "cursor_call_id"])
    return True


def _finish(mine: Claim, key: str, now: datetime) -> bool:
    """The manifest is there: the slot is copied, and the next one is waited for."""
    with org_scope(mine.organization_id):
        found = _load(mine)
        if found is None:
            return False
        destination, run = found
        run.state, run.error, run.manifest_key, run.finished_at = State.DONE, "", key, now
        run.left = []
        run.save(update_fields=["state", "error", "manifest_key", "finished_at", "left"])
        zone = selectors.time_zone(organization=destination.organization)
        destination.filled_until, destination.failures = run.slot_to, 0
        destination.next_at = slots.due(destination.cadence, run.slot_to, zone)
        destination.lease = destination.leased_until = None
        destination.save(update_fields=["filled_until", "failures", "next_at", "lease", "leased_until"])
        _come_back(destination)
    return False


# --- Rows ---


def _run_of(destination: Destination, now: datetime) -> DestinationRun | None:
    """The slot that was begun and not copied, or else the next one, if it is over for long enough."""
    run = destination.runs.exclude(state=State.DONE).order_by("slot_from").first()
    if run is None:
        zone = selectors.time_zone(organization=destination.organization)
        start, cadence = destination.filled_until, destination.cadence
        due_at = slots.due(cadence, start, zone)
        if due_at > now:  # the organization's clock was changed meanwhile
            destination.next_at = due_at
            destination.save(update_fields=["next_at"])
            _come_back(destination)
            return None
        run = DestinationRun(
            organization_id=destination.organization_id,
            destination=destination,
            slot_from=start,
            slot_to=slots.end(cadence, start, zone),
            folder=slots.folder(
                prefix=destination.prefix,
                organization=destination.organization.slug,
                cadence=cadence,
                start=start,
                zone=zone,
            ),
            created_at=now,
        )
    if run.pk is None or run.state == State.FAILED:
        run.state, run.attempts = State.RUNNING, run.attempts + 1
        run.save()
    return run


def _come_back(destination: Destination) -> None:
    work.make_due(
        TASK, organization_id=destination.organization_id, object_id=destination.pk, due_at=destination.next_at
    )


def _load(mine: Claim) -> tuple[Destination, DestinationRun] | None:
    """Both, the destination locked, while they are ours."""
    found = Destination.objects.select_for_update(of=("self",)).select_related("organization", "project")
    destination = found.filter(pk=mine.destination_id, lease=mine.lease).first()
    run = DestinationRun.objects.filter(pk=mine.run_id).exclude(state=State.DONE).first()
    if destination is None or run is None:
        return None
    run.destination = destination
    return destination, run


def _keep(mine: Claim, now: datetime) -> bool:
    """Prolong the lease; whether it was still ours."""
    ours = Destination.objects.filter(pk=mine.destination_id, lease=mine.lease)
    return bool(ours.update(leased_until=now + LEASE))


def _pause(destination: Destination, reason: str) -> None:
    """An end to trying, and an event: silence must not be taken for a copy."""
    services.stop(destination, reason=reason)
    audit.record("destination.paused", actor=None, target=destination, reason=reason, name=destination.name)
    events.record(
        "destination.paused",
        severity=Event.Severity.HIGH,
        subject=destination,
        dedup_key=f"destination.paused:{destination.pk}",
        project=destination.project,
        link=reverse("exports:destination-detail", args=[destination.organization.slug, destination.pk]),
        name=destination.name,
        reason=reason,
        failures=destination.failures,
    )
