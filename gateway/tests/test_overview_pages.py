import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.models import Heartbeat
from gateway.tests.factories import make_traffic
from tenants import services
from tenants.models import Project
from tenants.permissions import Role
from tenants.tests.people import join, override, owner_of, signed_in

HTMX = {"HX-Request": "true"}
# Who is asking, their membership, the scope, its zone, navigation; then hidden projects, traffic in a savepoint, names.
QUERIES = 15


@pytest.fixture
def web(acme_project):
    return acme_project


@pytest.fixture
def app(acme):
    return services.create_project(organization=acme, actor=owner_of(acme), name="App")


def url(organization, project=None, **query):
    slugs = [organization.slug] + ([project.slug] if project else [])
    return reverse(f"gateway:{'project' if project else 'organization'}-overview", args=slugs, query=query)


def this_hour():
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def text(response):
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def figures(page):
    """Label, value and note of each key figure."""
    found = re.findall(
        r'figure-label">(.*?)</span> <span class="figure-value">(.*?)</span>.*?<span class="faint">(.*?)</span>', page
    )
    return {label: (value.replace("\u00a0", " "), note) for label, value, note in found}


def rows(response):
    return [(row.name, row.traffic.requests) for row in response.context["page"].rows]


def test_without_traffic_the_page_leads_to_connect(owner, acme, web):
    page = text(owner.get(url(acme)))

    assert "Nothing has come through the gateway yet" in page
    assert reverse("gateway:connect", args=[acme.slug]) in page
    assert "Live calls" not in page
    assert "chart-card" not in page
    assert "every 5s" in page


def test_one_call_is_shown_as_one_call(owner, acme, web):
    make_traffic(web, hour=this_hour(), requests=1, added_us=640)

    page = text(owner.get(url(acme)))

    assert figures(page) == {
        "Requests": ("1", "sent on to a provider"),
        "Calls stored": ("1", "every call of a model"),
        "Errors": ("0%", "0 of 1"),
        "Added by the gateway": ("0.6 ms", "100% within 5 ms"),
    }
    assert "every call is in the log" in page


def test_key_figures_say_how_much_failed_was_stored_and_was_added(owner, acme, web):
    make_traffic(
        web,
        hour=this_hour(),
        requests=1200,
        calls=1000,
        written=990,
        client_errors=10,
        throttled=20,
        server_errors=30,
        unreachable=1,
        timeouts=2,
        broken=3,
        client_left=4,
        interrupted=5,
        added_us=2_400_000,
        within_1_ms=600,
        within_5_ms=900,
        within_25_ms=1100,
        within_100_ms=1188,
    )

    response = owner.get(url(acme))

    page = text(response)
    assert figures(page) == {
        "Requests": ("1,200", "sent on to a provider"),
        "Calls stored": ("990", "10 of 1,000 are not"),
        "Errors": ("5.5%", "66 of 1,200"),
        "Added by the gateway": ("2.0 ms", "75.0% within 5 ms"),
    }
    assert [(share.label, share.value) for share in response.context["page"].within] == [
        ("Up to 1 ms", "600"),
        ("1 to 5 ms", "300"),
        ("5 to 25 ms", "200"),
        ("25 to 100 ms", "88"),
        ("More than 100 ms", "12"),
    ]
    assert "<dt>No call of a model</dt><dd>200 " in page
    assert "<dt>Not stored</dt><dd><strong>10</strong>" in page
    assert reverse("dashboards:organization-rejected", args=[acme.slug]) in page


def test_every_request_is_in_the_chart_once(owner, acme, web):
    counts = {"client_errors": 1, "throttled": 2, "server_errors": 3, "unreachable": 1, "timeouts": 1, "broken": 2}
    make_traffic(web, hour=this_hour(), requests=30, client_left=5, interrupted=6, **counts)

    chart = owner.get(url(acme, range="24h")).context["page"].outcomes

    assert {series["name"]: sum(value or 0 for value in series["data"]) for series in chart["series"]} == {
        "Answered": 9,
        "Refused (4xx)": 1,
        "Too many (429)": 2,
        "Provider error (5xx)": 3,
        "No whole answer": 4,
        "Client left": 5,
        "Interrupted": 6,
    }
    assert len(chart["x"]) == 24
    assert chart["series"][0]["data"][-1] == 9


@pytest.mark.parametrize(("period", "shown"), [("24h", 10), ("7d", 20), ("30d", 30), ("90d", 40)])
def test_the_time_range_decides(owner, acme, web, period, shown):
    for days in (0, 3, 20, 60):
        make_traffic(web, hour=this_hour() - timedelta(days=days))

    response = owner.get(url(acme, range=period))

    assert response.context["page"].total.requests == shown
    assert sum(value or 0 for value in response.context["page"].outcomes["series"][0]["data"]) == shown


def test_a_wrong_range_is_no_error(owner, acme, web):
    make_traffic(web, hour=this_hour())

    assert "The range must be one of" in text(owner.get(url(acme, range="forever")))


def test_older_traffic_leads_to_a_longer_range(owner, acme, web):
    make_traffic(web, hour=this_hour() - timedelta(days=20))

    page = text(owner.get(url(acme)))

    assert "No requests in this period" in page
    assert f'href="{url(acme, range="30d")}"' in page


