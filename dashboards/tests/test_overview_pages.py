import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode

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
from dashboards.tests.factories import record_calls
from tenants import services
from tenants.models import Project

HTMX = {"HX-Request": "true"}
# Who is asking, their membership, the scope, its zone, navigation; then activity, in a savepoint the numbers,
# colours, prices and insights, projects.
ORGANIZATION_QUERIES = 19
PROJECT_QUERIES = 19
REFRESH_QUERIES = 10
NB = "\u00a0"


@pytest.fixture
def web(acme, acme_project):
    return acme_project


def url(organization, of_project=None, **query):
    slugs = [organization.slug] + ([of_project.slug] if of_project else [])
    path = reverse(f"dashboards:{'project' if of_project else 'organization'}-overview", args=slugs)
    return f"{path}?{urlencode(query, doseq=True)}" if query else path


def ago(**delta):
    return timezone.now() - timedelta(**delta)


def record(project, rows):
    with org_scope(project.organization_id):
        return record_calls(project, rows)


def text(response):
    return response.content.decode()


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
def test_members_see_the_organization_and_strangers_do_not(request, acme, web, who, status):
    record(web, [{"started_at": ago(hours=1), "model_key": "secret-model"}])
    client = request.getfixturevalue(who)

    response = client.get(url(acme))

    assert response.status_code == status
    assert ("secret-model" in text(response)) == (status == 200)


@pytest.mark.parametrize(("who", "status"), [("viewer", 200), ("nobody", 404), ("outsider", 404), ("anonymous", 302)])
def test_members_see_a_project_and_strangers_do_not(request, acme, web, who, status):
    assert request.getfixturevalue(who).get(url(acme, web)).status_code == status


def test_a_project_of_another_organization_does_not_exist(owner, acme, globex, scope):
    with scope(globex):
        foreign = services.create_project(organization=globex, actor=None, name="Foreign")

    assert owner.get(url(acme, foreign)).status_code == 404


def test_a_page_shows_what_calls_cost(owner, acme, web):
    record(
        web,
        [
            {"started_at": ago(hours=1), "cost_usd": Decimal("1200.5"), "feature": "chat"},
            {"started_at": ago(hours=1), "cost_usd": Decimal("0.000123"), "model_key": "mini", "status": "error"},
        ],
    )

    response = owner.get(url(acme, web))

    page = text(response)
    assert response.status_code == 200
    assert "$1,200.50" in page
    assert f"1.0{NB}K out" in page or "1,000 out" in page
    assert "mini" in page
    assert "Cost by feature" in page
    assert "50.0% of calls" in page
    assert "Projects</h2>" not in page


def test_an_organizations_page_leads_to_its_projects(owner, acme, web):
    record(web, [{"started_at": ago(hours=1)}])

    page = text(owner.get(url(acme, range="30d", team="(none)")))

    assert "Projects</h2>" in page
    assert 'href="/o/acme/p/web/?range=30d&amp;team=%28none%29">Web</a>' in page


def test_numbers_of_other_organizations_stay_theirs(owner, acme, web, globex, scope):
    with scope(globex):
        foreign = services.create_project(organization=globex, actor=None, name="Foreign")
    record(foreign, [{"started_at": ago(hours=1), "model_key": "foreign-model", "cost_usd": Decimal(77)}])
    record(web, [{"started_at": ago(hours=1)}])

    for query in ({}, {"project": "web"}, {"panel": "filters"}, {"range": "24h"}):
        page = text(owner.get(url(acme, **query)))
        assert "$77" not in page
        assert "foreign-model" not in page
    assert "No calls match" in text(owner.get(url(acme, model="foreign-model")))
    assert "No calls match" in text(owner.get(url(acme, project="foreign")))


