"""Traces and sessions as they are read: which are on a page, what they add up to, and by which index."""

from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from core.databases import OWNER
from core.scope import org_scope
from dashboards import trace, traces
from dashboards.tests.factories import make_many_calls
from dashboards.traces import Kind, Reach
from ingestion.tests.factories import make_call, make_calls
from tenants import services
from tenants.models import Project

MINUTE = timedelta(minutes=1)


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def reach(acme, acme_project, now):
    return reach_of(acme_project, now=now)


def reach_of(*projects, now, days=31):
    return Reach(
        organization_id=projects[0].organization_id,
        project_ids=[project.pk for project in projects],
        since=now - timedelta(days=days),
        until=now + MINUTE,
    )


def pages(kind, reach, filters=None):
    """The ids of every page."""
    found, before = [], None
    with org_scope(reach.organization_id):
        while True:
            page = traces.page(kind, reach, filters or {}, before=before)
            found.append(page.ids)
            if page.older is None:
                return found
            before = page.older


def sums(kind, reach, *ids):
    with org_scope(reach.organization_id):
        return traces.summaries(kind, reach, ids)


def test_traces_are_listed_once_by_their_newest_call(acme_project, reach, now):
    make_calls(
        acme_project,
        [
            {"trace_id": "a", "started_at": now - 9 * MINUTE},
            {"trace_id": "b", "started_at": now - 8 * MINUTE},
            {"trace_id": "a", "started_at": now - 7 * MINUTE},
            {"trace_id": "", "started_at": now - 6 * MINUTE},
        ],
    )

    assert pages(Kind.TRACE, reach) == [["a", "b"]]


def test_a_page_ends_after_fifty_and_no_trace_is_on_two(acme_project, reach, now):
    rows = [{"trace_id": f"t{n % 120:03}", "started_at": now - n * MINUTE} for n in range(240)]
    make_calls(acme_project, rows)

    found = pages(Kind.TRACE, reach)

    assert [len(page) for page in found] == [50, 50, 20]
    assert [one for page in found for one in page] == [f"t{n:03}" for n in range(120)]


def test_a_trace_between_two_pages_is_on_the_first_only(acme_project, reach, now):
    rows = [{"trace_id": f"t{n:02}", "started_at": now - n * MINUTE} for n in range(55)]
    rows += [{"trace_id": "t00", "started_at": now - 60 * MINUTE}, {"trace_id": "t01", "started_at": now - 50 * MINUTE}]
    make_calls(acme_project, rows)

    assert pages(Kind.TRACE, reach) == [[f"t{n:02}" for n in range(50)], [f"t{n:02}" for n in range(50, 55)]]


def test_calls_of_one_moment_do_not_lose_a_trace_between_pages(acme_project, reach, now):
    make_calls(acme_project, [{"trace_id": f"t{n:03}", "started_at": now - MINUTE} for n in range(130)])

    found = pages(Kind.TRACE, reach)

    assert sorted(one for page in found for one in page) == [f"t{n:03}" for n in range(130)]


def test_what_a_filter_keeps_of_a_trace_brings_it_on_the_list(acme_project, reach, now):
    make_calls(
        acme_project,
        [
            {"trace_id": "a", "feature": "chat", "started_at": now - 3 * MINUTE},
            {"trace_id": "a", "feature": "other", "started_at": now - MINUTE},
            {"trace_id": "b", "feature": "other", "started_at": now - 2 * MINUTE},
        ],
    )

    assert pages(Kind.TRACE, reach, {"feature": ["chat"]}) == [["a"]]
    assert sums(Kind.TRACE, reach, "a")["a"].calls == 2


def test_a_page_that_looked_at_very_many_calls_goes_on_from_there(acme_project, reach, now, monkeypatch):
    monkeypatch.setattr(traces, "MOST_READ", 600)
    make_many_calls(acme_project, 700, since=now - timedelta(days=2), apart=timedelta(seconds=1), trace_id="big")
    make_call(acme_project, trace_id="small", started_at=now - timedelta(days=3))

    found = pages(Kind.TRACE, reach)

    assert found == [["big"], ["small"]]


