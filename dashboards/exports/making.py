"""Making the file of an export: the rows are counted, then written a few pages at a time.

A worker has the export to itself for some minutes (``claim``). Each step reads in scopes of its own, writes while none
is open, and then says in another how far the file is. Whoever dies in between has written what nobody knows of: the
next one cuts it off.
"""

import errno
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from django.conf import settings

from core import work
from core.scope import org_scope
from dashboards.exports import about, files, numbers, pages
from dashboards.exports.models import TASK, Export
from dashboards.exports.pages import Asked, Page, Position
from dashboards.exports.services import path_of
from dashboards.exports.writers import writer
from dashboards.exports.writers.types import WriteError, Writer
from dashboards.exports.writers.xlsx import MOST_ROWS, TOO_MANY_ROWS

logger = logging.getLogger(__name__)

LEASE: Final = timedelta(minutes=2)  # longer than any task may take
KEPT: Final = timedelta(days=7)
MOST_FAILURES: Final = 5
"""In a row; then an export is given up."""
_DAY: Final = timedelta(days=1)
_MOST_DAYS: Final = 31
_COUNTED_AT_ONCE: Final = 1_000_000
_DISK_FULL: Final = "The disk of the server is full. Ask its operator to make room, or export less."
_DISK: Final = "The server could not write the file. Its operator finds the reason in the log."
_AGAIN: Final = "The database could not do it in time. Choose a shorter period."
_BROKEN: Final = "Something went wrong here, again and again. The operator finds the reason in the log."


class ExportError(Exception):
    """The export cannot go on; the message is shown to people."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One worker's right to one export."""

    organization_id: int
    export_id: int
    lease: UUID


def claim(*, organization_id: int, export_id: int, now: datetime) -> Claim | None:
    """The export, for us alone; None where there is nothing to do, or somebody does it."""
    with org_scope(organization_id):
        export = Export.objects.select_for_update().filter(pk=export_id).first()
        if export is None:
            work.finish(TASK, object_id=export_id)
            return None
        if export.leased_until and export.leased_until > now:
            return None
        if not export.is_moving:
            _settle(export)
            return None
        export.state = Export.State.RUNNING
        export.lease, export.leased_until = uuid4(), now + LEASE
        export.save(update_fields=["state", "lease", "leased_until"])
        return Claim(organization_id, export_id, export.lease)


def advance(mine: Claim, *, now: datetime) -> bool:
    """The next step; whether there is more to do.

    :raises ExportError: it cannot go on.
    """
    export = _load(mine)
    if export is None:
        return False
    try:
        return _count(mine, export) if not export.is_counted else _write(mine, export, now=now)
    except WriteError as error:
        raise ExportError(str(error)) from error
    except files.MissingError:
        return _begin_again(mine)
    except OSError as error:
        logger.exception("an export could not be written", extra={"export_id": export.pk})
        is_full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        raise ExportError(_DISK_FULL if is_full else _DISK) from error


def release(mine: Claim) -> None:
    """Let others go on at once: what is left is due."""
    with org_scope(mine.organization_id):
        if Export.objects.filter(pk=mine.export_id, lease=mine.lease).update(lease=None, leased_until=None):
            work.make_due(TASK, organization_id=mine.organization_id, object_id=mine.export_id)


def fail(mine: Claim, *, reason: str, now: datetime) -> None:
    """Give the export up; ``reason`` is shown to people."""
    with org_scope(mine.organization_id):
        export = _mine(mine)
        if export is not None:
            export.state, export.error, export.finished_at = Export.State.FAILED, reason, now
            export.save(update_fields=["state", "error", "finished_at"])
            _settle(export)


def note_failure(mine: Claim, *, is_slow: bool, now: datetime) -> None:
    """Remember that a step failed; its work comes again when its lease is over, but not for ever.

    ``is_slow``: the database did not do it, which a shorter period may mend.
    """
    with org_scope(mine.organization_id):
        export = _mine(mine)
        if export is None:
            return
        export.failures, export.lease, export.leased_until = export.failures + 1, None, None
        export.save(update_fields=["failures", "lease", "leased_until"])
    if export.failures >= MOST_FAILURES:
        again = claim(organization_id=mine.organization_id, export_id=mine.export_id, now=now)
        if again:
            fail(again, reason=_AGAIN if is_slow else _BROKEN, now=now)


def asked_of(export: Export) -> Asked:
    """What the database is asked for."""
    return Asked(
        organization_id=export.organization_id,
        project_ids=tuple(export.project_ids),
        since=export.since,
        until=export.until,
        as_of=export.as_of,
        filters=export.filters,
        columns=tuple(export.columns),
    )


# --- Steps ---


def _count(mine: Claim, export: Export) -> bool:
    """Count the rows of the next days; after the last, whether they are not too many. Numbers are always few."""
    if export.kind == Export.Kind.NUMBERS:
        with org_scope(mine.organization_id):
            return _save(mine, is_counted=True)
    since = export.counted_until or export.since
    until = min(since + _stretch(export), export.until)
    with org_scope(mine.organization_id):
        found = pages.count(asked_of(export), since=since, until=until)
        is_last = until >= export.until
        counts = {"rows_counted": export.rows_counted + found, "counted_until": until, "is_counted": is_last}
        is_ours = _save(mine, **counts)
    _refuse_too_many(export, export.rows_counted + found)
    return is_ours