def test_providers_are_listed_by_requests_and_lead_to_their_calls(owner, acme, web):
    make_traffic(web, hour=this_hour(), provider="anthropic", requests=5)
    make_traffic(web, hour=this_hour(), provider="openai", requests=7)
    make_traffic(web, hour=this_hour() - timedelta(hours=1), provider="openai", requests=1)
    make_traffic(web, hour=this_hour(), provider="gone", requests=2)

    response = owner.get(url(acme, range="24h"))

    assert rows(response) == [("OpenAI", 8), ("Anthropic", 5), ("gone", 2)]
    log = reverse("dashboards:organization-calls", args=[acme.slug])
    assert f'href="{log}?source=gateway&amp;provider=anthropic&amp;range=24h"' in text(response)
    assert f'href="{log}?source=gateway&amp;range=24h"' in text(response)


def test_a_page_is_about_its_project_and_the_organization_s_about_all(owner, acme, web, app, globex, scope):
    with scope(globex):
        theirs = Project.objects.get()
    make_traffic(web, hour=this_hour(), requests=1)
    make_traffic(app, hour=this_hour(), requests=2)
    make_traffic(web, hour=this_hour(), requests=4, project_id=0)
    make_traffic(theirs, hour=this_hour(), requests=8)

    assert owner.get(url(acme, web)).context["page"].total.requests == 1
    assert owner.get(url(acme, app)).context["page"].total.requests == 2
    assert owner.get(url(acme)).context["page"].total.requests == 7
    assert reverse("dashboards:project-calls", args=[acme.slug, "web"]) in text(owner.get(url(acme, web)))


def test_a_hidden_project_is_in_no_number(acme, web, app):
    ada = join(acme, "ada@example.test", Role.MEMBER)
    override(app, ada, Role.NONE)
    make_traffic(web, hour=this_hour(), requests=1)
    make_traffic(app, hour=this_hour(), requests=2, provider="mistral")

    response = signed_in(ada).get(url(acme))

    assert rows(response) == [("OpenAI", 1)]
    assert signed_in(ada).get(url(acme, app)).status_code == 404


def test_traffic_of_hidden_projects_only_is_no_traffic(acme, app):
    ada = join(acme, "ada@example.test", Role.MEMBER)
    override(app, ada, Role.NONE)
    make_traffic(app, hour=this_hour())

    assert "Nothing has come through the gateway yet" in text(signed_in(ada).get(url(acme)))


def test_an_open_page_that_shows_everything_gets_nothing(owner, acme, web):
    make_traffic(web, hour=this_hour())
    version = owner.get(url(acme)).context["version"]

    again = owner.get(url(acme, seen=version), headers=HTMX)

    assert (again.status_code, again.content) == (204, b"")
    assert json.loads(again.headers["HX-Trigger"])["numbers-up-to"].keys() == {"text", "title", "moment"}


def test_an_open_page_gets_its_numbers_anew_when_something_passed(owner, acme, web):
    make_traffic(web, hour=this_hour())
    version = owner.get(url(acme)).context["version"]
    make_traffic(web, hour=this_hour(), provider="mistral")

    again = owner.get(url(acme, seen=version), headers=HTMX)

    page = text(again)
    assert page.startswith('<div class="stack" id="content"')
    assert 'id="freshness" data-freshness hx-swap-oob="true"' in page
    assert again.context["page"].total.requests == 20
    assert again.context["version"] != version


def beat(*, seconds_ago=0, **facts):
    Heartbeat.objects.create(name="gateway", seen_at=timezone.now() - timedelta(seconds=seconds_ago), facts=facts)


def test_calls_that_wait_long_are_said_to(owner, acme, web):
    beat(oldest_seconds=75.4, spool_bytes=1000)

    page = text(owner.get(url(acme)))

    assert "Calls wait to be stored" in page
    assert "The oldest has waited for 75 seconds" in page


@pytest.mark.parametrize(
    ("ago", "facts"),
    [
        (0, {"oldest_seconds": 0}),
        (0, {"oldest_seconds": 9.9}),
        (0, {}),
        (0, {"oldest_seconds": "x"}),
        (300, {"oldest_seconds": 75}),
    ],
)
def test_a_moment_in_the_spool_or_an_old_report_is_no_news(owner, acme, web, ago, facts):
    beat(seconds_ago=ago, **facts)

    assert "Calls wait to be stored" not in text(owner.get(url(acme)))


@pytest.mark.parametrize("name", ["organization-overview", "connect", "first-call"])
def test_without_the_gateway_there_are_no_pages_of_it(owner, acme, settings, name):
    settings.GATEWAY_ENABLED = False

    assert owner.get(reverse(f"gateway:{name}", args=[acme.slug])).status_code == 404


def test_without_the_gateway_the_navigation_does_not_name_it(owner, acme, web, settings):
    path = reverse("dashboards:organization-overview", args=[acme.slug])
    assert url(acme) in text(owner.get(path))
    assert url(acme, web) in text(owner.get(reverse("dashboards:project-overview", args=[acme.slug, "web"])))

    settings.GATEWAY_ENABLED = False

    assert url(acme) not in text(owner.get(path))
    assert url(acme, web) not in text(owner.get(reverse("dashboards:project-overview", args=[acme.slug, "web"])))


def test_strangers_and_people_without_a_role_see_nothing(outsider: Client, nobody: Client, acme, web):
    make_traffic(web, hour=this_hour())

    assert outsider.get(url(acme)).status_code == 404
    assert nobody.get(url(acme)).status_code == 403


def test_the_number_of_questions_does_not_grow(owner, acme, web, django_assert_num_queries):
    owner.get(url(acme))  # the session remembers the organization
    for ago in range(10):
        make_traffic(web, hour=this_hour() - timedelta(hours=ago), provider=f"own-{ago}")

    with django_assert_num_queries(QUERIES):
        owner.get(url(acme))
