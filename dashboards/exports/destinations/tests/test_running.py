"""Copies of slots in a real bucket: whole, once, and never over something else."""

import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256

import pyarrow.parquet as pq
import pytest
from django.db import connection

from core.models import WorkDue
from core.scope import org_scope
from dashboards.exports import pages, tasks
from dashboards.exports.columns import CALLS
from dashboards.exports.destinations import running, services
from dashboards.exports.destinations.models import TASK, Destination
from dashboards.exports.destinations.s3 import BucketError
from dashboards.exports.destinations.tests.conftest import fill, runs, stored, wanted
from ingestion.models import Call
from ingestion.tests.factories import make_calls
from tenants.models import AuditEntry, Event, OrganizationSettings
from tenants.services import create_project

FOLDER = "lake/calls/organization=acme"


def folder(moment):
    return f"{FOLDER}/date={moment:%Y-%m-%d}/hour={moment:%H}"


def read(store, key):
    return pq.read_table(io.BytesIO(store.read(key)))


def manifest(store, moment):
    return json.loads(store.read(f"{folder(moment)}/manifest.json"))


def ids(store, moment):
    """The calls that a reader of the manifest finds."""
    return sorted(
        call for file in manifest(store, moment)["files"] for call in read(store, file["key"])["id"].to_pylist()
    )


def call(name, hour, minutes, **more):
    moment = hour + timedelta(minutes=minutes)
    return {"call_id": name, "started_at": moment, "received_at": moment} | more


@pytest.fixture
def calls(acme_project, hour):
    """Three of the hour, one that began two days before and arrived in it, and its neighbours to the microsecond."""
    late = {"started_at": hour - timedelta(days=2)}
    return make_calls(
        acme_project,
        [
            call("first", hour, 0),
            call("middle", hour, 30, cost_usd=None, cost_source="none", user_id="u-7"),
            call("last", hour, 60, received_at=hour + timedelta(minutes=60, microseconds=-1)),
            call("late", hour, 45, **late),
            call("before", hour, 0, received_at=hour - timedelta(microseconds=1)),
            call("after", hour, 10, received_at=hour + timedelta(hours=1)),
        ],
    )


@pytest.fixture
def small_files(monkeypatch):
    """Two rows a page, a page at a time, a page a file."""
    page = pages.page
    monkeypatch.setattr(pages, "page", lambda *given: page(*given, most=2))
    monkeypatch.setattr("dashboards.exports.writers.parquet.ParquetWriter.pages", 1)
    monkeypatch.setattr(running, "PART_ROWS", 1)


def after(hour, hours=1):
    return hour + timedelta(hours=hours, minutes=10)


def test_an_hour_is_copied_by_when_its_calls_were_received(destination, store, calls, hour):
    fill(destination, now=after(hour))

    assert store.keys() == [f"{folder(hour)}/manifest.json", f"{folder(hour)}/part-00000.parquet"]
    assert ids(store, hour) == ["first", "last", "late", "middle"]


def test_rows_are_those_of_the_database(destination, store, calls, hour, acme):
    fill(destination, now=after(hour))

    table = read(store, f"{folder(hour)}/part-00000.parquet")
    found = {row["id"]: row for row in table.to_pylist()}
    with org_scope(acme.pk):
        rows = {row.call_id: row for row in Call.objects.filter(call_id__in=found)}
    assert table.column_names == [one.name for one in CALLS]
    assert set(found) == {"first", "middle", "last", "late"}
    for name, row in rows.items():
        said = found[name]
        assert (said["timestamp"], said["received_at"]) == (row.started_at, row.received_at)
        assert (said["cost_usd"], said["input_tokens"]) == (row.cost_usd, row.input_tokens)
        assert (said["project"], said["model"], said["user_id"] or "") == ("web", row.model, row.user_id)
    assert found["first"]["cost_usd"] == Decimal("0.0075")
    assert found["middle"]["cost_usd"] is None


