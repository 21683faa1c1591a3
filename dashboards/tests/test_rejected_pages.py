from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from dashboards.tests.factories import record_calls
from ingestion.tests.factories import refuse
from tenants import services
from tenants.models import Project, User

HTMX = {"HX-Request": "true"}
QUERIES = 13


@pytest.fixture
def web(acme_project):
    return acme_project


@pytest.fixture
def app(acme):
    return services.create_project(organization=acme, actor=User.objects.get(email="owner@acme.test"), name="App")


def url(organization, project=None, page="rejected", **query):
    slugs = [organization.slug] + ([project.slug] if project else [])
    return reverse(f"dashboards:{'project' if project else 'organization'}-{page}", args=slugs, query=query)


def this_hour():
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def text(response):
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def reasons(response):
    """(field, title, count) of each row of the table."""
    page = response.context["page"]
    return [(row.line.field, row.advice.title, row.line.count) for row in page.reasons]


def test_nothing_refused_says_so_and_leads_to_the_calls(owner, acme, web):
    page = text(owner.get(url(acme, web)))

    assert "Nothing was refused" in page
    assert url(acme, web, page="calls") in page
    assert "chart-card" not in page


def test_reasons_are_summed_over_the_period_with_what_to_do(owner, acme, web):
    hour = this_hour()
    for ago in (0, 3):
        when = hour - timedelta(hours=ago)
        refuse(web, hour=when, count=5, samples=[["(content)", "modle"]], first_at=when, last_at=when)
    refuse(web, hour=hour, kind="request", field="", reason="too-large", endpoint="/log", count=2)

    response = owner.get(url(acme, web))

    page = text(response)
    assert reasons(response) == [("model", "is required", 10), ("", "The request was too large", 2)]
    assert (response.context["page"].total.events, response.context["page"].total.requests) == (10, 2)
    assert "It is the only field every event needs." in page
    assert "at most 5,000 events and 10 MB a request" in page
    assert page.count("<code>modle</code>") == 1
    [line, _] = [row.line for row in response.context["page"].reasons]
    assert (line.first_at, line.last_at) == (hour - timedelta(hours=3), hour)


def test_samples_of_many_hours_are_shown_once_and_twenty_at_most(owner, acme, web):
    for ago in range(5):
        hour = this_hour() - timedelta(hours=ago)
        refuse(web, hour=hour, samples=[["model"], *([f"team{ago}{n}"] for n in range(10))])

    [row] = owner.get(url(acme, web)).context["page"].reasons

    assert len(row.line.samples) == 20
    assert len({tuple(sample) for sample in row.line.samples}) == 20


def test_endpoints_of_a_reason_are_listed(owner, acme, web):
    for endpoint in ("/log", "/api/v1/ingest", "/log"):
        refuse(web, hour=this_hour(), endpoint=endpoint)

    [row] = owner.get(url(acme, web)).context["page"].reasons

    assert (row.line.endpoints, row.line.count) == (["/api/v1/ingest", "/log"], 3)


def test_dropped_content_is_shown_although_nothing_was_refused(owner, acme, web):
    refuse(web, hour=this_hour(), kind="content", field="", reason="", count=1234)

    response = owner.get(url(acme, web))

    assert response.context["page"].total.content_fields == 1234
    assert "Nothing was refused" in text(response)
    assert "Content fields dropped" in text(response)


@pytest.mark.parametrize(("period", "shown"), [("24h", 1), ("7d", 2), ("30d", 3), ("90d", 4)])
def test_the_time_range_decides(owner, acme, web, period, shown):
    for days in (0, 3, 20, 60):
        refuse(web, hour=this_hour() - timedelta(days=days))

    response = owner.get(url(acme, web, range=period))

    assert response.context["page"].total.events == shown
    assert sum(value or 0 for value in response.context["page"].refusals["series"][0]["data"]) == shown


def test_a_page_is_about_its_project_and_the_organization_s_about_all(owner, acme, web, app, globex, scope):
    with scope(globex):
        theirs = Project.objects.get()
    refuse(web, hour=this_hour(), reason="of web")
    refuse(app, hour=this_hour(), reason="of app", count=2)
    refuse(web, hour=this_hour(), project_id=0, reason="of none", count=3)
    refuse(theirs, hour=this_hour(), reason="of globex")

    assert reasons(owner.get(url(acme, web))) == [("model", "of web", 1)]
    assert reasons(owner.get(url(acme, app))) == [("model", "of app", 2)]
    assert reasons(owner.get(url(acme))) == [("model", "of none", 3), ("model", "of app", 2), ("model", "of web", 1)]


def test_a_wrong_range_is_no_error(owner, acme, web):
    refuse(web, hour=this_hour())

    page = text(owner.get(url(acme, web, range="forever")))

    assert "The range must be one of" in page


def test_the_number_of_questions_does_not_grow(owner, acme, web, django_assert_num_queries):
    owner.get(url(acme, web))  # the session remembers the organization
    for ago in range(10):
        refuse(web, hour=this_hour() - timedelta(hours=ago), reason=f"reason {ago}")

    with django_assert_num_queries(QUERIES):
        owner.get(url(acme, web))


@pytest.mark.parametrize("page", ["overview", "calls"])
def test_overview_and_log_say_that_something_was_refused_lately(owner, acme, web, page):
    record_calls(web, [{"started_at": datetime.now(UTC)}])
    refuse(web, hour=this_hour(), count=12, last_at=datetime.now(UTC))
    refuse(web, hour=this_hour(), kind="request", field="", reason="malformed-body", last_at=datetime.now(UTC))

    found = text(owner.get(url(acme, web, page=page)))

    assert "12 events and 1 request were refused since" in found
    assert f'{url(acme, web)}?range=24h"' in found


@pytest.mark.parametrize("page", ["overview", "calls"])
def test_whoever_waits_for_a_first_call_learns_that_it_was_refused(owner, acme, web, page):
    refuse(web, hour=this_hour(), last_at=datetime.now(UTC))

    found = text(owner.get(url(acme, web, page=page), headers=HTMX))

    assert "1 event was refused since" in found
    assert "No calls yet" in found


@pytest.mark.parametrize("page", ["overview", "calls"])
def test_what_was_refused_long_ago_or_elsewhere_is_no_news(owner, acme, web, app, page):
    now = datetime.now(UTC)
    record_calls(web, [{"started_at": now}])
    earlier = this_hour() - timedelta(hours=2)
    refuse(web, hour=earlier, first_at=earlier, last_at=earlier)
    refuse(app, hour=this_hour(), last_at=now)
    refuse(web, hour=this_hour(), kind="content", field="", reason="", count=9, last_at=now)

    assert "refused since" not in text(owner.get(url(acme, web, page=page)))
