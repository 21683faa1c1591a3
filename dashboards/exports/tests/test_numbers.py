"""The explorer's numbers as files are the explorer's numbers."""

import csv
import io
import json
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlencode

import openpyxl
import pyarrow.parquet as pq
import pytest
from django.test import Client
from django.urls import reverse

from core.scope import org_scope
from dashboards.explore import selectors
from dashboards.explore.metrics import METRICS
from dashboards.explore.question import Question, Shape
from dashboards.exports import numbers
from dashboards.exports.models import Export
from dashboards.exports.services import path_of
from dashboards.exports.tests.conftest import make
from dashboards.filters import Filter
from dashboards.tests.explore.calls import NOON, TODAY, metrics, mixed
from dashboards.tests.factories import record_calls
from tenants import selectors as tenants
from tenants import services
from tenants.models import ProjectRole, User
from tenants.permissions import Role, Scope
from tenants.tests.keys import bearer, issue_key

ASKED = {"name": "Numbers", "format": "csv"}


@pytest.fixture
def calls(acme, acme_project, scope):
    with scope(acme):
        return record_calls(acme_project, mixed())


def url(acme, **query):
    period = {"from": str(TODAY - timedelta(days=6)), "to": str(TODAY)}
    asked = urlencode(period | {"of": "numbers"} | query, doseq=True)
    return f"{reverse('exports:export-create', args=[acme.slug])}?{asked}"


def rows(answer):
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode(), newline="")))


def test_a_ranking_is_a_row_a_group_and_adds_up_to_the_page(member, acme, calls):
    answer = member.post(url(acme, metric="cost", by=["model"], shape="ranking"), ASKED)

    found = rows(answer)
    assert list(found[0]) == ["model", "cost", "calls", "cost_usd", "unpriced_calls"]
    assert sum(Decimal(row["cost"] or 0) for row in found) == metrics(calls)["cost"]
    assert sum(int(row["calls"]) for row in found) == len(calls)


def test_an_unknown_cost_is_empty_and_never_nought(member, acme, calls):
    found = rows(member.post(url(acme, metric="cost", by=["model"], shape="ranking"), ASKED))

    assert [row["cost"] for row in found if int(row["unpriced_calls"]) == int(row["calls"])] == [""]


def test_over_time_there_is_a_row_a_bucket_and_group(member, acme, calls):
    found = rows(member.post(url(acme, metric="calls", by=["feature"], shape="time"), ASKED))

    assert {row["feature"] for row in found} == {"chat", "search"}
    assert sorted({row["time"] for row in found}) == [str(TODAY - timedelta(days=days)) for days in (4, 3, 2, 1)]
    assert sum(int(row["calls"]) for row in found) == len(calls)


def test_without_groups_there_is_a_row_a_bucket(member, acme, calls):
    found = rows(member.post(url(acme, metric="calls", by="", shape="time"), ASKED))

    assert list(found[0]) == ["time", "calls"]
    assert sum(int(row["calls"]) for row in found) == len(calls)


def test_the_filter_of_the_page_counts(member, acme, calls):
    found = rows(member.post(url(acme, metric="calls", by=["feature"], shape="ranking", feature="chat"), ASKED))

    assert [row["feature"] for row in found] == ["chat"]


def test_what_is_not_named_is_one_row_more(acme, calls, scope):
    with scope(acme):
        chosen = Filter.parse({"range": ["7d"]}, now=NOON, zone=tenants.time_zone(organization=acme))
        question = Question(metric="calls", by=("user", "model"), shape=Shape.RANKING, top=2)
        answer = selectors.answer(organization=acme, project=None, chosen=chosen, question=question)

    found = list(numbers.rows(answer))

    assert [row[0] for row in found][-1] == numbers.OTHERS
    assert sum(row[2] for row in found) == len(calls)


def test_what_is_not_drawn_is_one_row_more_a_bucket(acme, calls, scope):
    with scope(acme):
        chosen = Filter.parse({"range": ["7d"]}, now=NOON, zone=tenants.time_zone(organization=acme))
        question = Question(metric="calls", by=("feature",))
        answer = selectors.answer(organization=acme, project=None, chosen=chosen, question=question, series=1)

    found = list(numbers.rows(answer))

    assert sum(row[2] for row in found) == len(calls)
    assert {row[1] for row in found} > {numbers.OTHERS}


def test_names_that_begin_like_a_formula_are_harmless(member, acme, acme_project, scope):
    with scope(acme):
        record_calls(acme_project, [{"started_at": NOON - timedelta(days=1), "feature": "=cmd()"}])

    assert rows(member.post(url(acme, by=["feature"], shape="ranking"), ASKED))[0]["feature"] == "'=cmd()"


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_can_be_exported_in_every_format(acme, calls, scope, metric):
    question = Question(metric=metric, by=("model",), shape=Shape.RANKING)
    user = User.objects.get(email="owner@acme.test")
    columns = [column.name for column in numbers.columns_of(question)]

    for form in ("json", "parquet", "xlsx"):
        made = export_of(acme, user, question, form, scope)
        assert read(made, form)[0].keys() == set(columns)