def test_sums_are_of_all_calls_exact_and_without_second_records(acme_project, reach, now):
    start = now - timedelta(days=3)
    make_calls(
        acme_project,
        [
            {"trace_id": "t", "started_at": start, "cost_usd": Decimal("0.1"), "user_id": "ada", "session_id": "s"},
            {"trace_id": "t", "started_at": start + MINUTE, "cost_usd": Decimal("1e-25"), "status": "error"},
            {"trace_id": "t", "started_at": start + 2 * MINUTE, "cost_usd": None, "cost_source": "none"},
            {"trace_id": "t", "started_at": start + 3 * MINUTE, "usage_estimated": True, "cost_usd": Decimal("0.2")},
            {
                "trace_id": "t",
                "started_at": start + 4 * MINUTE,
                "latency_ms": 1500.0,
                "duplicate_of": "x",
                "model_key": "z",
                "status": "error",
            },
        ],
    )

    found = sums(Kind.TRACE, reach, "t")["t"]

    assert (found.calls, found.duplicates, found.errors) == (4, 1, 1)
    assert (found.unpriced_calls, found.estimated_calls) == (1, 1)
    assert found.cost_usd == Decimal("0.3000000000000000000000001")
    assert (found.input_tokens, found.output_tokens, found.tokens) == (4000, 2000, 6000)
    assert found.duration_ms == 4 * 60_000 + 1500
    assert (found.models, found.users, found.sessions) == (["gpt-4o", "z"], ["ada"], ["s"])


def test_a_trace_without_any_price_costs_nothing_that_is_known(acme_project, reach):
    make_call(acme_project, trace_id="t", cost_usd=None, cost_source="none")

    assert sums(Kind.TRACE, reach, "t")["t"].cost_usd is None


def test_sessions_count_their_traces(acme_project, reach, now):
    make_calls(
        acme_project,
        [{"session_id": "s", "trace_id": name, "started_at": now - MINUTE} for name in ("a", "b", "b", "")],
    )

    found = sums(Kind.SESSION, reach, "s")["s"]

    assert (found.calls, found.traces) == (4, 2)
    assert pages(Kind.SESSION, reach) == [["s"]]


def test_traces_of_a_session_are_in_the_order_of_their_start(acme_project, reach, now):
    make_calls(
        acme_project,
        [
            {"session_id": "s", "trace_id": name, "started_at": now - after * MINUTE}
            for name, after in (("b", 5), ("a", 9), ("b", 20), ("", 30))
        ],
    )
    make_call(acme_project, session_id="other", trace_id="c")

    with org_scope(acme_project.organization_id):
        assert trace.trace_ids(reach, "s", limit=9) == ["b", "a"]
        assert trace.trace_ids(reach, "s", limit=1) == ["b"]


def test_a_trace_crosses_projects_and_no_organizations(acme, acme_project, globex, now):
    with org_scope(acme.pk):
        other = services.create_project(organization=acme, actor=None, name="Other")
    with org_scope(globex.pk):
        foreign = Project.objects.get()
    for project in (acme_project, other, foreign):
        make_call(project, trace_id="t")

    both, one = (
        sums(Kind.TRACE, reach_of(*projects, now=now), "t")["t"] for projects in ((acme_project, other), (other,))
    )

    assert (both.calls, sorted(both.project_ids)) == (2, sorted([acme_project.pk, other.pk]))
    assert one.project_ids == [other.pk]


def test_another_organizations_project_id_is_of_no_use(acme, globex, now):
    with org_scope(globex.pk):
        foreign = Project.objects.get()
    make_call(foreign, trace_id="t")
    reach = Reach(organization_id=acme.pk, project_ids=[foreign.pk], since=now - timedelta(days=1), until=now + MINUTE)

    assert sums(Kind.TRACE, reach, "t") == {}
    assert pages(Kind.TRACE, reach) == [[]]


@pytest.mark.parametrize("name", ["a/b/../c", "..", "?id=x&y#z", "☃ сессия 漢字", "x" * 255, "' or 1=1 --", " "])
def test_ids_are_whatever_the_client_sent(acme_project, reach, name):
    make_call(acme_project, trace_id=name, session_id=name)

    for kind in Kind:
        assert pages(kind, reach) == [[name]]
        assert sums(kind, reach, name)[name].calls == 1


def test_whether_there_are_any_is_asked_within_the_days(acme_project, now):
    make_call(acme_project, trace_id="t", started_at=now - timedelta(days=5))

    with org_scope(acme_project.organization_id):
        assert traces.has_any(Kind.TRACE, reach_of(acme_project, now=now))
        assert not traces.has_any(Kind.TRACE, reach_of(acme_project, now=now, days=4))
        assert not traces.has_any(Kind.SESSION, reach_of(acme_project, now=now))


# --- One trace ---


