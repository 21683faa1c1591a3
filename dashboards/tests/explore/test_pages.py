from datetime import timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlencode, urlsplit

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conftest import make_organization
from core.databases import OWNER
from core.scope import org_scope
from dashboards import log
from dashboards.filters import Filter
from dashboards.tests.explore.calls import TODAY, mixed
from dashboards.tests.factories import record_calls
from tenants import services
from tenants.models import Project

HTMX = {"HX-Request": "true"}
# Who is asking, their membership, the scope, its zone, navigation; then activity, the numbers in a savepoint, colours.
QUERIES = 16
PROJECT_QUERIES = 17
REFRESH_QUERIES = 10


@pytest.fixture
def web(acme, acme_project):
    return acme_project


def url(organization, of_project=None, **query):
    slugs = [organization.slug] + ([of_project.slug] if of_project else [])
    path = reverse(f"dashboards:{'project' if of_project else 'organization'}-explorer", args=slugs)
    return f"{path}?{urlencode(query, doseq=True)}" if query else path


def ago(**delta):
    return timezone.now() - timedelta(**delta)


def record(project, rows):
    with org_scope(project.organization_id):
        return record_calls(project, rows)


def text(response):
    return response.content.decode()


def lines(response):
    return {linked.line.names: linked.line.value for linked in response.context["page"].lines}


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("owner", 200),
        ("admin", 200),
        ("member", 200),
        ("viewer", 200),
        ("nobody", 403),
        ("outsider", 404),
        ("anonymous", 302),
    ],
)
def test_whoever_reads_telemetry_explores_it(request, acme, web, who, status):
    client = request.getfixturevalue(who)

    assert client.get(url(acme)).status_code == status
    assert client.get(url(acme, web)).status_code == (404 if who == "nobody" else status)


def test_only_reading_is_answered(owner, acme):
    assert owner.post(url(acme)).status_code == 405


def test_before_the_first_call_the_page_says_what_to_do(owner, acme, web):
    page = text(owner.get(url(acme)))

    assert "No calls yet" in page
    assert 'id="explore-metric"' not in page


def test_a_page_has_a_chart_and_a_table_with_the_same_numbers(owner, acme, web):
    record(
        web,
        [
            {"started_at": ago(hours=1), "cost_usd": Decimal("1.5")},
            {"started_at": ago(hours=2), "cost_usd": Decimal(2), "model_key": "mini"},
        ],
    )

    response = owner.get(url(acme))
    page = response.context["page"]

    assert page.title == "Cost by model"
    assert lines(response) == {("mini",): "$2.00", ("gpt-4o",): "$1.50"}
    assert page.table.total.value == "$3.50"
    assert {one["name"]: sum(one["data"]) for one in page.chart["series"]} == {"mini": 2, "gpt-4o": Decimal("1.5")}
    assert "<h2" in text(response)


def test_every_control_is_a_part_of_the_address(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "team": "red"}])

    response = owner.get(
        url(acme, metric="calls", by=["team", "model"], shape="ranking", top=10, range="24h", team="red")
    )

    controls, page = response.context["controls"], response.context["page"]
    chosen = [
        next(choice.value for choice in choices if choice.is_chosen)
        for choices in (controls.by, controls.then, controls.shapes, controls.kinds, controls.tops)
    ]
    assert chosen == ["team", "model", "ranking", "stacked-bar", "10"]
    assert [choice.value for _, kind in controls.metrics for choice in kind if choice.is_chosen] == ["calls"]
    assert page.title == "Calls by team and model"
    for link in (*response.context["bar"].ranges, *response.context["bar"].chips):
        address = link.url if hasattr(link, "url") else link.remove_url
        query = parse_qs(urlsplit(address).query)
        assert (query["metric"], query["by"], query["shape"]) == (["calls"], ["team", "model"], ["ranking"])
    assert ("metric", "calls") in response.context["bar"].hidden


