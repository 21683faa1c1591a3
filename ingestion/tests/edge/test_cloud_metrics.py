"""``POST /api/v1/cloud-metrics``: the promises of events, kept for samples."""

import gzip
import json
import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, connection

from core.databases import EDGE
from core.scope import org_scope
from ingestion import services, tasks
from ingestion.edge import Limits
from ingestion.models import IngestAnswer
from ingestion.tests.edge.client import issue_key, running_edge, stored_calls, stored_samples
from ingestion.tests.edge.conftest import project_of
from ingestion.tests.edge.proxy import passage
from ingestion.tests.edge.test_bad_input import slug
from ingestion.tests.edge.test_faults import dump_of_everything
from ingestion.tests.edge.test_idempotency import is_replay, parts
from ingestion.wire.types import Sample
from tenants.models import Project
from tests.resilience.processes import wait_until

PATH = "/api/v1/cloud-metrics"
SAMPLE = {"resource": "thumbnailer", "allocated_mb": 1024, "used_mb": 212.4}
MARKER = "content-that-must-not-leak"
NOW = datetime.now(UTC)


def post(edge, body, key="", **options):
    return edge.post(body, key=key, path=PATH, **options)


def identified(name="a", **fields):
    return SAMPLE | {"id": name, "timestamp": NOW.isoformat()} | fields


def test_a_full_sample_is_stored_exactly(edge, acme, key):
    sample = identified(
        kind="function",
        team="media",
        environment="production",
        invocations=340,
        duration_ms=91250.5,
        cost_usd="0.000000000000000152",
    )

    response = post(edge, sample, key)

    assert (response.status, response.headers["content-type"]) == (202, "application/json")
    assert response.json() == {
        "accepted": 1,
        "duplicates": 0,
        "rejected_count": 0,
        "rejected": [],
        "warnings": [],
        "content_fields_dropped": 0,
    }
    (row,) = stored_samples(acme)
    assert NOW <= row.pop("received_at") <= datetime.now(UTC)
    assert row.pop("api_key_id") > 0
    assert row == {
        "organization_id": acme.pk,
        "project_id": project_of(acme).pk,
        "sampled_at": NOW,
        "sample_id": "a",
        "resource": "thumbnailer",
        "kind": "function",
        "team": "media",
        "environment": "production",
        "allocated_mb": Decimal(1024),
        "used_mb": Decimal("212.4"),
        "invocations": 340,
        "duration_ms": 91250.5,
        "cost_usd": Decimal("0.000000000000000152"),
    }
    assert stored_calls(acme) == []


def test_what_is_not_given_is_unknown_and_not_zero(edge, acme, key):
    post(edge, SAMPLE, key)

    (row,) = stored_samples(acme)
    assert (row["invocations"], row["duration_ms"], row["cost_usd"]) == (None, None, None)
    assert (row["kind"], row["team"], row["environment"]) == ("", "", "default")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (json.dumps([SAMPLE] * 2).encode(), {}),
        (json.dumps({"samples": [SAMPLE] * 2}).encode(), {}),
        (f"{json.dumps(SAMPLE)}\n{json.dumps(SAMPLE)}\n".encode(), {"content-type": "application/x-ndjson"}),
        (gzip.compress(json.dumps([SAMPLE] * 2).encode()), {"content-encoding": "gzip"}),
    ],
    ids=["array", "envelope", "lines", "gzip"],
)
def test_every_form_of_body_is_read(edge, acme, key, body, headers):
    assert post(edge, body, key, headers=headers).json()["accepted"] == 2
    assert len(stored_samples(acme)) == 2


# --- Who may send, and where it goes ----------------------------------------------------------------------------------
def test_no_key_and_a_key_without_the_scope_are_refused(edge, acme):
    nobody, reader = post(edge, SAMPLE), post(edge, SAMPLE, issue_key(acme, scopes=["read"]))

    assert (nobody.status, slug(nobody)) == (401, "unauthenticated")
    assert (reader.status, slug(reader)) == (403, "missing-scope")
    assert stored_samples(acme) == []


def test_a_projects_key_may_not_name_another(edge, acme, key):
    by_field = post(edge, SAMPLE | {"project": "app"}, key)
    by_header = post(edge, SAMPLE, key, headers={"x-tokenops-project": "app"})

    assert {(one.status, slug(one)) for one in (by_field, by_header)} == {(403, "other-project")}
    assert stored_samples(acme) == []