def test_the_manifest_says_what_is_there_and_of_what_it_was_made(destination, store, calls, hour):
    fill(destination, now=after(hour))

    said = manifest(store, hour)
    body = store.read(f"{folder(hour)}/part-00000.parquet")
    assert said["schema_version"] == 1
    assert (said["organization"], said["filter"]["project"], said["rows"]) == ("acme", None, 4)
    assert datetime.fromisoformat(said["filter"]["received_from"]) == hour
    assert datetime.fromisoformat(said["filter"]["received_to"]) == hour + timedelta(hours=1)
    assert said["files"] == [
        {
            "key": f"{folder(hour)}/part-00000.parquet",
            "rows": 4,
            "bytes": len(body),
            "sha256": sha256(body).hexdigest(),
        }
    ]
    assert [one["name"] for one in said["columns"]] == [one.name for one in CALLS]


def test_no_call_is_in_two_slots_and_none_in_no_slot(destination, store, calls, hour, acme_project):
    fill(destination, now=after(hour))
    make_calls(acme_project, [call("much later", hour, 5, received_at=hour + timedelta(hours=1, minutes=5))])
    fill(destination, now=after(hour, 2))

    assert ids(store, hour) == ["first", "last", "late", "middle"]
    assert ids(store, hour + timedelta(hours=1)) == ["after", "much later"]
    assert [run.slot_to for run in runs(destination)] == [hour + timedelta(hours=1), hour + timedelta(hours=2)]


def test_an_hour_is_left_alone_until_it_has_settled(destination, store, calls, hour):
    assert not fill(destination, now=after(hour) - timedelta(microseconds=1))

    assert store.keys() == []
    assert WorkDue.objects.get(task=TASK, object_id=destination.pk).due_at == after(hour)


def test_an_hour_without_calls_has_a_manifest_and_no_file(destination, store, hour):
    fill(destination, now=after(hour))

    assert store.keys() == [f"{folder(hour)}/manifest.json"]
    assert (manifest(store, hour)["rows"], manifest(store, hour)["files"]) == (0, [])


def test_missed_hours_are_all_made_up_for(destination, store, calls, hour):
    now = after(hour, 3)

    for _ in range(5):
        fill(destination, now=now)

    assert [run.slot_from for run in runs(destination)] == [hour + timedelta(hours=n) for n in range(3)]
    assert stored(destination).next_at == after(hour, 4)


def test_many_rows_become_several_files(destination, store, calls, hour, small_files):
    fill(destination, now=after(hour))

    files = manifest(store, hour)["files"]
    assert [(file["key"].rpartition("/")[2], file["rows"]) for file in files] == [
        ("part-00000.parquet", 1),
        ("part-00001.parquet", 2),
        ("part-00002.parquet", 1),
    ]
    assert ids(store, hour) == ["first", "last", "late", "middle"]


def test_what_lies_there_already_is_not_written_over(destination, store, calls, hour):
    store.put(f"{folder(hour)}/part-00000.parquet", b"somebody's")
    store.put(f"{folder(hour)}/manifest.json", b"theirs")

    fill(destination, now=after(hour))

    assert store.read(f"{folder(hour)}/part-00000.parquet") == b"somebody's"
    assert store.read(f"{folder(hour)}/manifest.json") == b"theirs"
    said = json.loads(store.read(f"{folder(hour)}/manifest.2.json"))
    assert said["files"][0]["key"] == f"{folder(hour)}/part-00000.2.parquet"
    assert runs(destination)[0].manifest_key == f"{folder(hour)}/manifest.2.json"


def test_where_the_server_would_write_over_we_look_first(destination, store, calls, hour, acme):
    with org_scope(acme.pk):
        Destination.objects.update(is_conditional=False)
    store.put(f"{folder(hour)}/part-00000.parquet", b"somebody's")

    fill(destination, now=after(hour))

    assert store.read(f"{folder(hour)}/part-00000.parquet") == b"somebody's"
    assert [file["key"] for file in manifest(store, hour)["files"]] == [f"{folder(hour)}/part-00000.2.parquet"]


