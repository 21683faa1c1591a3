from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conftest import make_user
from core.scope import org_scope
from dashboards import log
from dashboards.tests.factories import make_rollup, record_calls
from ingestion import call_log, end_users
from ingestion.tests.factories import make_call
from tenants import key_services, services
from tenants.models import Project
from tenants.permissions import Scope

TODAY = timezone.now().date()
NOON = datetime.combine(TODAY, time(12), UTC)
NOBODY = 10**9


@pytest.fixture
def in_acme(acme, scope):
    with scope(acme):
        yield acme


@pytest.fixture
def web(in_acme):
    return Project.objects.get(slug="web")


@pytest.fixture
def mobile(in_acme):
    return services.create_project(organization=in_acme, actor=None, name="Mobile")


@pytest.fixture
def page(in_acme, chosen):
    """``page("range=30d", project=web)``"""

    def read(query="", *, project=None, before=None, now=NOON):
        found = chosen(query, now=now).for_log()
        return log.page(organization=in_acme, project=project, chosen=found, before=before)

    return read


def ago(**delta):
    return NOON - timedelta(**delta)


def ids(found):
    return [call.call_id for call in found.calls]


def pages_of(read, query="", **options):
    found, before = [], None
    while True:
        page = read(query, before=before, **options)
        found.append(page)
        if page.older is None:
            return found
        before = page.older


def test_newest_first_of_every_project(page, web, mobile):
    record_calls(web, [{"call_id": "a", "started_at": ago(hours=3)}, {"call_id": "c", "started_at": ago(hours=1)}])
    record_calls(mobile, [{"call_id": "b", "started_at": ago(hours=2)}])

    assert ids(page()) == ["c", "b", "a"]
    assert ids(page(project=web)) == ["c", "a"]
    assert page().older is None


def test_without_calls_a_page_is_empty(page):
    found = page()

    assert (found.calls, found.older) == ([], None)


def test_pages_have_no_gap_and_no_duplicate(page, web, mobile):
    # Fifty calls of each project at one moment, then one a day for a month: ties, midnights and sparse days.
    together = [{"call_id": f"t{n:02}", "started_at": ago(days=1)} for n in range(60)]
    sparse = [{"call_id": f"s{n:02}", "started_at": ago(days=n + 2, minutes=n)} for n in range(28)]
    record_calls(web, together + sparse)
    record_calls(mobile, together)

    found = pages_of(page, "range=30d")

    pairs = [(call.project_id, call.call_id) for one in found for call in one.calls]
    expected = [(p, f"t{n:02}") for n in reversed(range(60)) for p in sorted((web.pk, mobile.pk), reverse=True)]
    assert pairs == expected + [(web.pk, f"s{n:02}") for n in range(28)]
    assert [len(one.calls) for one in found] == [50, 50, 48]


def test_a_page_that_is_exactly_full_is_the_last_one(page, web):
    record_calls(web, [{"started_at": ago(minutes=n)} for n in range(50)])

    found = page()

    assert (len(found.calls), found.older) == (50, None)


def test_the_log_is_as_long_as_the_period(page, web):
    start = datetime.combine(TODAY - timedelta(days=6), time(), UTC)
    instant = timedelta(microseconds=1)
    record_calls(
        web, [{"call_id": "first", "started_at": start}, {"call_id": "earlier", "started_at": start - instant}]
    )

    assert ids(page()) == ["first"]
    assert ids(page("range=30d")) == ["first", "earlier"]


def test_twenty_four_hours_end_in_the_middle_of_a_day(page, web):
    record_calls(
        web, [{"call_id": "in", "started_at": ago(hours=23)}, {"call_id": "out", "started_at": ago(hours=23.5)}]
    )

    assert ids(page("range=24h")) == ["in"]


