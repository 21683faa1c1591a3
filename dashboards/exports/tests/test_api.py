"""Exports over HTTP: asked for, watched, downloaded, by people and by keys."""

import csv
import io
from datetime import timedelta
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
from django.test import Client

from dashboards.exports import columns
from dashboards.exports.models import Export
from dashboards.exports.services import path_of
from dashboards.exports.tests.conftest import make
from ingestion.tests.factories import make_call
from tenants import services as tenants
from tenants.models import AuditEntry
from tenants.permissions import Scope
from tenants.tests.keys import bearer, issue_key

EXPORTS = "/api/v1/exports"


@pytest.fixture
def key(acme):
    return bearer(issue_key(acme, scopes=[Scope.READ]))


@pytest.fixture
def asked(noon):
    return {
        "name": "July",
        "format": "csv",
        "from": (noon - timedelta(days=1)).isoformat(),
        "to": (noon + timedelta(days=2)).isoformat(),
        "columns": ["id", "cost_usd"],
    }


def post(headers, body, path=EXPORTS):
    return Client().post(path, body, content_type="application/json", headers=headers)


def get(headers, path, **more):
    return Client().get(path, headers=headers | more)


def body(answer):
    return b"".join(answer.streaming_content)


def stored(scope, acme):
    with scope(acme):
        return list(Export.objects.order_by("pk"))


def fields(answer):
    return {error["field"] for error in answer.json()["errors"]}


def test_a_key_asks_waits_and_downloads(acme, calls, key, asked, now, scope):
    made = post(key, asked)
    assert made.status_code == 201
    assert made.json()["state"] == "queued"
    (export,) = stored(scope, acme)
    make(export, now=now)

    shown = get(key, f"{EXPORTS}/{export.pk}").json()
    file = get(key, f"{EXPORTS}/{export.pk}/file")

    assert (shown["state"], shown["rows"], shown["rows_counted"], shown["progress"]) == ("done", 7, 7, 1.0)
    assert file.status_code == 200
    rows = list(csv.DictReader(io.StringIO(body(file).decode())))
    assert [row["id"] for row in rows] == [f"c{at}" for at in range(7)]
    assert sum(Decimal(row["cost_usd"]) for row in rows) == Decimal("0.0525")
    with scope(acme):
        assert AuditEntry.objects.get(action="export.downloaded").actor_kind == "key"


def test_a_download_goes_on(acme, calls, key, asked, now, scope):
    post(key, asked)
    (export,) = stored(scope, acme)
    make(export, now=now)
    path = f"{EXPORTS}/{export.pk}/file"

    first = get(key, path, range="bytes=0-9")
    rest = get(key, path, **{"range": "bytes=10-", "if-range": first["ETag"]})
    beyond = get(key, path, range="bytes=99999-")

    assert (first.status_code, rest.status_code, beyond.status_code) == (206, 206, 416)
    assert body(first) + body(rest) == path_of(export).read_bytes()


def test_the_filter_is_that_of_the_log(acme, acme_project, calls, noon, key, asked, now, scope):
    make_call(acme_project, call_id="mine", started_at=noon, feature="search", team="", provider="openai")
    post(
        key, asked | {"filter": {"endpoint_name": ["search"], "team": [""], "provider": ["OpenAI"], "project": ["web"]}}
    )
    (export,) = stored(scope, acme)
    make(export, now=now + timedelta(minutes=1))

    assert body(get(key, f"{EXPORTS}/{export.pk}/file")) == b"id,cost_usd\nmine,0.0075\n"
    told = get(key, f"{EXPORTS}/{export.pk}").json()["filter"]
    assert told == "Project: web, Feature: search, Provider: openai, Team: (none)"


def test_without_columns_it_has_the_usual_ones(acme, calls, key, asked):
    del asked["columns"]

    assert post(key, asked).json()["columns"] == list(columns.USUAL)


def test_parquet_over_the_api(acme, calls, key, asked, now, scope):
    post(key, asked | {"format": "parquet"})
    (export,) = stored(scope, acme)
    make(export, now=now)

    table = pq.read_table(io.BytesIO(body(get(key, f"{EXPORTS}/{export.pk}/file"))))

    assert sum(table.column("cost_usd").to_pylist()) == Decimal("0.0525")


# --- Who ---


