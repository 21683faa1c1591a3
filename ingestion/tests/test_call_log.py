from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ingestion import call_log
from ingestion.call_log import Position
from ingestion.tests.factories import make_call, make_calls
from tenants import services
from tenants.models import Project

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
EARLIER, LATER = NOON - timedelta(days=3), NOON + timedelta(days=1)


@pytest.fixture
def in_acme(acme, globex, scope):
    with scope(acme):
        yield acme


@pytest.fixture
def web(in_acme):
    return Project.objects.get(slug="web")


@pytest.fixture
def mobile(in_acme):
    return services.create_project(organization=in_acme, actor=None, name="Mobile")


def read(organization, projects, *, since=EARLIER, until=LATER, filters=None, before=None, limit=50):
    return call_log.calls(
        organization=organization,
        project_ids=[project.pk for project in projects],
        since=since,
        until=until,
        filters=filters or {},
        before=before,
        limit=limit,
    )


def read_all(organization, projects, *, limit):
    pages, before = [], None
    while page := read(organization, projects, before=before, limit=limit):
        pages.append([(call.project_id, call.call_id) for call in page])
        before = call_log.position(page[-1])
    return pages


def ids(calls):
    return [call.call_id for call in calls]


def test_newest_first_across_projects(in_acme, web, mobile):
    make_call(web, call_id="a", started_at=NOON)
    make_call(mobile, call_id="b", started_at=NOON + timedelta(seconds=1))
    make_call(web, call_id="c", started_at=NOON + timedelta(seconds=2))

    assert ids(read(in_acme, [web, mobile])) == ["c", "b", "a"]
    assert ids(read(in_acme, [web])) == ["c", "a"]
    assert read(in_acme, []) == []


def test_period_is_half_open(in_acme, web):
    make_call(web, call_id="first", started_at=NOON)
    make_call(web, call_id="last", started_at=NOON + timedelta(hours=1) - timedelta(microseconds=1))
    make_call(web, call_id="next", started_at=NOON + timedelta(hours=1))

    assert ids(read(in_acme, [web], since=NOON, until=NOON + timedelta(hours=1))) == ["last", "first"]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 7, 100])
def test_pages_have_no_gap_and_no_duplicate_even_at_equal_times(in_acme, web, mobile, limit):
    # ids that collide across projects, times that collide within and across them, and a midnight in between
    moments = [NOON, NOON, NOON, NOON - timedelta(hours=13), NOON - timedelta(hours=13)]
    rows = [{"call_id": f"call-{number}", "started_at": moment} for number, moment in enumerate(moments)]
    for project in (web, mobile):
        make_calls(project, rows)

    pages = read_all(in_acme, [web, mobile], limit=limit)

    expected = sorted(
        ((moment, f"call-{number}", project.pk) for number, moment in enumerate(moments) for project in (web, mobile)),
        reverse=True,
    )
    assert [pair for page in pages for pair in page] == [(project, call) for _, call, project in expected]
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("model", "model", "openai/gpt-4o-mini"),
        ("model", "model_key", "gpt-4o-mini"),
        ("model_key", "model_key", "gpt-4o-mini"),
        ("provider", "provider", "anthropic"),
        ("feature", "feature", "chatbot"),
        ("team", "team", "search"),
        ("environment", "environment", "staging"),
        ("user_id", "user_id", "u-1"),
        ("session_id", "session_id", "s-1"),
        ("trace_id", "trace_id", "t-1"),
        ("status", "status", "error"),
        ("api_key_id", "api_key_id", 77),
        ("source", "source", "gateway"),
        ("tag", "tags", '{"release": "2026.7"}'),
    ],
)
def test_each_filter_keeps_what_matches(in_acme, web, name, column, value):
    make_call(web, call_id="wanted", started_at=NOON, **{column: value})
    make_call(web, call_id="other", started_at=NOON)

    assert ids(read(in_acme, [web], filters={name: [value]})) == ["wanted"]


def test_every_filter_has_a_test():
    marks = test_each_filter_keeps_what_matches.pytestmark
    tested = {name for name, _, _ in marks[0].args[1]} | OF_EVIDENCE.keys()
    assert tested == call_log.FILTERS