def _stretch(export: Export) -> timedelta:
    """One day at first, then as many as count in about a second if they are like those before."""
    if export.counted_until is None:
        return _DAY
    daily = export.rows_counted / ((export.counted_until - export.since) / _DAY)
    return _DAY * max(1, min(_MOST_DAYS, int(_COUNTED_AT_ONCE / max(daily, 1))))


def _write(mine: Claim, export: Export, *, now: datetime) -> bool:
    """Append the next rows, and after the last what ends the file."""
    with org_scope(mine.organization_id):
        content = about.content(export)
    one = writer(export.format, content, export.writer_state)
    data = b"" if export.writer_state is not None else one.begin()
    page = _read(export, one)
    rows, position = export.rows + page.count, page.position
    _refuse_too_many(export, rows)
    data += one.rows(page.text)
    path = path_of(export)
    files.append(path, data, offset=export.bytes)
    size = export.bytes + len(data)
    _refuse_too_large(size)
    if position is None:
        end = one.end(lambda start, end: files.read(path, start, end))
        files.append(path, end, offset=size)
        return _finish(mine, rows=rows, size=size + len(end), now=now)
    with org_scope(mine.organization_id):
        return _save(
            mine,
            rows=rows,
            bytes=size,
            cursor_project_id=position.project_id,
            cursor_started_at=position.started_at,
            cursor_call_id=position.call_id,
            writer_state=one.state,
            failures=0,
            leased_until=now + LEASE,
        )


def _read(export: Export, one: Writer) -> Page:
    """As many pages as the format writes at once."""
    if export.kind == Export.Kind.NUMBERS:
        with org_scope(export.organization_id):
            return numbers.page(export, one.rendering)
    texts, count, position = [], 0, _position(export)
    for _ in range(one.pages):
        if position is None:
            break
        with org_scope(export.organization_id):
            page = pages.page(asked_of(export), position, one.rendering)
        texts.append(page.text)
        count, position = count + page.count, page.position
    return Page(text=b"".join(texts), count=count, position=position)


def _finish(mine: Claim, *, rows: int, size: int, now: datetime) -> bool:
    with org_scope(mine.organization_id):
        export = _mine(mine)
        if export is None:
            return _abandoned(mine)
        export.state, export.finished_at, export.expires_at = Export.State.DONE, now, now + KEPT
        export.rows, export.bytes = rows, size
        export.lease = export.leased_until = export.writer_state = None
        export.save()
        work.finish(TASK, object_id=export.pk)
    return False


def _begin_again(mine: Claim) -> bool:
    """The disk has forgotten what the database remembers, as after a loss of power."""
    with org_scope(mine.organization_id):
        return _save(mine, rows=0, bytes=0, cursor_project_id=None, cursor_started_at=None, cursor_call_id="",
                     writer_state=None)  # fmt: skip


def _position(export: Export) -> Position | None:
    if export.cursor_started_at is None:
        return pages.start(asked_of(export))
    return Position(
        started_at=export.cursor_started_at,
        project_id=export.cursor_project_id or 0,
        call_id=export.cursor_call_id,
        stretch=pages.stretch(rows=export.rows_counted - export.rows, time=export.until - export.cursor_started_at),
    )


def _refuse_too_many(export: Export, rows: int) -> None:
    most = settings.EXPORT_MAX_ROWS
    if rows > most:
        raise ExportError(f"A file may have {most:,} rows. Narrow the filter, or export a shorter period.")
    if export.format == Export.Format.XLSX and rows > MOST_ROWS:
        raise ExportError(TOO_MANY_ROWS)


def _refuse_too_large(size: int) -> None:
    most = settings.EXPORT_MAX_MB
    if size > most * 2**20:
        raise ExportError(f"A file may have {most:,} MB. Export fewer columns, or a shorter period.")


# --- The row ---


def _load(mine: Claim) -> Export | None:
    with org_scope(mine.organization_id):
        export = Export.objects.filter(pk=mine.export_id, lease=mine.lease).select_related("organization").first()
        if export is None or not export.is_moving:
            _abandoned(mine)
            return None
        return export


def _mine(mine: Claim) -> Export | None:
    """The export, locked, while it is ours and still wanted."""
    export = Export.objects.select_for_update().filter(pk=mine.export_id, lease=mine.lease).first()
    return export if export and export.is_moving else None


def _save(mine: Claim, **changes: object) -> bool:
    """Whether it was still ours to change; otherwise what was written is nobody's."""
    found = Export.objects.filter(pk=mine.export_id, lease=mine.lease, state=Export.State.RUNNING)
    return True if found.update(**changes) else _abandoned(mine)


def _abandoned(mine: Claim) -> bool:
    """It was cancelled or deleted meanwhile, or our lease ran out and another has it: then the file is theirs."""
    export = Export.objects.select_for_update().filter(pk=mine.export_id).first()
    if export is None:
        work.finish(TASK, object_id=mine.export_id)
    elif not export.is_moving and export.lease in {None, mine.lease}:
        _settle(export)
    return False


def _settle(export: Export) -> None:
    """After the end: no lease, no work, and no file but a whole one."""
    export.lease = export.leased_until = export.writer_state = None
    export.save(update_fields=["lease", "leased_until", "writer_state"])
    work.finish(TASK, object_id=export.pk)
    if not export.is_ready:
        files.remove(path_of(export))
