"""Files are made a step at a time, by whoever has them, and by one after the other."""

import csv
import errno
import os
import stat
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import openpyxl
import psycopg
import pyarrow.parquet as pq
import pytest
from django.conf import settings as configured
from django.core.exceptions import ValidationError
from django.db import OperationalError, connection

from core.databases import OWNER
from core.models import WorkDue
from dashboards.exports import files, making, pages, services, tasks
from dashboards.exports.making import ExportError
from dashboards.exports.models import Export
from dashboards.exports.services import path_of
from dashboards.exports.tests.conftest import COLUMNS, make, wanted
from ingestion.tests.factories import make_call, make_calls
from tenants import services as tenants
from tenants.audit import KeyActor
from tenants.models import AuditEntry

IDS = [f"c{at}" for at in range(7)]


pytestmark = pytest.mark.usefixtures("small_pages")


def fresh(export):
    from core.scope import org_scope

    with org_scope(export.organization_id):
        return Export.objects.get(pk=export.pk)


def rows(export):
    with path_of(export).open(newline="") as file:
        return list(csv.DictReader(file))


def ids(export):
    return [row["id"] for row in rows(export)]


def counted(export, now):
    """The export when its rows are counted and nothing is written."""
    mine = making.claim(organization_id=export.organization_id, export_id=export.pk, now=now)
    while not fresh(export).is_counted:
        assert making.advance(mine, now=now)
    return mine


# --- Made ---


def test_a_file_is_counted_then_written_then_ready(export, now):
    assert (export.state, export.progress) == ("queued", 0.0)

    make(export, now=now)

    made = fresh(export)
    assert (made.state, made.rows_counted, made.rows, made.rows_gone, made.progress) == ("done", 7, 7, 0, 1.0)
    assert made.expires_at == now + timedelta(days=7)
    assert made.bytes == path_of(export).stat().st_size
    assert rows(export)[0] == {"id": "c0", "project": "web", "endpoint_name": "chat", "cost_usd": "0.0075"}
    assert ids(export) == IDS
    assert sum(Decimal(row["cost_usd"]) for row in rows(export)) == Decimal("0.0525")
    assert not WorkDue.objects.filter(task="exports.make").exists()


def test_a_file_is_made_while_queries_are_watched(export, now):
    connection.force_debug_cursor = True  # as DEBUG has it

    try:
        make(export, now=now)
    finally:
        connection.force_debug_cursor = False

    assert ids(export) == IDS


def test_progress_only_grows(export, now):
    mine, seen, more = making.claim(organization_id=export.organization_id, export_id=export.pk, now=now), [], True
    while more:
        more = making.advance(mine, now=now)
        seen.append(fresh(export).progress)

    assert seen == sorted(seen)
    assert len(set(seen)) >= 4
    assert seen[-1] == 1.0


def test_only_the_owner_of_the_process_reads_the_file(export, now, directory):
    make(export, now=now)

    assert stat.S_IMODE(path_of(export).stat().st_mode) == 0o600
    assert stat.S_IMODE((directory / str(export.organization_id)).stat().st_mode) == 0o700


@pytest.mark.parametrize("form", ["json", "ndjson", "xlsx", "parquet"])
def test_every_format_is_made_of_several_pages(acme, acme_project, ada, calls, noon, now, form):
    asked = wanted(acme_project, noon, form=form, note=True)
    export = services.create_export(organization=acme, actor=ada, wanted=asked, now=now + timedelta(minutes=1))

    make(export, now=now)

    assert read_ids(path_of(export), form) == IDS


def read_ids(path, form):
    import json

    match form:
        case "json":
            return [row["id"] for row in json.loads(path.read_text())["rows"]]
        case "ndjson":
            return [json.loads(line)["id"] for line in path.read_text().splitlines()[1:]]
        case "xlsx":
            sheet = openpyxl.load_workbook(path, read_only=True)["Rows"]
            return [row[0] for row in sheet.iter_rows(min_row=2, values_only=True)]
    return pq.ParquetFile(path).read().column("id").to_pylist()