def test_a_grouping_is_offered_once_and_projects_only_where_there_are_several(owner, acme, web):
    record(web, [{"started_at": ago(hours=1)}])

    of_all, of_one = owner.get(url(acme)).context["controls"], owner.get(url(acme, web)).context["controls"]

    assert "model" in [choice.value for choice in of_all.by]
    assert "model" not in [choice.value for choice in of_all.then]
    assert "project" in [choice.value for choice in of_all.by]
    assert "project" not in [choice.value for choice in of_one.by]


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"metric": "charm"}, "There is no such metric; the cost is shown."),
        ({"by": ["mood"]}, "what else was asked for is left out."),
        ({"by": ["team", "team"]}, "Both groupings were the same; it is shown once."),
        ({"by": ["team", "model", "key"]}, "at most 2 dimensions"),
        ({"shape": "pyramid"}, "they are shown over time."),
        ({"top": "10000"}, "From 1 to 200 groups can be listed"),
        ({"chart": "pyramid"}, ""),
        ({"range": "5y"}, "The range must be one of"),
        ({"from": "2016-01-01", "to": "2036-01-01"}, ""),
        ({"from": "2036-01-01", "to": "2016-01-01"}, "The first day must not be after"),
        ({"metric": "a\0b", "by": "\0", "top": "é"}, "There is no such metric"),
        ({"status": "'"}, "The status must be ok or error"),
    ],
)
def test_bad_parameters_give_a_page_that_says_so(owner, acme, web, query, problem):
    record(web, [{"started_at": ago(hours=1)}])

    for address in (url(acme, **query), url(acme, web, **query)):
        response = owner.get(address)

        assert response.status_code == 200
        assert problem in text(response)
        assert response.context["page"].table.total.calls == 1


def test_a_filter_that_matches_nothing_says_what_to_do(owner, acme, web):
    record(web, [{"started_at": ago(hours=1)}])

    response = owner.get(url(acme, metric="calls", feature="nothing"))

    assert "No calls match" in text(response)
    assert response.context["state"] == "nothing"
    assert "metric=calls" in response.context["clear_url"]
    assert "feature" not in response.context["clear_url"]


def test_calls_without_a_price_are_said_to_be_missing(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "cost_usd": None, "cost_source": "none"}, {"started_at": ago(hours=1)}])

    assert "1 call has no price" in text(owner.get(url(acme)))
    assert "no price" not in text(owner.get(url(acme, metric="calls")))


def test_a_metric_that_nothing_is_known_of_has_an_empty_chart(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "latency_ms": None, "cost_usd": None, "cost_source": "none"}])

    assert "No call in this period has a price." in text(owner.get(url(acme)))
    page = text(owner.get(url(acme, metric="latency_p95")))
    assert "No call in this period says how long it took." in page
    assert 'class="num">–</td>' in page


def test_the_bar_says_when_calls_are_read(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "tags": {"a": "b"}}])

    assert owner.get(url(acme)).context["bar"].source_note == ""
    assert owner.get(url(acme, tag="a:b")).context["bar"].source_note == "Reads calls: at most 31 days."
    long = owner.get(url(acme, tag="a:b", range="90d"))
    assert long.context["bar"].source_note == "Reads calls: at most 31 days, the latest of the period."
    assert len(long.context["page"].chart["x"]) == 31
    assert "range=90d" in long.context["page"].lines[0].url
    assert owner.get(url(acme, by="user", metric="calls")).context["bar"].source_note == "From daily sums per user"
    assert owner.get(url(acme, by="user", metric="latency_p95")).context["bar"].source_note.startswith("Reads calls")


# --- Drilling down ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("query", "of_project"),
    [
        ({"by": ["model", "feature"]}, False),
        ({"by": ["team"], "environment": "live"}, False),
        ({"by": ["user"], "metric": "calls"}, False),
        ({"by": ["user", "status"], "from": str(TODAY - timedelta(days=2)), "to": str(TODAY)}, False),
        ({"by": ["status"], "metric": "calls", "shape": "ranking"}, True),
        ({"by": ["project", "environment"], "tag": "app:shop"}, False),
        ({"by": ["provider"], "metric": "calls", "session": "one"}, True),
    ],
)
def test_a_row_leads_to_its_calls(owner, acme, web, query, of_project):
    with org_scope(acme.pk):
        mobile = services.create_project(organization=acme, actor=None, name="Mobile")
    record(web, mixed())
    record(mobile, mixed()[:9])

    response = owner.get(url(acme, web if of_project else None, **query))

    now = response.context["chosen"].now
    assert len(response.context["page"].lines) > 1
    for linked in response.context["page"].lines:
        parts = urlsplit(linked.calls_url)
        with org_scope(acme.pk):
            chosen = Filter.parse(parse_qs(parts.query), now=now, zone=response.context["chosen"].zone)
            found = log.sums(organization=acme, project=web if of_project else None, chosen=chosen)
        assert found.calls == linked.line.calls
        if query.get("metric") != "calls":
            assert found.cost_usd == linked.line.number
        assert owner.get(linked.calls_url).status_code == 200