# Filters of insights compare more than one column, or not for equality: the value asked for, and whom it finds.
OF_EVIDENCE = {
    "counted": ("true", {}, [{"usage_estimated": True}, {"duplicate_of": "wanted"}]),
    "is_duplicate": ("false", {"usage_estimated": True}, [{"duplicate_of": "wanted"}]),
    "prompt_hash": ("sdk:ab", {"source": "sdk", "prompt_hash": "ab"}, [{"source": "otlp", "prompt_hash": "ab"}]),
    "prompt_prefix_hash": ("sdk:ab", {"source": "sdk", "prompt_prefix_hash": "ab"}, [{"prompt_hash": "ab"}]),
    "cost_source": ("none", {"cost_source": "none", "cost_usd": None}, [{"cost_source": "reported"}]),
    "usage_known": ("true", {"price_match": ""}, [{"price_match": "no-usage", "cost_usd": None}]),
    "total_tokens_below": (
        "100",
        {"input_tokens": 60, "output_tokens": 39},
        [{"input_tokens": 60, "output_tokens": 40}, {"input_tokens": 100, "output_tokens": 0}],
    ),
}


@pytest.mark.parametrize("name", OF_EVIDENCE)
def test_each_filter_of_evidence_keeps_what_matches(in_acme, web, name):
    value, wanted, others = OF_EVIDENCE[name]
    make_call(web, call_id="wanted", started_at=NOON, **wanted)
    make_calls(web, [{"call_id": f"other-{n}", "started_at": NOON} | other for n, other in enumerate(others)])

    assert ids(read(in_acme, [web], filters={name: [value]})) == ["wanted"]


def test_several_values_widen_and_several_filters_narrow(in_acme, web):
    make_call(web, call_id="a", started_at=NOON, feature="chat", team="red")
    make_call(web, call_id="b", started_at=NOON, feature="search", team="red")
    make_call(web, call_id="c", started_at=NOON, feature="search", team="blue")

    assert ids(read(in_acme, [web], filters={"feature": ["chat", "search"]})) == ["c", "b", "a"]
    assert ids(read(in_acme, [web], filters={"feature": ["chat", "search"], "team": ["red"]})) == ["b", "a"]


def test_a_filter_value_is_never_sql(in_acme, web):
    make_call(web, started_at=NOON)

    assert read(in_acme, [web], filters={"feature": ["') or true --", "100%"]}) == []


def test_unknown_filter_is_refused(in_acme, web):
    with pytest.raises(ValueError, match="cannot be filtered by prompt"):
        read(in_acme, [web], filters={"prompt": ["x"]})


def test_foreign_projects_show_nothing(in_acme, globex, web):
    make_call(web, call_id="ours", started_at=NOON)
    foreign = Project(pk=web.pk + 100_000, organization_id=globex.pk)
    make_call(foreign, call_id="theirs", started_at=NOON)

    assert ids(read(in_acme, [web, foreign])) == ["ours"]
    assert call_log.call(project_ids=[foreign.pk], call_id="theirs", started_at=NOON) == []


def test_one_call_by_its_identity(in_acme, web, mobile):
    for project in (mobile, web):
        make_call(project, call_id="a", started_at=NOON)
    make_call(web, call_id="a", started_at=NOON + timedelta(microseconds=1))

    found = call_log.call(project_ids=[web.pk, mobile.pk], call_id="a", started_at=NOON)

    assert [(call.project_id, call.started_at) for call in found] == [(web.pk, NOON), (mobile.pk, NOON)]


def test_pages_are_walked_along_the_index(in_acme, web, mobile):
    before = Position(started_at=NOON, call_id="a", project_id=web.pk)
    with CaptureQueriesContext(connection) as queries:
        read(in_acme, [web, mobile], before=before)

    with connection.cursor() as cursor:
        cursor.execute("set local enable_seqscan = off")  # the tables of a test are too small for an index
        cursor.execute("explain " + queries[-1]["sql"])
        plan = "\n".join(line for (line,) in cursor.fetchall())

    day = f"calls_{NOON:%Y%m%d}"
    assert f"Index Scan Backward using {day}_project_id_started_at_call_id_idx on {day}" in plan
    assert plan.count("Sort") == 2  # of the merged page only: the node and its key