def test_the_file_says_what_it_was_made_of(acme, acme_project, ada, calls, noon, now):
    asked = wanted(acme_project, noon, form="parquet", filters={"feature": ["chat"]}, narrowed_by=[("feature", "chat")])
    export = services.create_export(organization=acme, actor=ada, wanted=asked, now=now)

    make(export, now=now)

    told = pq.ParquetFile(path_of(export)).schema_arrow.metadata
    assert told[b"tokenops.Filter"] == b"Feature: chat"
    assert told[b"tokenops.Organization"] == b"Acme"
    assert b"feature=chat" in told[b"tokenops.Page"]
    assert told[b"tokenops.From"].decode() == (noon - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def test_calls_that_come_while_a_file_is_made_are_not_in_it(export, acme_project, noon, now):
    counted(export, now)
    make_call(acme_project, call_id="later", started_at=noon, received_at=now + timedelta(hours=1))

    make(export, now=now + making.LEASE)

    assert ids(export) == IDS


def test_an_export_of_nothing_is_a_file_with_its_head(acme, acme_project, ada, noon, now):
    export = services.create_export(organization=acme, actor=ada, wanted=wanted(acme_project, noon), now=now)

    make(export, now=now)

    assert (fresh(export).state, rows(export)) == ("done", [])
    assert path_of(export).read_text() == ",".join(COLUMNS) + "\n"


# --- Interrupted ---


def test_a_killed_worker_s_half_written_page_is_not_in_the_file(export, now):
    """It had written and not yet said so; what it wrote is longer than what is known."""
    counted(export, now)
    _, more = make(export, now=now + making.LEASE, steps=1)
    assert more
    with path_of(export).open("ab") as file:
        file.write(b"half a li")

    make(export, now=now + 3 * making.LEASE)

    assert ids(export) == IDS


@pytest.mark.parametrize("form", ["csv", "json", "ndjson", "xlsx", "parquet"])
def test_every_step_may_be_the_last_of_its_worker(acme, acme_project, ada, calls, noon, now, form):
    """Each step is made by another worker, after one that died when it had written and before it said so."""
    asked = wanted(acme_project, noon, form=form, note=True)
    export = services.create_export(organization=acme, actor=ada, wanted=asked, now=now + timedelta(minutes=1))
    more = True
    while more:
        now += 2 * making.LEASE
        _, more = make(export, now=now, steps=1)
        if more and path_of(export).exists():
            with path_of(export).open("ab") as file:
                file.write(b"\0 what nobody knows of \0" * 50)

    assert fresh(export).state == "done"
    assert read_ids(path_of(export), form) == IDS if form != "csv" else True


def test_two_workers_never_write_at_once(export, now):
    first = making.claim(organization_id=export.organization_id, export_id=export.pk, now=now)

    assert making.claim(organization_id=export.organization_id, export_id=export.pk, now=now) is None

    later = now + making.LEASE
    second = making.claim(organization_id=export.organization_id, export_id=export.pk, now=later)
    assert second is not None
    assert making.advance(first, now=later) is False  # it has slept over its lease
    assert fresh(export).counted_until is None


def test_who_lost_the_lease_leaves_the_other_s_file_alone(export, now):
    first = making.claim(organization_id=export.organization_id, export_id=export.pk, now=now)
    make(export, now=now + making.LEASE)

    assert making.advance(first, now=now + making.LEASE) is False
    making.fail(first, reason="too late", now=now)

    assert (fresh(export).state, fresh(export).error, ids(export)) == ("done", "", IDS)


def test_a_released_export_goes_on_at_once(export, now):
    mine, _ = make(export, now=now, steps=2)

    making.release(mine)

    assert making.claim(organization_id=export.organization_id, export_id=export.pk, now=now) is not None


def test_a_file_that_the_disk_lost_is_begun_again(export, now):
    counted(export, now)
    mine, _ = make(export, now=now + making.LEASE, steps=1)
    path_of(export).write_bytes(b"")

    while making.advance(mine, now=now + making.LEASE):
        pass

    assert (fresh(export).state, ids(export)) == ("done", IDS)


def test_the_task_makes_a_file_of_what_is_due(export):
    tasks.make(organization_id=export.organization_id, object_id=export.pk)
    tasks.make(organization_id=export.organization_id, object_id=export.pk)  # again: there is nothing to do

    assert (fresh(export).state, ids(export)) == ("done", IDS)


# --- Cancelled and deleted ---


def test_a_cancelled_export_leaves_no_file(export, acme, ada, now):
    counted(export, now)
    mine, _ = make(export, now=now + making.LEASE, steps=1)
    assert path_of(export).exists()

    services.cancel_export(organization=acme, actor=ada, export=export, now=now)
    assert making.advance(mine, now=now) is False

    assert (fresh(export).state, path_of(export).exists()) == ("cancelled", False)
    assert not WorkDue.objects.filter(task="exports.make").exists()


def test_a_cancelled_export_of_a_dead_worker_leaves_no_file_either(export, acme, ada, now):
    counted(export, now)
    make(export, now=now + making.LEASE, steps=1)
    services.cancel_export(organization=acme, actor=ada, export=export, now=now)

    make(export, now=now + 3 * making.LEASE)

    assert not path_of(export).exists()


def test_what_is_over_is_not_cancelled(export, acme, ada, now):
    make(export, now=now)

    with pytest.raises(ValidationError, match="over already"):
        services.cancel_export(organization=acme, actor=ada, export=export, now=now)

    assert ids(export) == IDS


def test_a_deleted_export_takes_its_file_along(export, acme, ada, now, django_capture_on_commit_callbacks):
    make(export, now=now)

    with django_capture_on_commit_callbacks(execute=True):
        services.delete_export(organization=acme, actor=ada, export=export)

    assert not path_of(export).exists()


def test_a_worker_notices_that_its_export_was_deleted(export, acme, ada, now):
    mine = counted(export, now)
    services.delete_export(organization=acme, actor=ada, export=export)

    assert making.advance(mine, now=now) is False
    assert making.claim(organization_id=acme.pk, export_id=export.pk, now=now) is None


# --- Rows that go while they are exported ---


def test_rows_that_retention_removes_meanwhile_are_told(export, acme_project, noon, now):
    counted(export, now)
    with psycopg.connect(configured.DATABASE.conninfo(OWNER)) as connection:
        connection.execute(
            "delete from calls where project_id = %s and started_at >= %s", [acme_project.pk, noon + timedelta(days=1)]
        )

    make(export, now=now + making.LEASE)

    made = fresh(export)
    assert (made.state, made.rows, made.rows_counted, made.rows_gone) == ("done", 6, 7, 1)
    assert ids(export) == [*IDS[:6]]


@pytest.mark.usefixtures("committed_db")
def test_a_partition_that_is_dropped_meanwhile_is_no_error(now):
    """Its day is detached and gone between two steps, as retention does it."""
    from conftest import make_organization
    from core.scope import org_scope
    from tenants.models import Project, User

    acme = make_organization("Dropping")
    ada = User.objects.get(email="owner@dropping.test")
    with org_scope(acme.pk):
        project = Project.objects.get(slug="web")
    day = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=30)
    leaf = f"calls_{day:%Y%m%d}"
    later = now - timedelta(days=3)
    make_calls(project, [{"call_id": f"old{at}", "started_at": day + timedelta(hours=at)} for at in range(3)])
    make_calls(project, [{"call_id": f"new{at}", "started_at": later + timedelta(hours=at)} for at in range(3)])
    asked = wanted(project, now, since=day, until=now)
    export = services.create_export(organization=acme, actor=ada, wanted=asked, now=now + timedelta(minutes=1))
    counted(export, now)

    with psycopg.connect(configured.DATABASE.conninfo(OWNER), autocommit=True) as connection:
        connection.execute(f"alter table calls detach partition {leaf}")
        try:
            make(export, now=now + making.LEASE)
        finally:
            bounds = f"from ('{day.isoformat()}') to ('{(day + timedelta(days=1)).isoformat()}')"
            connection.execute(f"delete from {leaf}")
            connection.execute(f"alter table calls attach partition {leaf} for values {bounds}")

    made = fresh(export)
    assert (made.state, made.rows, made.rows_gone) == ("done", 3, 3)
    assert ids(export) == ["new0", "new1", "new2"]