def test_days_are_local_to_the_organization(db, chosen):
    owner = make_user("owner@auckland.test")
    organization = services.create_organization(actor=owner, name="Auckland", time_zone="Pacific/Auckland")
    project = services.create_project(organization=organization, actor=owner, name="Web")
    zone = ZoneInfo("Pacific/Auckland")
    midnight = datetime.combine(TODAY - timedelta(days=3), time(), zone).astimezone(UTC)
    rows = {"early": midnight, "late": midnight + timedelta(hours=22), "before": midnight - timedelta(seconds=1)}
    record_calls(project, [{"call_id": name, "started_at": moment} for name, moment in rows.items()])
    day = TODAY - timedelta(days=3)

    with org_scope(organization.pk):
        one_day = chosen(f"from={day}&to={day}", now=NOON, zone=zone)
        found = log.page(organization=organization, project=None, chosen=one_day)

    assert ids(found) == ["late", "early"]


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("provider=anthropic", {"provider": "anthropic"}),
        ("model=sonnet", {"model_key": "sonnet"}),
        ("endpoint_name=chat", {"feature": "chat"}),
        ("team=red", {"team": "red"}),
        ("environment=staging", {"environment": "staging"}),
        ("status=error", {"status": "error"}),
        ("trace_id=t-1", {"trace_id": "t-1"}),
        ("session_id=s-1", {"session_id": "s-1"}),
        ("user_id=u-1", {"user_id": "u-1"}),
        ("tag=release:2026.7", {"tags": {"release": "2026.7", "tier": "pro"}}),
        ("tag=release: 2026.7&team=red", {"tags": {"release": "2026.7"}, "team": "red"}),
    ],
)
def test_each_filter_keeps_what_matches(page, web, query, columns):
    record_calls(
        web,
        [
            {"call_id": "wanted", "started_at": ago(days=2), **columns},
            {"call_id": "other", "started_at": ago(days=1)},
            {"call_id": "old", "started_at": ago(days=9), **columns},
        ],
    )

    assert ids(page(query)) == ["wanted"]
    assert ids(page(query, project=web)) == ["wanted"]


def test_calls_without_a_team_can_be_asked_for(page, web):
    record_calls(web, [{"call_id": "none", "started_at": ago(hours=1)}, {"started_at": ago(hours=1), "team": "red"}])

    assert ids(page("team=(none)")) == ["none"]


def test_successful_calls_can_be_asked_for(page, web):
    rows = [
        {"call_id": "bad", "started_at": ago(days=1), "status": "error"},
        {"call_id": "ok", "started_at": ago(days=2)},
    ]
    record_calls(web, rows)

    assert ids(page("status=ok")) == ["ok"]


def test_projects_and_keys_are_named_as_in_the_address_bar(page, in_acme, web, mobile):
    key = key_services.create_key(organization=in_acme, actor=None, name="prod", scopes=[Scope.INGEST], project=web).key
    record_calls(web, [{"call_id": "w", "started_at": ago(hours=1), "api_key_id": key.pk}])
    record_calls(mobile, [{"call_id": "m", "started_at": ago(hours=2), "trace_id": "t", "api_key_id": NOBODY}])

    assert ids(page("project=mobile")) == ["m"]
    assert ids(page("project=mobile&trace=t")) == ["m"]
    assert ids(page("project=web&trace=t")) == []
    assert ids(page(f"key={key.prefix}")) == ["w"]
    assert ids(page("key=nobody12")) == []
    assert ids(page(f"key={key.prefix}&trace=t")) == []


def test_a_personal_id_is_found_although_only_its_hash_is_stored(page, in_acme, web):
    hashed = end_users.as_stored(organization=in_acme, user_ids=["ada@example.test"])[-1]
    record_calls(web, [{"call_id": "ada", "started_at": ago(hours=1), "user_id": hashed}, {"started_at": ago(hours=1)}])

    assert hashed != "ada@example.test"
    assert ids(page("user=ada@example.test")) == ["ada"]


def test_a_search_reads_a_month_at_most(page, web):
    rows = {"inside": ago(days=30), "outside": ago(days=31)}
    record_calls(web, [{"call_id": name, "started_at": at, "trace_id": "t"} for name, at in rows.items()])

    assert ids(page("range=90d&trace=t")) == ["inside"]
    assert ids(page("range=90d")) == ["inside", "outside"]