def test_an_organizations_key_names_the_project_or_means_the_default(edge, acme):
    key = issue_key(acme, project=None)

    post(edge, [SAMPLE, SAMPLE | {"project": "app"}, SAMPLE | {"project": "nowhere"}], key)
    unknown = post(edge, SAMPLE | {"project": "nowhere"}, key)

    assert [row["project_id"] for row in stored_samples(acme)].count(project_of(acme, "web").pk) == 1
    assert [row["project_id"] for row in stored_samples(acme)].count(project_of(acme, "app").pk) == 1
    assert (unknown.status, slug(unknown)) == (400, "samples-rejected")
    assert unknown.json()["title"] == "Every sample was rejected"
    assert unknown.json()["rejected"][0]["errors"] == [
        {"field": "project", "message": "is not a project of this key's organization"}
    ]


def test_foreign_ids_in_the_body_are_unknown_fields(edge, acme, globex, key):
    foreign = {"organization_id": globex.pk, "project_id": project_of(globex).pk, "api_key_id": 1}

    response = post(edge, SAMPLE | foreign, key)

    assert {warning["field"] for warning in response.json()["warnings"]} >= set(foreign)
    assert [row["organization_id"] for row in stored_samples(acme)] == [acme.pk]
    assert stored_samples(globex) == []


def test_samples_of_one_organization_are_not_seen_from_another(edge, acme, globex, key):
    post(edge, SAMPLE, key)

    assert stored_samples(globex) == []
    assert stored_samples(globex, project_id=project_of(acme).pk) == []