def test_a_group_narrows_the_page_to_itself_and_keeps_the_question(owner, acme, web):
    record(web, [{"started_at": ago(hours=1)}, {"started_at": ago(hours=1), "provider": "acme", "model_key": "llama"}])
    first = owner.get(url(acme, metric="calls", by=["model", "team"], shape="ranking", range="24h"))
    [link] = [one.url for one in first.context["page"].lines if one.line.names[0] == "llama"]

    response = owner.get(link)

    assert lines(response) == {("llama", "(none)"): "1"}
    assert response.context["page"].title == "Calls by model and team"
    assert response.context["chosen"].range == "24h"
    assert response.context["chosen"].narrowed_by == (("team", "(none)"), ("provider", "acme"), ("model", "llama"))


def test_a_deleted_key_leads_nowhere(owner, acme, web):
    record(web, [{"started_at": ago(hours=1)}])

    [linked] = owner.get(url(acme, by="key")).context["page"].lines

    assert (linked.line.names, linked.url, linked.calls_url) == (("Deleted key 1",), "", "")


def test_what_is_not_kept_apart_leads_to_no_calls(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "feature": "(other)"}])

    response = owner.get(url(acme, by="feature", metric="calls"))

    [linked] = response.context["page"].lines
    assert linked.calls_url == ""
    assert owner.get(linked.url).context["page"].table.total.calls == 1
    assert "Beyond 2,000 values a day, everything else is counted as (other)." in text(response)


@pytest.mark.parametrize("name", ["x" * 100, "要約を作る", "ملخص", "<img src=x>", "a&b=c"])
def test_any_name_is_shown_and_led_to(owner, acme, web, name):
    record(web, [{"started_at": ago(hours=1), "feature": name}, {"started_at": ago(hours=1)}])

    response = owner.get(url(acme, by="feature", metric="calls"))

    [linked] = [one for one in response.context["page"].lines if one.line.names == (name,)]
    assert "<img src=x>" not in text(response)
    assert lines(owner.get(linked.url)) == {(name,): "1"}


# --- htmx -------------------------------------------------------------------------------------------------------------
def test_htmx_gets_what_changes_and_the_address_is_canonical(owner, acme, web):
    record(web, [{"started_at": ago(hours=1)}])
    address = url(acme, metric="calls", by=["", "team"], shape="", top="", chart="", range="")

    response = owner.get(address, headers={**HTMX, "HX-Boosted": "true"})

    assert "<html" not in text(response)
    assert 'id="content"' in text(response)
    assert 'hx-swap-oob="true"' in text(response)
    assert response["HX-Push-Url"] == f"{url(acme)}?metric=calls&by=team&shape=time"


def test_an_open_page_is_told_when_nothing_came(owner, acme, web):
    record(web, [{"started_at": ago(hours=2)}])
    refresh = owner.get(url(acme, metric="calls")).context["refresh_url"]

    same = owner.get(refresh, headers=HTMX)
    record(web, [{"started_at": ago(hours=1), "received_at": timezone.now()}])
    news = owner.get(refresh, headers=HTMX)

    assert same.status_code == 204
    assert news.status_code == 200
    assert 'id="explored"' in text(news)
    assert 'id="explore-metric"' not in text(news)
    assert lines(news) == {("gpt-4o",): "2"}


def test_a_page_of_calls_does_not_ask_again_by_itself(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "tags": {"a": "b"}}])

    assert 'hx-trigger="every 30s"' in text(owner.get(url(acme)))
    assert 'hx-trigger="every 30s"' not in text(owner.get(url(acme, tag="a:b")))


def test_the_filter_panel_keeps_the_question(owner, acme, web):
    record(web, [{"started_at": ago(hours=1)}])

    panel = text(owner.get(url(acme, metric="calls", by="team", panel="filters"), headers=HTMX))

    assert '<input type="hidden" name="metric" value="calls">' in panel
    assert '<input type="hidden" name="by" value="team">' in panel


# --- Limits -----------------------------------------------------------------------------------------------------------
def test_a_page_asks_a_fixed_number_of_questions(owner, acme, web, django_assert_num_queries):
    record(web, [{"started_at": ago(hours=n), "model_key": f"m{n}", "feature": f"f{n}"} for n in range(20)])
    owner.get(url(acme))  # the session remembers the organization, and models have their colours

    with django_assert_num_queries(QUERIES):
        owner.get(url(acme, range="90d"))
    with django_assert_num_queries(PROJECT_QUERIES):
        owner.get(url(acme, web, range="90d", by=["model"]))
    refresh = owner.get(url(acme, web)).context["refresh_url"]
    with django_assert_num_queries(REFRESH_QUERIES):
        owner.get(refresh, headers=HTMX)