def test_a_key_of_a_project_exports_that_one(acme, acme_project, calls, noon, asked, now, scope):
    other = tenants.create_project(organization=acme, actor=None, name="Other")
    make_call(other, call_id="secret", started_at=noon)
    key = bearer(issue_key(acme, scopes=[Scope.READ], project=acme_project))

    post(key, asked)
    (export,) = stored(scope, acme)

    assert export.project_ids == [acme_project.pk]
    assert post(key, asked | {"filter": {"project": ["other"]}}).status_code == 404


def test_keys_see_what_they_asked_for(acme, calls, key, asked, scope):
    post(key, asked)
    (export,) = stored(scope, acme)
    another = bearer(issue_key(acme, scopes=[Scope.READ]))

    assert [one["id"] for one in get(key, EXPORTS).json()["results"]] == [export.pk]
    assert get(another, EXPORTS).json()["results"] == []
    for path in ("", "/file"):
        assert get(another, f"{EXPORTS}/{export.pk}{path}").status_code == 404
    assert Client().delete(f"{EXPORTS}/{export.pk}", headers=another).status_code == 404
    assert len(stored(scope, acme)) == 1


def test_a_key_that_may_not_read_may_not_export(acme, calls, asked, scope):
    assert post(bearer(issue_key(acme, scopes=[Scope.INGEST])), asked).status_code == 403
    assert stored(scope, acme) == []


def test_viewers_are_refused_and_members_are_not(viewer, member, acme, calls, asked, scope):
    path = f"{EXPORTS}?organization=acme"

    assert viewer.post(path, asked, content_type="application/json").status_code == 403
    assert member.post(path, asked, content_type="application/json").status_code == 201
    assert [export.created_by.email for export in stored(scope, acme)] == ["member@acme.test"]


def test_the_same_request_again_makes_one_export(acme, calls, key, asked, scope):
    headers = key | {"Idempotency-Key": "once"}

    first, second = post(headers, asked), post(headers, asked)

    assert first.json()["id"] == second.json()["id"]
    assert second["Idempotent-Replayed"] == "true"
    assert len(stored(scope, acme)) == 1


# --- What is not as it should be ---


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"format": "doc"}, "format"),
        ({"columns": []}, "columns"),
        ({"columns": ["prompt"]}, "columns.0"),
        ({"columns": ["id", "id"]}, "columns"),
        ({"name": ""}, "name"),
        ({"colour": "red"}, "colour"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2999-01-01T00:00:00Z", "to": "2999-02-01T00:00:00Z"}, "from"),
        ({"filter": {"tag": ["a:b"]}}, "filter.tag"),
        ({"filter": {"model": "gpt-4o"}}, "filter.model"),
        ({"filter": {"status": ["late"]}}, "filter.status"),
    ],
)
def test_what_cannot_be_used_is_named(acme, calls, key, asked, scope, wrong, field):
    answer = post(key, asked | wrong)

    assert answer.status_code == 400
    assert fields(answer) == {field}
    assert stored(scope, acme) == []


def test_too_many_at_once_are_refused(acme, calls, key, asked, settings):
    settings.EXPORT_MAX_RUNNING = 1
    post(key, asked)

    answer = post(key, asked)

    assert answer.status_code == 400
    assert "are being made already" in answer.json()["errors"][0]["message"]


def test_what_is_not_ready_has_no_file(acme, calls, key, asked, scope):
    post(key, asked)
    (export,) = stored(scope, acme)

    answer = get(key, f"{EXPORTS}/{export.pk}/file")

    assert answer.status_code == 409
    assert answer.json()["detail"] == "There is no file: the export is queued."


def test_a_file_that_the_disk_lost_is_not_there(acme, calls, key, asked, scope, now):
    post(key, asked)
    (export,) = stored(scope, acme)
    make(export, now=now)
    path_of(export).unlink()

    assert get(key, f"{EXPORTS}/{export.pk}/file").status_code == 404


def test_it_is_cancelled_once(acme, calls, key, asked, scope):
    post(key, asked)
    (export,) = stored(scope, acme)

    first, second = (post(key, {}, f"{EXPORTS}/{export.pk}/cancel") for _ in range(2))

    assert (first.status_code, first.json()["state"]) == (200, "cancelled")
    assert (second.status_code, second.json()["detail"]) == (409, "This export is over already.")


def test_it_is_deleted(acme, calls, key, asked, scope):
    post(key, asked)
    (export,) = stored(scope, acme)

    assert Client().delete(f"{EXPORTS}/{export.pk}", headers=key).status_code == 204
    assert stored(scope, acme) == []


def test_unknown_parameters_are_named(acme, calls, key):
    assert fields(get(key, f"{EXPORTS}?colour=red")) == {"colour"}