# --- Limits and failures ---


def test_too_many_rows_are_refused_before_anything_is_written(export, now, settings):
    settings.EXPORT_MAX_ROWS = 6
    mine = making.claim(organization_id=export.organization_id, export_id=export.pk, now=now)

    steps = iter(partial(making.advance, mine, now=now), False)

    with pytest.raises(ExportError, match="A file may have 6 rows"):
        list(steps)

    assert not path_of(export).exists()


def test_a_workbook_that_would_be_too_long_is_refused_before_it_is_begun(
    acme, acme_project, ada, calls, noon, now, monkeypatch
):
    monkeypatch.setattr(making, "MOST_ROWS", 6)
    asked = wanted(acme_project, noon, form="xlsx")
    export = services.create_export(organization=acme, actor=ada, wanted=asked, now=now + timedelta(minutes=1))

    tasks.make(organization_id=acme.pk, object_id=export.pk)

    assert (fresh(export).state, fresh(export).rows) == ("failed", 0)
    assert "1,048,575 rows" in fresh(export).error
    assert not path_of(export).exists()


def test_too_large_a_file_is_given_up_and_removed(export, settings):
    settings.EXPORT_MAX_MB = 0

    tasks.make(organization_id=export.organization_id, object_id=export.pk)

    assert (fresh(export).state, fresh(export).error) == (
        "failed",
        "A file may have 0 MB. Export fewer columns, or a shorter period.",
    )
    assert not path_of(export).exists()


def test_a_full_disk_is_said_and_leaves_nothing(export, monkeypatch):
    append, written = files.append, []

    def fill(path, data, *, offset):
        if written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        append(path, data, offset=offset)
        written.append(path)

    monkeypatch.setattr(files, "append", fill)

    tasks.make(organization_id=export.organization_id, object_id=export.pk)

    assert fresh(export).state == "failed"
    assert fresh(export).error == "The disk of the server is full. Ask its operator to make room, or export less."
    assert written
    assert not path_of(export).exists()