def test_no_change_is_shown_against_half_a_period(owner, acme, web):
    record(web, [{"started_at": ago(hours=1)}, {"started_at": ago(days=10)}])
    half = text(owner.get(url(acme)))
    record(web, [{"started_at": ago(days=20)}])

    whole = text(owner.get(url(acme)))

    assert half.count("no full earlier period") == 5
    assert "Changes are against" not in half
    assert 'class="delta' not in half
    assert "no full earlier period" not in whole
    assert "Changes are against" in whole
    assert 'class="delta' in whole


def test_unpriced_calls_are_announced_and_not_zero(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "cost_usd": None, "cost_source": "none", "model_key": "llama"}])

    page = text(owner.get(url(acme, web)))

    assert "1 call of 1 model has no price" in page
    assert "Their cost is unknown, not zero" in page
    assert "$0.00" not in page


def test_a_model_keeps_its_colour_when_the_filter_changes_its_rank(owner, acme, web):
    rows = [("big", "chat", 9), ("small", "search", 1), ("small", "chat", 2)]
    record(
        web, [{"started_at": ago(hours=1), "model_key": m, "feature": f, "cost_usd": Decimal(c)} for m, f, c in rows]
    )

    everything = owner.get(url(acme))
    only_small = owner.get(url(acme, web, feature="search"))

    def hues(response, chart):
        return {s["name"]: s["color_index"] for s in getattr(response.context["page"], chart)["series"]}

    assert hues(everything, "cost") == hues(everything, "share") == {"big": 1, "small": 2}
    assert hues(only_small, "cost") == hues(only_small, "share") == {"small": 2}


def test_several_unpriced_calls_are_counted(owner, acme, web):
    rows = [{"started_at": ago(hours=1), "cost_usd": None, "model_key": f"m{n % 2}"} for n in range(5)]
    record(web, [*rows, {"started_at": ago(hours=1)}])

    assert "5 calls of 2 models have no price" in text(owner.get(url(acme)))


def test_without_projects_the_next_step_is_a_project(owner, viewer, acme, scope):
    with scope(acme):
        Project.objects.all().delete()

    assert "Create your first project" in text(owner.get(url(acme)))
    assert reverse("tenants:project-create", args=["acme"]) in text(owner.get(url(acme)))
    assert "Create your first project" not in text(viewer.get(url(acme)))
    assert "An owner or admin of the organization can create the first one." in text(viewer.get(url(acme)))


def test_without_calls_the_next_step_is_to_connect(owner, acme, web):
    for address in (url(acme), url(acme, web)):
        page = text(owner.get(address))
        assert "No calls yet" in page
        assert reverse("tenants:connect", args=["acme", "web"]) in page
        assert 'role="search"' not in page


def test_without_calls_in_the_period_the_next_step_is_to_look_further(owner, acme, web):
    record(web, [{"started_at": ago(days=20)}])

    page = text(owner.get(url(acme)))

    assert "No calls in this period" in page
    assert 'href="/o/acme/?range=30d"' in page
    assert owner.get(url(acme, range="30d")).context["state"] == ""


def test_without_a_match_the_filters_can_be_cleared(owner, acme, web):
    record(web, [{"started_at": ago(hours=1)}])

    page = text(owner.get(url(acme, range="90d", feature="nobody-calls-this")))

    assert "No calls match" in page
    assert 'href="/o/acme/?range=90d">Clear the filters' in page


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"range": "5y"}, "The range must be one of"),
        ({"from": "x"}, "Dates are written like 2026-07-31."),
        ({"from": "2026-05-05", "to": "2026-01-01"}, "The first day must not be after the last one"),
        ({"status": "'"}, "The status must be ok or error"),
        ({"model": "a\0b"}, "The Model filter has values that cannot be used"),
        ({"model": "x" * 300}, "The Model filter has values that cannot be used"),
        ({"trace": "t", "range": "90d"}, "read at most 31 days: the latest are shown"),
        ({"seen": "junk", "panel": "junk", "before": "junk"}, ""),
        ({"project": ["'", "--", "web"], "key": "é", "from": "9999-99-99"}, "Dates are written like"),
        ({"feature": "\u202e"}, ""),
    ],
)
def test_bad_parameters_give_a_page_that_says_so(owner, acme, web, query, problem):
    record(web, [{"started_at": ago(hours=1)}])

    for address in (url(acme, **query), url(acme, web, **query)):
        response = owner.get(address)
        assert response.status_code == 200
        assert problem in text(response)