@pytest.mark.parametrize(
    "statement",
    ["select resource from cloud_samples", "update cloud_samples set used_mb = 0", "delete from cloud_samples"],
)
def test_the_edge_may_add_samples_and_nothing_else(committed_module, statement):
    with (
        psycopg.connect(settings.DATABASE.conninfo(EDGE)) as database,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        database.execute(statement)


@pytest.mark.parametrize(
    "statement", ["update cloud_samples set used_mb = 0", "insert into cloud_samples default values"]
)
def test_the_application_may_not_write_samples(acme, statement):
    with pytest.raises(DatabaseError, match="permission denied"), org_scope(acme.pk), connection.cursor() as cursor:
        cursor.execute(statement)


# --- Once, however often it comes -------------------------------------------------------------------------------------
def test_the_same_sample_again_is_a_duplicate_and_the_first_one_stays(edge, acme, key):
    first = post(edge, identified(), key)

    again = post(edge, identified(used_mb=900), key)

    assert (first.json()["accepted"], again.json()["accepted"], again.json()["duplicates"]) == (1, 0, 1)
    assert again.status == 202
    assert [row["used_mb"] for row in stored_samples(acme)] == [Decimal("212.4")]


def test_twice_in_one_request_is_once(edge, acme, key):
    response = post(edge, [identified(), identified("b"), identified(used_mb=900)], key)

    assert (response.json()["accepted"], response.json()["duplicates"]) == (2, 1)
    assert [(row["sample_id"], row["used_mb"]) for row in stored_samples(acme)] == [
        ("a", Decimal("212.4")),
        ("b", Decimal("212.4")),
    ]


def test_an_id_is_its_own_per_moment_and_project(edge, acme):
    key = issue_key(acme, project=None)
    other_time = (NOW - timedelta(seconds=1)).isoformat()

    response = post(edge, [identified(), identified(timestamp=other_time), identified(project="app")], key)

    assert response.json()["accepted"] == 3
    assert len(stored_samples(acme)) == 3


def test_many_at_once_store_each_sample_once(edge, acme, key):
    body = [identified(str(number)) for number in range(20)]

    answers = [answer.json() for answer in edge.together([(body, key)] * 12, path=PATH)]

    assert sum(answer["accepted"] for answer in answers) == 20
    assert sum(answer["duplicates"] for answer in answers) == 11 * 20
    assert len(stored_samples(acme)) == 20


def test_of_two_processes_each_sample_is_stored_once(edge, acme, key):
    with running_edge() as other:
        requests = [([identified(str(n)) for n in range(30)], key)] * 5
        answers = [one.json() for client in (edge, other) for one in client.together(requests, path=PATH)]

    assert sum(answer["accepted"] for answer in answers) == 30
    assert len(stored_samples(acme)) == 30


def test_an_idempotency_key_is_answered_again_and_stored_once(edge, acme, key):
    once = {"idempotency-key": "once"}
    first = post(edge, [SAMPLE, {}], key, headers=once)

    again = post(edge, [SAMPLE, {}], key, headers=once)
    other = post(edge, [SAMPLE], key, headers=once)

    assert parts(again) == parts(first)
    assert (is_replay(first), is_replay(again)) == (False, True)
    assert (other.status, slug(other)) == (422, "idempotency-key-reused")
    assert len(stored_samples(acme)) == 1
    with org_scope(acme.pk):
        assert [answer.path for answer in IngestAnswer.objects.all()] == [PATH]


def test_the_key_of_a_request_with_samples_is_free_for_one_with_calls(edge, acme, key):
    once = {"idempotency-key": "once"}
    post(edge, SAMPLE, key, headers=once)

    response = edge.post({"model": "gpt-4o"}, key=key, headers=once)

    assert (response.status, is_replay(response)) == (202, False)
    assert len(stored_calls(acme)) == 1


# --- Bad input --------------------------------------------------------------------------------------------------------
def test_a_bad_sample_does_not_cost_the_others(edge, acme, key):
    response = post(edge, [SAMPLE, {"resource": MARKER, "allocated_mb": 0, "used_mb": 1}, SAMPLE], key)

    answer = response.json()
    assert (response.status, answer["accepted"], answer["rejected_count"]) == (202, 2, 1)
    assert answer["rejected"] == [
        {"index": 1, "id": None, "errors": [{"field": "allocated_mb", "message": "must be > 0"}]}
    ]
    assert MARKER.encode() not in response.body
    assert len(stored_samples(acme)) == 2


@pytest.mark.parametrize("body", [b"", b"{", b"17", b"null", b'{"resource": "\xff"}', b"[" * 200_000])
def test_a_malformed_document_is_400_and_stores_nothing(edge, acme, key, body):
    response = post(edge, body, key)

    assert (response.status, slug(response)) == (400, "malformed-body")
    assert stored_samples(acme) == []


@pytest.mark.parametrize("text", ['"a\\u0000b"', '"\\ud800"', '"a\\udfffb"'])
@pytest.mark.parametrize("field", ["resource", "kind", "team", "id"])
def test_what_postgres_cannot_store_never_reaches_it(edge, acme, key, text, field):
    bad = json.dumps(SAMPLE)[:-1] + f', "{field}": {text}}}'

    response = post(edge, f"[{bad}, {json.dumps(SAMPLE)}]".encode(), key)

    assert (response.status, response.json()["accepted"], response.json()["rejected_count"]) == (202, 1, 1)
    assert len(stored_samples(acme)) == 1


def test_what_a_projects_retention_has_passed_is_rejected(edge, acme):
    key = issue_key(acme, project=None)
    with org_scope(acme.pk):
        Project.objects.filter(slug="web").update(retention_days=7)
    old = (NOW - timedelta(days=8)).isoformat()

    with running_edge() as fresh:
        response = post(fresh, [identified(timestamp=old), identified(timestamp=old, project="app")], key)

    assert response.json()["accepted"] == 1
    assert response.json()["rejected"][0]["errors"] == [{"field": "timestamp", "message": "is older than 7 days"}]
    assert [row["project_id"] for row in stored_samples(acme)] == [project_of(acme, "app").pk]


def test_too_much_is_413_and_another_form_415(edge, acme, key):
    many, large = post(edge, [SAMPLE] * 5001, key), post(edge, b" " * (10 * 2**20 + 1), key, pieces=20)
    form = post(edge, SAMPLE, key, headers={"content-type": "multipart/form-data"})

    assert [(one.status, slug(one)) for one in (many, large)] == [(413, "too-large")] * 2
    assert (form.status, slug(form)) == (415, "unsupported-media-type")
    assert stored_samples(acme) == []


def test_content_is_counted_dropped_and_nowhere(edge, acme, key, caplog, capfd):
    content = {"prompt": MARKER, "output": {"text": MARKER}, f"{MARKER} as a name": 1}

    with caplog.at_level(logging.DEBUG):
        response = post(edge, SAMPLE | content, key)

    assert response.json()["content_fields_dropped"] == 2
    assert MARKER.encode() not in response.body
    assert MARKER not in caplog.text + "".join(capfd.readouterr()) + dump_of_everything()
    assert len(stored_samples(acme)) == 1


# --- Faults -----------------------------------------------------------------------------------------------------------
def test_without_the_database_samples_are_503_and_afterwards_stored_once(acme, key):
    with passage() as way, running_edge(conninfo=way.conninfo) as edge:
        post(edge, SAMPLE, key)
        way.close()

        refused = post(edge, identified(), key)
        way.open()
        wait_until(lambda: post(edge, identified(), key).status == 202, "the edge to recover")
        again = post(edge, identified(), key)

    assert (refused.status, slug(refused), refused.headers["retry-after"]) == (503, "unavailable", "1")
    assert again.json()["duplicates"] == 1
    assert len(stored_samples(acme)) == 2


def test_what_was_accepted_is_stored_before_the_process_ends(committed_module, acme, key):
    with running_edge() as edge:
        answers = edge.together([([SAMPLE] * 300, key)] * 5, path=PATH)

    assert {answer.status for answer in answers} == {202}
    assert len(stored_samples(acme)) == 1500


def test_a_full_queue_is_503(committed_module, acme, key):
    with running_edge(Limits(waiting_rows=10)) as edge:
        refused, small = post(edge, [SAMPLE] * 11, key), post(edge, [SAMPLE] * 10, key)

    assert (refused.status, slug(refused)) == (503, "unavailable")
    assert small.json()["accepted"] == 10
    assert len(stored_samples(acme)) == 10


# --- Retention, and samples that did not come by HTTP -----------------------------------------------------------------
def sample(name, age, **fields):
    given = {"resource": "r", "allocated_mb": Decimal(10), "used_mb": Decimal(1)} | fields
    return Sample(sample_id=name, sampled_at=NOW - age, **given)


def store(organization, project_slug, *samples):
    project = project_of(organization, project_slug)
    pairs = [(project.pk, one) for one in samples]
    return services.store_samples(organization=organization, api_key_id=7, samples=pairs, now=NOW)


def test_stored_again_they_are_not_new(acme):
    samples = [sample(str(number), timedelta(hours=number)) for number in range(5)]

    assert [store(acme, "web", *samples), store(acme, "web", *samples)] == [5, 0]
    assert len(stored_samples(acme)) == 5


def test_samples_live_as_long_as_their_project_keeps_calls(acme, globex, monkeypatch):
    monkeypatch.setattr(services, "_DELETE_AT_ONCE", 2)
    ages = [timedelta(days=days) for days in (1, 6, 8, 9, 20, 179, 181)]
    for organization, name in ((acme, "web"), (acme, "app"), (globex, "web")):
        store(organization, name, *[sample(str(age.days), age) for age in ages])
    with org_scope(acme.pk):
        Project.objects.filter(slug="web").update(retention_days=7)

    deleted = services.delete_expired_samples(now=NOW)

    left = {name: stored_samples(acme, project_id=project_of(acme, name).pk) for name in ("web", "app")}
    assert [row["sample_id"] for row in left["web"]] == ["6", "1"]
    assert [row["sample_id"] for row in left["app"]] == ["179", "20", "9", "8", "6", "1"]
    assert len(stored_samples(globex)) == 6
    assert deleted == 5 + 1 + 1
    assert services.delete_expired_samples(now=NOW) == 0


def test_a_run_deletes_a_bounded_amount(acme, monkeypatch):
    monkeypatch.setattr(services, "_DELETE_AT_ONCE", 2)
    monkeypatch.setattr(services, "MOST_DELETES", 2)
    store(acme, "web", *[sample(str(number), timedelta(days=200)) for number in range(7)])

    assert [services.delete_expired_samples(now=NOW) for _ in range(3)] == [4, 3, 0]


def test_the_hourly_task_removes_them(acme, caplog):
    store(acme, "web", sample("old", timedelta(days=200)), sample("new", timedelta(days=1)))

    with caplog.at_level(logging.INFO, logger="ingestion.tasks"):
        tasks.retention()

    assert [row["sample_id"] for row in stored_samples(acme)] == ["new"]
    assert [record.samples for record in caplog.records if record.name == "ingestion.tasks"] == [1]


def test_what_the_database_refuses_is_said(acme):
    with pytest.raises(services.StoringError):
        store(acme, "web", sample("zero", timedelta(hours=1), allocated_mb=Decimal(0)))
    assert stored_samples(acme) == []