def export_of(acme, user, question, form, scope):
    from dashboards.exports.services import Wanted, create_export
    from tenants.models import Project

    with scope(acme):
        projects = list(Project.objects.values_list("pk", flat=True))
    midnight = NOON.replace(hour=0)
    wanted = Wanted(
        form=form,
        name="Numbers",
        kind=Export.Kind.NUMBERS,
        columns=[column.name for column in numbers.columns_of(question)],
        project_ids=projects,
        since=midnight - timedelta(days=6),
        until=midnight + timedelta(days=1),
        filters={},
        narrowed_by=(),
        question=question.to_json(),
    )
    made = create_export(organization=acme, actor=user, wanted=wanted, now=NOON)
    make(made, now=NOON)
    with org_scope(acme.pk):
        return Export.objects.get(pk=made.pk)


def read(made, form):
    assert made.state == "done", made.error
    path = path_of(made)
    match form:
        case "json":
            return json.loads(path.read_text())["rows"]
        case "parquet":
            return pq.ParquetFile(path).read().to_pylist()
    head, *lines = openpyxl.load_workbook(path, read_only=True)["Rows"].iter_rows(values_only=True)
    return [dict(zip(head, line, strict=True)) for line in lines]


def test_a_made_file_has_exact_amounts_and_says_what_was_asked(acme, calls, scope):
    question = Question(metric="cost", by=("feature",), shape=Shape.RANKING)
    made = export_of(acme, User.objects.get(email="owner@acme.test"), question, "parquet", scope)

    assert sum(row["cost"] for row in read(made, "parquet")) == metrics(calls)["cost"]
    about = pq.ParquetFile(path_of(made)).schema_arrow.metadata
    assert about[b"tokenops.Question"] == b"Cost by feature"
    assert made.rows_gone == 0


def test_a_hidden_project_is_in_nobody_s_numbers(member, acme, acme_project, calls, scope):
    secret = services.create_project(organization=acme, actor=None, name="Secret")
    with scope(acme):
        record_calls(secret, [{"started_at": NOON - timedelta(days=1), "feature": "secret"}])
        user = User.objects.get(email="member@acme.test")
        ProjectRole.objects.create(organization=acme, project=secret, user=user, role=Role.NONE)

    found = rows(member.post(url(acme, metric="calls", by=["feature"], shape="ranking"), ASKED))

    assert {row["feature"] for row in found} == {"chat", "search"}


def test_the_form_says_what_it_will_be(member, acme, calls):
    page = member.get(url(acme, metric="tokens", by=["model"])).content.decode()

    assert "Export numbers" in page
    assert 'value="Tokens by model of Acme"' in page
    assert 'name="which"' not in page


# --- Over the API ---


def asked(**more):
    period = {"from": f"{TODAY - timedelta(days=6)}T00:00:00Z", "to": f"{TODAY + timedelta(days=1)}T00:00:00Z"}
    return ASKED | period | {"question": {"metric": "cost", "by": ["feature"]}} | more


def post(acme, body):
    headers = bearer(issue_key(acme, scopes=[Scope.READ]))
    return Client().post("/api/v1/exports", body, content_type="application/json", headers=headers)


def test_the_api_exports_numbers(acme, calls, scope):
    answer = post(acme, asked(filter={"endpoint_name": ["chat"]}))
    assert answer.status_code == 201
    assert answer.json()["columns"] == ["feature", "cost", "calls", "cost_usd", "unpriced_calls"]
    with scope(acme):
        export = Export.objects.select_related("organization").get()
    make(export, now=NOON)

    with path_of(export).open(newline="") as file:
        (row,) = csv.DictReader(file)
    chats = [call for call in calls if call["feature"] == "chat"]
    assert (row["feature"], Decimal(row["cost"])) == ("chat", metrics(chats)["cost"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"question": {"metric": "love"}},
        {"question": {"by": ["moon"]}},
        {"question": {"by": ["model", "model"]}},
        {"question": {"by": ["model", "team", "user"]}},
        {"question": {"shape": "donut"}},
        {"columns": ["id"]},
        {"filter": {"trace_id": ["t"]}},
        {"from": "2010-01-01T00:00:00Z"},
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(acme, calls, scope, wrong):
    assert post(acme, asked(**wrong)).status_code == 400
    with scope(acme):
        assert not Export.objects.exists()


def test_the_page_that_shows_the_same_is_named(acme, calls, scope):
    post(acme, asked())
    with scope(acme):
        export = Export.objects.get()

    query = numbers.query_of(export)

    assert "since=" in query
    assert "by=feature" in query
    assert "shape=ranking" in query