def test_hostile_names_are_text(owner, acme, web):
    hostile = "<script>alert(1)</script>"
    rtl = "\u202egnirts\u05d0\u05d1"
    rows = [{"feature": hostile, "model_key": hostile, "team": hostile}, {"feature": rtl}, {"feature": "x" * 5_000}]
    record(web, [{"started_at": ago(hours=1), **row} for row in rows])

    for address in (url(acme, feature=hostile), url(acme), url(acme, panel="filters"), url(acme, web, model=hostile)):
        page = text(owner.get(address))
        assert "<script>alert" not in page
        assert "</script>alert" not in page
        assert page.count("<script") == page.count("</script>")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text(owner.get(url(acme)))


def test_charts_carry_their_numbers_as_data_and_as_a_table(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "cost_usd": Decimal("1.25")}])

    page = text(owner.get(url(acme, web)))

    assert page.count('type="application/json"') == 4
    assert page.count('<details class="chart-table">') == 4
    assert '"1.250' in page or '"1.25' in page


def test_htmx_gets_the_changing_part_and_the_shareable_address(owner, acme, web):
    record(web, [{"started_at": ago(hours=1)}])
    query = {"endpoint_name": "default", "team": "", "status": "", "range": "30d"}

    response = owner.get(url(acme, **query), headers=HTMX | {"HX-Boosted": "true"})

    page = text(response)
    assert "<html" not in page
    assert 'id="content"' in page
    assert 'id="filters"' in page
    assert 'hx-swap-oob="true"' in page
    assert response["HX-Push-Url"] == "/o/acme/?range=30d&feature=default"


def test_caches_keep_page_and_partial_apart(owner, acme, web):
    response = owner.get(url(acme))

    assert "HX-Request" in response["Vary"]
    assert "private" in response["Cache-Control"]
    assert "no-cache" in response["Cache-Control"]


def test_going_back_gets_the_whole_page(owner, acme, web):
    response = owner.get(url(acme), headers=HTMX | {"HX-History-Restore-Request": "true"})

    assert "<html" in text(response)


def test_the_same_page_without_htmx_needs_no_javascript(owner, acme, web):
    record(web, [{"started_at": ago(hours=1)}])

    page = text(owner.get(url(acme, panel="filters")))

    assert '<details class="menu filter-menu" data-menu open>' in page
    assert '<input type="checkbox" name="feature" value="default">' in page


def test_the_filter_panel_comes_when_it_is_opened(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "team": "red"}])

    closed = text(owner.get(url(acme, team="red")))
    panel = text(owner.get(url(acme, team="red", range="30d", panel="filters"), headers=HTMX))

    assert '<input type="checkbox" name=' not in closed
    assert "<html" not in panel
    assert '<input type="checkbox" name="team" value="red" checked>' in panel
    assert '<input type="hidden" name="range" value="30d">' in panel
    assert "Web" in panel
    assert "Web" not in text(owner.get(url(acme, web, panel="filters"), headers=HTMX))


def test_an_open_page_learns_that_nothing_changed(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "received_at": ago(hours=1)}])
    refresh = owner.get(url(acme)).context["refresh_url"]

    same = owner.get(refresh, headers=HTMX)
    record(web, [{"started_at": ago(minutes=1), "received_at": ago(minutes=1), "model_key": "brand-new"}])
    changed = owner.get(refresh, headers=HTMX)

    assert (same.status_code, same.content) == (204, b"")
    assert list(json.loads(same["HX-Trigger"])["numbers-up-to"]) == ["text", "title", "moment"]
    assert changed.status_code == 200
    assert "brand-new" in text(changed)
    assert 'id="filters"' not in text(changed)
    assert 'id="freshness" hx-swap-oob="true"' in text(changed)