def test_ten_thousand_calls_are_read_in_order_and_summed_exactly(acme_project, reach, now):
    make_many_calls(acme_project, 10_000, since=now - timedelta(hours=5), apart=timedelta(seconds=1), trace_id="t")

    with org_scope(acme_project.organization_id):
        steps = trace.steps(Kind.TRACE, reach, "t")
        shown = trace.calls(reach, steps[9_800:])

    assert len(steps) == 10_000
    assert [step.span.call_id for step in steps[:2]] == ["call-000000", "call-000001"]
    assert [place.call.call_id for place in shown] == [f"call-{n:06}" for n in range(9_800, 10_000)]
    assert steps[-1].total_usd == Decimal("10.000") == sums(Kind.TRACE, reach, "t")["t"].cost_usd


def test_more_steps_than_a_page_can_order_are_cut_and_the_sums_are_not(acme_project, reach, now, monkeypatch):
    monkeypatch.setattr(trace, "MOST_STEPS", 3)
    make_many_calls(acme_project, 5, since=now - MINUTE, apart=timedelta(seconds=1), trace_id="t")

    with org_scope(acme_project.organization_id):
        steps = trace.steps(Kind.TRACE, reach, "t")

    assert [step.span.call_id for step in steps] == ["call-000000", "call-000001", "call-000002"]
    assert sums(Kind.TRACE, reach, "t")["t"].calls == 5


def test_a_second_record_is_a_step_that_adds_nothing(acme_project, reach, now):
    make_calls(
        acme_project,
        [
            {"trace_id": "t", "call_id": "a", "started_at": now - 2 * MINUTE, "cost_usd": Decimal("0.5")},
            {
                "trace_id": "t",
                "call_id": "b",
                "started_at": now - MINUTE,
                "cost_usd": Decimal("0.5"),
                "duplicate_of": "a",
            },
        ],
    )

    with org_scope(acme_project.organization_id):
        steps = trace.steps(Kind.TRACE, reach, "t")

    assert [step.total_usd for step in steps] == [Decimal("0.5"), Decimal("0.5")]


def test_a_session_is_read_by_time_whoever_called_whom(acme_project, reach, now):
    rows = [("root", 9, "r", ""), ("alone", 8, "", ""), ("child", 7, "c", "r")]
    make_calls(
        acme_project,
        [
            {
                "call_id": name,
                "started_at": now - after * MINUTE,
                "span_id": of,
                "parent_span_id": parent,
                "trace_id": "t",
                "session_id": "s",
            }
            for name, after, of, parent in rows
        ],
    )

    with org_scope(acme_project.organization_id):
        of_session = trace.steps(Kind.SESSION, reach, "s")
        of_trace = trace.steps(Kind.TRACE, reach, "t")

    assert [(step.span.call_id, step.depth) for step in of_session] == [("root", 0), ("alone", 0), ("child", 0)]
    assert [(step.span.call_id, step.depth) for step in of_trace] == [("root", 0), ("child", 1), ("alone", 0)]


# --- The plan ---


@pytest.mark.parametrize("kind", list(Kind))
def test_one_id_is_looked_up_by_its_index_in_the_days_asked_for_only(acme_project, now, kind):
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    many = {kind.column: "big"}
    make_many_calls(acme_project, 3_000, since=noon, apart=timedelta(seconds=1), **many)
    make_call(acme_project, started_at=noon, **{kind.column: "one"})
    leaf = f"calls_{noon:%Y%m%d}"
    with psycopg.connect(settings.DATABASE.conninfo(OWNER), autocommit=True) as owner:
        owner.execute(f"analyze {leaf}")
    reach = Reach(
        organization_id=acme_project.organization_id,
        project_ids=[acme_project.pk],
        since=noon - timedelta(days=1),
        until=noon + timedelta(days=1),
    )

    with org_scope(acme_project.organization_id), connection.cursor() as cursor:
        cursor.execute("explain (format json) " + traces.sums_sql(kind), reach.parameters | {"ids": ["one"]})
        (plan,) = cursor.fetchone()

    found = nodes(plan)
    days = [noon - timedelta(days=1), noon, noon + timedelta(days=1)]
    assert {node["Relation Name"] for node in found if "Relation Name" in node} <= {
        f"calls_{day:%Y%m%d}" for day in days
    }
    assert not [node for node in found if node["Node Type"] == "Seq Scan" and node["Relation Name"] == leaf]
    assert [node for node in found if kind.column in node.get("Index Cond", "") and leaf in node["Index Name"]]


def nodes(plan):
    """Every node of a plan."""
    if isinstance(plan, list):
        return [node for one in plan for node in nodes(one)]
    return [*([plan] if "Node Type" in plan else []), *nodes(plan.get("Plan", [])), *nodes(plan.get("Plans", []))]