def test_a_file_of_a_worker_who_died_is_not_written_twice(destination, store, calls, hour, monkeypatch):
    """It died between the file and saying so."""
    monkeypatch.setattr(running, "_note", lambda *given: False)
    fill(destination, now=after(hour))
    monkeypatch.undo()
    assert store.keys() == [f"{folder(hour)}/part-00000.parquet"]

    fill(destination, now=after(hour) + running.LEASE)

    assert store.keys() == [f"{folder(hour)}/manifest.json", f"{folder(hour)}/part-00000.parquet"]
    assert ids(store, hour) == ["first", "last", "late", "middle"]


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_worker_who_dies_between_steps_leaves_no_duplicates(destination, store, calls, hour, small_files, steps):
    fill(destination, now=after(hour), steps=steps)
    assert not any(key.endswith("manifest.json") for key in store.keys())  # noqa: SIM118 - no dict

    fill(destination, now=after(hour) + running.LEASE)

    assert ids(store, hour) == ["first", "last", "late", "middle"]
    named = {file["key"] for file in manifest(store, hour)["files"]} | {f"{folder(hour)}/manifest.json"}
    assert set(store.keys()) == named


def test_what_changed_after_a_death_gets_another_name(destination, store, calls, hour, acme, monkeypatch):
    """The manifest names the file that holds what the database says now."""
    monkeypatch.setattr(running, "_note", lambda *given: False)
    fill(destination, now=after(hour))
    monkeypatch.undo()
    with org_scope(acme.pk), connection.cursor() as cursor:
        cursor.execute("update calls set cost_usd = 1 where organization_id = %s and call_id = 'first'", [acme.pk])

    fill(destination, now=after(hour) + running.LEASE)

    (file,) = manifest(store, hour)["files"]
    assert file["key"] == f"{folder(hour)}/part-00000.2.parquet"
    found = {row["id"]: row["cost_usd"] for row in read(store, file["key"]).to_pylist()}
    assert found["first"] == Decimal(1)


def test_two_workers_do_not_copy_at_once(destination, calls, hour):
    first = running.claim(organization_id=destination.organization_id, destination_id=destination.pk, now=after(hour))
    second = running.claim(organization_id=destination.organization_id, destination_id=destination.pk, now=after(hour))

    assert first is not None
    assert second is None


def test_who_lost_the_lease_changes_nothing(destination, calls, hour, store):
    organization_id = destination.organization_id
    slow = running.claim(organization_id=organization_id, destination_id=destination.pk, now=after(hour))
    running.advance(slow, now=after(hour))
    fill(destination, now=after(hour) + running.LEASE)

    assert running.advance(slow, now=after(hour) + running.LEASE) is False
    running.fail(slow, reason="late", now=after(hour) + running.LEASE)

    assert [run.state for run in runs(destination)] == ["done"]
    assert stored(destination).failures == 0


def test_a_project_s_destination_copies_no_other_project(acme, ada, store, calls, hour, acme_project):
    other = create_project(organization=acme, actor=ada, name="Other")
    make_calls(other, [call("theirs", hour, 3)])
    of_other = services.create_destination(
        organization=acme, actor=ada, wanted=wanted(store, project=other), is_conditional=True, now=hour
    )

    fill(of_other, now=after(hour))

    assert ids(store, hour) == ["theirs"]
    assert manifest(store, hour)["filter"]["project"] == "other"


def test_another_organization_s_calls_are_not_copied(destination, store, calls, hour, globex, ada):
    theirs = create_project(organization=globex, actor=None, name="Elsewhere")
    make_calls(theirs, [call("theirs", hour, 3)])

    fill(destination, now=after(hour))

    assert "theirs" not in ids(store, hour)