def test_a_directory_that_cannot_be_written_is_said_without_its_name(export, directory):
    directory.write_text("a file where a directory should be")

    tasks.make(organization_id=export.organization_id, object_id=export.pk)

    assert fresh(export).error == "The server could not write the file. Its operator finds the reason in the log."


def test_a_database_that_has_no_time_is_tried_again_and_then_given_up(export, monkeypatch):
    def too_slow(*_: object, **__: object):
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setattr(pages, "count", too_slow)
    for attempt in range(1, making.MOST_FAILURES + 1):
        with pytest.raises(OperationalError):
            tasks.make(organization_id=export.organization_id, object_id=export.pk)
        assert fresh(export).failures == attempt

    assert fresh(export).state == "failed"
    assert "shorter period" in fresh(export).error


def test_what_nobody_foresaw_is_tried_again_and_then_given_up(export, monkeypatch):
    def broken(*_: object, **__: object):
        raise ZeroDivisionError("a secret of the row")

    monkeypatch.setattr(pages, "count", broken)
    for _ in range(making.MOST_FAILURES):
        with pytest.raises(ZeroDivisionError):
            tasks.make(organization_id=export.organization_id, object_id=export.pk)

    assert fresh(export).state == "failed"
    assert fresh(export).error.startswith("Something went wrong here, again and again.")
    assert tasks.make(organization_id=export.organization_id, object_id=export.pk) is None  # nothing is left to do


# --- Asked for ---


def test_asking_is_recorded_without_saying_whom_it_is_about(acme, acme_project, ada, noon, now, scope):
    asked = wanted(
        acme_project, noon, filters={"user_id": ["ada@example.com"]}, narrowed_by=[("user", "ada@example.com")]
    )

    export = services.create_export(organization=acme, actor=ada, wanted=asked, now=now)

    with scope(acme):
        entry = AuditEntry.objects.get(action="export.created")
    assert entry.facts["filtered_by"] == ["user"]
    assert "ada@example" not in str(entry.facts)
    assert (export.created_by, export.key_id) == (ada, None)
    assert WorkDue.objects.get(task="exports.make").object_id == export.pk


def test_a_key_asks_in_its_own_name(acme, acme_project, noon, now):
    asked = wanted(acme_project, noon)

    export = services.create_export(organization=acme, actor=KeyActor(7, "ci"), wanted=asked, now=now)

    assert (export.created_by, export.key_id) == (None, 7)


def test_an_organization_has_so_many_made_at_once(export, acme, acme_project, ada, noon, now, settings):
    settings.EXPORT_MAX_RUNNING = 1

    with pytest.raises(ValidationError, match="1 exports are being made already"):
        services.create_export(organization=acme, actor=ada, wanted=wanted(acme_project, noon), now=now)

    make(export, now=now)
    services.create_export(organization=acme, actor=ada, wanted=wanted(acme_project, noon), now=now)


def test_another_organization_s_exports_do_not_count(export, globex, noon, now, settings, scope):
    from tenants.models import Project, User

    settings.EXPORT_MAX_RUNNING = 1
    with scope(globex):
        project = Project.objects.get()

    owner = User.objects.get(email="owner@globex.test")
    services.create_export(organization=globex, actor=owner, wanted=wanted(project, noon), now=now)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"columns": ()}, "at least one column"),
        ({"columns": ("id", "prompt")}, "no such column"),
        ({"columns": ("id", "id")}, "every column once"),
        ({"project_ids": ()}, "no project"),
        ({"until": datetime(2020, 1, 1, tzinfo=UTC)}, "begin before it ends"),
    ],
)
def test_what_cannot_be_exported_is_refused(acme, acme_project, ada, noon, now, scope, more, sentence):
    with pytest.raises(ValidationError, match=sentence):
        services.create_export(organization=acme, actor=ada, wanted=wanted(acme_project, noon, **more), now=now)

    with scope(acme):
        assert not Export.objects.exists()


def test_names_become_safe_names_of_files(acme, acme_project, ada, noon, now):
    at = now.replace(year=2026, month=7, day=31, hour=14, minute=5, second=9)
    asked = wanted(acme_project, noon, name="../Kosten “Juli”\r\n", form="xlsx")

    export = services.drafted(organization=acme, wanted=asked, now=at)

    assert export.file_name == "kosten-juli-20260731-140509.xlsx"


def test_projects_that_are_asked_for_are_all_that_is_exported(acme, acme_project, ada, calls, noon, now):
    other = tenants.create_project(organization=acme, actor=None, name="Hidden")
    make_call(other, call_id="secret", started_at=noon)
    export = services.create_export(
        organization=acme, actor=ada, wanted=wanted(acme_project, noon), now=now + timedelta(minutes=1)
    )

    make(export, now=now)

    assert "secret" not in ids(export)