def test_a_question_that_takes_too_long_is_given_up(committed_db):
    organization = make_organization("Slow")
    client = Client()
    client.force_login(organization.memberships.get().user)
    with org_scope(organization.pk):
        record_calls(Project.objects.get(), [{"started_at": ago(hours=1)}])
    with connection.cursor() as cursor:
        cursor.execute("set statement_timeout = '400ms'")

    with psycopg.connect(settings.DATABASE.conninfo(OWNER)) as database:
        database.execute("lock table call_rollups_daily in access exclusive mode")
        page = client.get(url(organization, metric="calls"))
        partial = client.get(url(organization), headers=HTMX)

    assert (page.status_code, partial.status_code) == (503, 503)
    assert "That took too long" in text(page)
    assert 'id="explore-metric"' in text(page)
    assert client.get(url(organization)).status_code == 200


def test_the_calls_of_a_row_add_up_to_the_row_without_second_records(owner, acme, web):
    record(
        web,
        [
            {"call_id": "a", "started_at": ago(hours=1), "team": "red", "cost_usd": Decimal("1.5")},
            {
                "call_id": "b",
                "started_at": ago(hours=1),
                "team": "red",
                "cost_usd": Decimal("1.5"),
                "duplicate_of": "a",
            },
            {"started_at": ago(days=40), "cost_usd": Decimal(2), "usage_estimated": True},
        ],
    )

    page = owner.get(url(acme, by="team", range="90d")).context["page"]
    [red] = [linked for linked in page.lines if linked.line.names == ("red",)]
    log_page = owner.get(red.calls_url)
    sums = owner.get(log_page.context["sums_url"], headers=HTMX)
    all_sums = owner.get(owner.get(page.total_calls_url).context["sums_url"], headers=HTMX)

    assert (red.line.value, red.line.calls) == ("$1.50", 1)
    assert [line.call.call_id for line in log_page.context["lines"]] == ["a"]
    assert "<strong>1</strong> calls" in text(sums)
    assert "<strong>$1.50</strong> cost" in text(sums)
    assert page.table.total.value == "$3.50"
    assert "<strong>2</strong> calls" in text(all_sums)
    assert "<strong>$3.50</strong> cost" in text(all_sums)


def test_calls_without_a_price_add_up_to_no_cost_in_the_log_too(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "cost_usd": None, "cost_source": "none"}])

    page = owner.get(url(acme)).context["page"]
    sums = owner.get(owner.get(page.total_calls_url).context["sums_url"], headers=HTMX)

    assert "<strong>unknown</strong> cost" in text(sums)


def test_calls_of_one_status_are_added_up_one_by_one(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "status": "error"}, {"started_at": ago(hours=1)}])

    [linked] = owner.get(url(acme, by="team", metric="calls", status="error")).context["page"].lines
    sums = owner.get(owner.get(linked.calls_url).context["sums_url"], headers=HTMX)

    assert linked.line.calls == 1
    assert "<strong>1</strong> calls" in text(sums)
    assert "<strong>1</strong> failed" in text(sums)


def test_nothing_is_compared_so_nothing_is_offered(owner, acme, web):
    record(web, [{"started_at": ago(hours=1)}])

    assert owner.get(url(acme)).context["bar"].comparisons == []
    assert owner.get(reverse("dashboards:organization-models", args=[acme.slug])).context["bar"].comparisons


def test_the_numbers_can_be_exported_as_they_are_asked(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "team": "red"}])

    page = text(owner.get(url(acme, metric="calls", by=["team", "model"], team="red")))
    part = text(owner.get(url(acme, metric="calls", by="", team="red"), headers=HTMX))

    path = reverse("exports:export-create", args=[acme.slug])
    assert f'href="{path}?team=red&amp;of=numbers&amp;metric=calls&amp;by=team&amp;by=model&amp;shape=time"' in page
    assert f'hx-swap-oob="true" href="{path}?team=red&amp;of=numbers&amp;metric=calls&amp;by=&amp;shape=time"' in part


def test_a_filter_that_is_chosen_holds_for_the_link_to_the_calls(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "team": "red"}])

    part = text(owner.get(url(acme, team="red"), headers=HTMX))

    calls = reverse("dashboards:organization-calls", args=[acme.slug])
    assert f'<a class="button" id="other-page" hx-swap-oob="true" href="{calls}?team=red">' in part