def test_a_value_is_never_sql(page, web):
    record_calls(web, [{"started_at": ago(hours=1)}])

    assert page("feature=') or true --").calls == []
    assert page("tag=a':\"b").calls == []
    assert page("trace=%25").calls == []


def test_values_that_rollups_no_longer_tell_apart_are_still_found(page, web):
    make_rollup(web, TODAY - timedelta(days=3), feature="(other)")
    make_call(web, call_id="folded", started_at=ago(days=3), feature="folded")

    assert ids(page("feature=folded")) == ["folded"]


def test_calls_that_are_no_longer_kept_end_the_log(page, web):
    for days in range(1, 7):
        make_rollup(web, TODAY - timedelta(days=days))
    record_calls(web, [{"call_id": "kept", "started_at": ago(hours=1)}])

    found = page()

    assert (ids(found), found.older) == (["kept"], None)


def test_a_rare_feature_reads_only_the_days_it_was_called_on(page, web):
    record_calls(
        web,
        [{"started_at": ago(days=n), "feature": "usual"} for n in range(25)]
        + [{"call_id": "rare", "started_at": ago(days=20), "feature": "rare"}],
    )

    with CaptureQueriesContext(connection) as captured:
        found = page("range=30d&feature=rare", project=web)

    reads = [query["sql"] for query in captured if "from calls" in query["sql"]]
    assert ids(found) == ["rare"]
    assert len(reads) == 1
    day = TODAY - timedelta(days=20)
    assert f"'{day} 00:00:00" in reads[0]
    assert f"'{day + timedelta(days=1)} 00:00:00" in reads[0]


def test_a_busy_log_asks_two_questions(page, web, django_assert_num_queries):
    record_calls(web, [{"started_at": ago(minutes=n)} for n in range(60)])

    with django_assert_num_queries(2):
        page("range=90d", project=web)


def test_a_sparse_log_asks_few_questions(page, web, django_assert_max_num_queries):
    record_calls(web, [{"started_at": ago(days=n)} for n in range(38)])

    with django_assert_max_num_queries(14):
        found = page("range=90d", project=web)

    assert len(found.calls) == 38


def test_the_next_page_begins_on_the_day_of_the_last_call(page, web):
    record_calls(web, [{"started_at": ago(minutes=n)} for n in range(60)])

    first = page()
    second = page(before=first.older)

    assert [call.started_at for call in second.calls] == [ago(minutes=n) for n in range(50, 60)]


def test_other_organizations_are_never_shown(acme, globex, scope, chosen):
    with scope(globex):
        foreign = Project.objects.get(slug="web")
        record_calls(foreign, [{"started_at": ago(hours=1), "trace_id": "t"}])

    with scope(acme):
        for query in ("", "trace=t", "project=web", "feature=default"):
            one = chosen(query, now=NOON)
            assert log.page(organization=acme, project=None, chosen=one).calls == []
            assert log.page(organization=globex, project=None, chosen=one).calls == []
            assert log.page(organization=acme, project=foreign, chosen=one).calls == []


def test_one_call_is_found_by_its_identity(in_acme, web, mobile):
    record_calls(web, [{"call_id": "a/b", "started_at": ago(hours=1)}])

    assert log.call(project=web, call_id="a/b", started_at=ago(hours=1)).call_id == "a/b"
    assert log.call(project=web, call_id="a/b", started_at=ago(hours=2)) is None
    assert log.call(project=mobile, call_id="a/b", started_at=ago(hours=1)) is None


def test_a_fingerprint_tells_when_the_page_changed(page, web):
    record_calls(web, [{"call_id": "a", "started_at": ago(hours=1)}])
    before = page().fingerprint

    assert page().fingerprint == before
    record_calls(web, [{"call_id": "b", "started_at": ago(hours=2)}])
    assert page().fingerprint != before


def test_positions_are_those_of_the_shared_log(page, web):
    record_calls(web, [{"started_at": ago(minutes=n)} for n in range(51)])

    found = page()

    assert found.older == call_log.position(found.calls[-1])
    assert found.older.started_at == ago(minutes=49)
