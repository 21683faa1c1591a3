"""The log of refusals without an edge: bounded memory, and a database that is away."""

import logging
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.conf import settings

from core.databases import EDGE
from ingestion.tests.edge.conftest import project_of
from ingestion.tests.edge.proxy import passage
from ingestion.tests.edge.refusals import counted, reasons
from ingestion.wire.refused import Count, Kind, Reason
from ingestion.writer import refusals
from ingestion.writer.refusals import Key, Place, RefusalLog, Tally, Tallying, add

NOW = datetime(2026, 7, 14, 10, 20, tzinfo=UTC)
HOUR = NOW.replace(minute=0)
PLACE = Place(1, HOUR, 2, "/log")


def of(organization, **changes):
    return Place(organization.pk, HOUR, project_of(organization).pk, "/log")._replace(**changes)


def one(now=NOW):
    return Tally(now, now, count=1, events=1)


def test_counts_wait_for_a_database_that_is_away(acme, caplog):
    caplog.set_level(logging.WARNING)
    with passage() as way:
        log = RefusalLog(way.conninfo)
        way.close()
        log.add_request(of(acme), "malformed-body", now=NOW)
        log._write()
        log.add_request(of(acme), "malformed-body", now=NOW)
        assert counted(acme) == []
        way.open()
        log.start()
        log.close()

    assert reasons(acme) == {("request", "", "malformed-body"): (2, 0)}
    assert "refusals could not be counted yet" in caplog.text


def test_a_connection_that_died_is_replaced(acme):
    with passage() as way:
        log = RefusalLog(way.conninfo)
        log.add_content(of(acme), 3, now=NOW)
        log._write()
        way.close()
        way.open()
        log.add_content(of(acme), 4, now=NOW + timedelta(minutes=1))
        log._write()
        log._write()

    [row] = counted(acme)
    assert (row["count"], row["first_at"], row["last_at"]) == (7, NOW, NOW + timedelta(minutes=1))


def test_the_end_writes_what_was_counted_since(acme):
    log = RefusalLog(settings.DATABASE.conninfo(EDGE))
    log.start()
    log.add_events(of(acme), {Reason("model", "is required"): Count(3, 2, {"team, timestamp"})}, now=NOW)

    log.close()

    [row] = counted(acme)
    assert (row["count"], row["events"], row["samples"]) == (3, 2, [["team", "timestamp"]])


def test_more_reasons_than_are_kept_apart_are_counted_together(monkeypatch):
    monkeypatch.setattr(refusals, "MOST_REASONS", 2)
    tallying = Tallying()

    for field in ("a", "b", "c", "a", "d"):
        tallying.add(PLACE, Kind.EVENT, Reason(field, "is wrong"), one())
    tallying.add(PLACE._replace(project_id=3), Kind.EVENT, Reason("e", "is wrong"), one())

    found = {(key.project_id, key.field, key.reason): tally.count for key, tally in tallying.take().items()}
    assert found == {
        (2, "a", "is wrong"): 2,
        (2, "b", "is wrong"): 1,
        (2, "(other)", "(other)"): 2,
        (3, "e", "is wrong"): 1,
    }


def test_the_limit_holds_over_many_writes_and_ends_with_the_hour(monkeypatch):
    monkeypatch.setattr(refusals, "MOST_REASONS", 1)
    tallying = Tallying()

    def field_of(place, field):
        tallying.add(place, Kind.EVENT, Reason(field, "is wrong"), one())
        [key] = tallying.take()
        return key.field

    assert [field_of(PLACE, field) for field in ("a", "b", "a")] == ["a", "(other)", "a"]
    later = PLACE._replace(hour=HOUR + timedelta(hours=3))
    assert [field_of(later, field) for field in ("b", "a")] == ["b", "(other)"]
    assert list(tallying._reasons) == [(1, later.hour, 2)]


def test_memory_is_bounded_and_says_what_it_lost(monkeypatch, caplog):
    monkeypatch.setattr(refusals, "MOST_KEYS", 3)
    tallying = Tallying()

    for project in range(5):
        tallying.add(PLACE._replace(project_id=project), Kind.REQUEST, Reason("", "malformed-body"), one())
    tallying.add(PLACE._replace(project_id=0), Kind.REQUEST, Reason("", "malformed-body"), one())

    assert [(key.project_id, tally.count) for key, tally in tallying.take().items()] == [(0, 2), (1, 1), (2, 1)]
    assert len(tallying._reasons) <= 3
    assert [record.reasons for record in caplog.records] == [2]
    assert tallying.take() == {}
    assert len(caplog.records) == 1


def test_what_is_given_back_meets_what_came_meanwhile():
    tallying = Tallying()
    tallying.add(PLACE, Kind.EVENT, Reason("a", "is wrong"), Tally(NOW, NOW, 1, 1, {"x"}))
    taken = tallying.take()
    later = NOW + timedelta(minutes=1)
    tallying.add(PLACE, Kind.EVENT, Reason("a", "is wrong"), Tally(later, later, 2, 1, {"y"}))

    tallying.give_back(taken)

    assert tallying.take() == {Key(*PLACE, "event", "a", "is wrong"): Tally(NOW, later, 3, 2, {"x", "y"})}


def test_a_tally_keeps_twenty_samples():
    tally = one()

    for number in range(30):
        tally.add(Tally(NOW, NOW, 1, 1, {f"name{number}"}))

    assert (tally.count, len(tally.samples)) == (31, 20)


@pytest.mark.parametrize(("first", "then", "stays"), [(18, 5, 20), (20, 1, 20), (1, 0, 1), (0, 3, 3)])
def test_a_row_keeps_its_first_twenty_samples(acme, first, then, stays):
    key = Key(*of(acme), "event", "model", "is required")
    batches = [{f"a{n:02}" for n in range(first)}, {f"b{n:02}" for n in range(then)}]

    with psycopg.connect(settings.DATABASE.conninfo(EDGE)) as edge:
        for samples in batches:
            add(edge, {key: Tally(NOW, NOW, 1, 1, samples)})

    [row] = counted(acme)
    assert len(row["samples"]) == stays
    assert {f"a{n:02}" for n in range(first)} <= {name for [name] in row["samples"]}
    assert row["count"] == 2


def test_two_processes_add_to_the_same_rows_in_one_order(acme):
    rows = [Key(*of(acme), "event", field, "is wrong") for field in ("b", "a", "C", "ä")]

    with (
        psycopg.connect(settings.DATABASE.conninfo(EDGE)) as one_edge,
        psycopg.connect(settings.DATABASE.conninfo(EDGE)) as other_edge,
    ):
        add(one_edge, {row: one() for row in rows})
        add(other_edge, {row: one() for row in reversed(rows)})

    assert {row["field"]: row["count"] for row in counted(acme)} == {"a": 2, "b": 2, "C": 2, "ä": 2}