def test_an_empty_page_fills_itself(owner, acme, web):
    waiting = owner.get(url(acme, web))
    record(web, [{"started_at": ago(minutes=1)}])

    filled = owner.get(waiting.context["refresh_url"], headers=HTMX)

    assert waiting.context["state"] == "no-calls"
    assert 'id="figures"' in text(filled)


def test_every_page_says_how_fresh_it_is(owner, acme, web):
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    record(web, [{"started_at": ago(hours=1), "received_at": moment}])

    assert f'datetime="{moment.isoformat()}"' in text(owner.get(url(acme)))
    assert "2 Jan 2026, 03:04:05 UTC" in text(owner.get(url(acme)))


def test_a_status_shows_only_what_is_known(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "status": "error"}, {"started_at": ago(hours=1)}])

    page = text(owner.get(url(acme, status="error")))

    assert "Calls with an error" in page
    assert "Spend, tokens and latency are not kept by status" in page
    assert "$" not in page.split('id="content"')[1]


def test_a_user_s_page_leaves_out_what_is_not_summed_by_user(owner, acme, web):
    record(web, [{"started_at": ago(hours=1), "user_id": "ann", "feature": "chat"}, {"started_at": ago(hours=1)}])

    by_day, by_hour = owner.get(url(acme, user="ann")), owner.get(url(acme, user="ann", range="24h"))

    assert by_day.context["numbers"].total.calls == by_hour.context["numbers"].total.calls == 1
    assert [figure.label for figure in by_day.context["page"].figures] == ["Spend", "Tokens", "Calls", "Errors"]
    assert "Features and latency are not summed by user" in text(by_day)
    assert 'id="features-title"' not in text(by_day)
    assert 'id="latency-title"' not in text(by_day)
    assert [figure.label for figure in by_hour.context["page"].figures][-1] == "p95 latency"
    assert 'id="features-title"' in text(by_hour)
    assert "chat" in text(by_hour)


@pytest.mark.parametrize("search", [{"trace": "t"}, {"session": "s"}, {"tag": "app:shop"}, {"counted": "true"}])
def test_what_only_calls_know_narrows_the_numbers_of_the_page(owner, acme, web, search):
    record(
        web,
        [
            {"started_at": ago(hours=1), "trace_id": "t", "session_id": "s", "tags": {"app": "shop"}},
            {"started_at": ago(hours=1), "usage_estimated": True},
        ],
    )

    response = owner.get(url(acme, **search))

    assert response.context["numbers"].total.calls == 1
    assert response.context["page"].figures[2].value == "1"


def test_only_reading_is_answered(owner, acme):
    assert owner.post(url(acme)).status_code == 405


def test_a_page_asks_a_fixed_number_of_questions(owner, acme, web, django_assert_num_queries):
    record(web, [{"started_at": ago(hours=n), "model_key": f"m{n}", "feature": f"f{n}"} for n in range(20)])
    owner.get(url(acme))  # the session remembers the organization

    with django_assert_num_queries(ORGANIZATION_QUERIES):
        owner.get(url(acme, range="90d"))
    with django_assert_num_queries(PROJECT_QUERIES):
        owner.get(url(acme, web, range="90d"))
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
        page = client.get(url(organization))
        partial = client.get(url(organization), headers=HTMX)
        log = client.get(reverse("dashboards:organization-calls", args=[organization.slug]))

    assert [response.status_code for response in (page, partial, log)] == [503, 503, 503]
    assert "That took too long" in text(page)
    assert "That took too long" in text(log)
    assert client.get(url(organization)).status_code == 200