def test_a_day_is_copied_on_the_clock_of_the_organization(acme, ada, store, hour, acme_project):
    with org_scope(acme.pk):
        OrganizationSettings.objects.update(time_zone="Asia/Tokyo")
    day = (hour + timedelta(hours=9)).date()
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=9)
    make_calls(acme_project, [call("in", midnight, 0), call("out", midnight, -1), call("next", midnight, 24 * 60)])
    daily = services.create_destination(
        organization=acme, actor=ada, wanted=wanted(store, cadence="daily"), is_conditional=True, now=hour
    )

    fill(daily, now=midnight + timedelta(days=1, minutes=10))

    assert store.keys() == [f"{FOLDER}/date={day}/manifest.json", f"{FOLDER}/date={day}/part-00000.parquet"]
    assert read(store, f"{FOLDER}/date={day}/part-00000.parquet")["id"].to_pylist() == ["in"]


# --- Failing ---


def finish(mine, now):
    while running.advance(mine, now=now):
        pass


def attempt(destination, now):
    """One attempt that fails, as the task makes it."""
    mine = running.claim(organization_id=destination.organization_id, destination_id=destination.pk, now=now)
    with pytest.raises(BucketError) as error:
        finish(mine, now)
    running.fail(mine, reason=str(error.value), now=now)
    return str(error.value)


def test_a_failed_attempt_is_made_again_and_finds_the_bucket_back(destination, store, calls, hour, s3):
    store.remove()
    assert attempt(destination, after(hour)) == "There is no such bucket."
    (run,) = runs(destination)
    assert (run.state, run.error, run.attempts) == ("failed", "There is no such bucket.", 1)
    assert stored(destination).next_at == after(hour) + timedelta(minutes=1)
    s3.client().create_bucket(Bucket=store.name)

    fill(destination, now=after(hour) + timedelta(minutes=1))

    (run,) = runs(destination)
    assert (run.state, run.error, run.attempts, run.rows) == ("done", "", 2, 4)
    assert stored(destination).failures == 0


def test_after_six_failures_it_is_paused_and_somebody_is_told(destination, store, calls, hour, acme):
    store.remove()

    for _ in range(running.MOST_FAILURES):
        attempt(destination, stored(destination).next_at)

    found = stored(destination)
    assert (found.is_active, found.paused_reason, found.next_at) == (False, "There is no such bucket.", None)
    assert not WorkDue.objects.filter(task=TASK, object_id=destination.pk).exists()
    with org_scope(acme.pk):
        event = Event.objects.get(kind="destination.paused")
        assert event.facts == {"name": "Data lake", "reason": "There is no such bucket.", "failures": 6}
        assert event.link == f"/o/acme/exports/destinations/{destination.pk}/"
        assert AuditEntry.objects.filter(action="destination.paused", actor_kind="system").count() == 1


def test_a_paused_one_goes_on_where_it_stopped(destination, store, calls, hour, acme, ada):
    fill(destination, now=after(hour))
    services.pause_destination(organization=acme, actor=ada, destination=destination)
    assert not fill(destination, now=after(hour, 5))

    services.resume_destination(organization=acme, actor=ada, destination=destination, now=after(hour, 3))
    fill(destination, now=after(hour, 3))

    assert ids(store, hour + timedelta(hours=1)) == ["after"]


def test_a_private_address_is_refused_where_the_operator_allows_none(destination, calls, hour, settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = []

    assert attempt(destination, after(hour)) == "The URL must begin with https://."


def test_the_task_copies_and_notes_what_fails(destination, store, calls, hour, caplog):
    tasks.fill_destination(organization_id=destination.organization_id, object_id=destination.pk)
    assert ids(store, hour) == ["first", "last", "late", "middle"]
    store.remove()

    tasks.fill_destination(organization_id=destination.organization_id, object_id=destination.pk)

    assert [run.state for run in runs(destination)] == ["done", "failed"]
    assert store.server.owner.secret not in caplog.text
