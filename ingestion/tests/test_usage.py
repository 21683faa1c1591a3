"""What the counters say to people: on pages, and as an event when a quota nears its end."""

from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus

import pytest

from core.scope import ScopeError
from ingestion import tasks, usage
from ingestion.tests.factories import make_counter
from ingestion.usage import Usage
from tenants import services
from tenants.models import Event, Project

URL = "/o/acme/settings/usage/"
SETTINGS = "/o/acme/settings/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def now():
    return datetime.now(UTC)


@pytest.fixture
def month(now):
    return now.date().replace(day=1)


def set_quota(organization, events):
    services.set_quota(organization=organization, actor=None, events=events)


def told(organization, scope):
    with scope(organization):
        events = Event.objects.filter(kind="quota.reached").order_by("pk")
        return [(event.facts["percent"], event.facts["events"], event.severity) for event in events]


# --- Numbers ---


def test_this_month_is_the_sum_over_projects(acme, globex, scope, now, month):
    make_counter(acme, month=month, events=30)
    make_counter(acme, month=month, events=12, project_id=2)
    make_counter(acme, month=date(2001, 1, 1), events=7)
    make_counter(globex, month=month, events=500)
    set_quota(acme, 84)

    with scope(acme):
        used = usage.this_month(organization=acme, now=now)

    assert used == Usage(month, 42, 84)
    assert used.share == 0.5


def test_without_events_and_without_a_quota(acme, scope, now, month):
    with scope(acme):
        used = usage.this_month(organization=acme, now=now)

    assert (used, used.share) == (Usage(month, 0, None), None)


@pytest.mark.parametrize(
    ("month", "following"),
    [
        (date(2026, 11, 1), date(2026, 12, 1)),
        (date(2026, 12, 1), date(2027, 1, 1)),
        (date(2027, 1, 1), date(2027, 2, 1)),
    ],
)
def test_counting_begins_anew_with_the_next_month(month, following):
    assert Usage(month, 0, None).next_month == following


@pytest.mark.parametrize(("zone", "month"), [("UTC", date(2026, 11, 1)), ("Asia/Tokyo", date(2026, 12, 1))])
def test_the_month_is_the_organizations_own(acme, scope, zone, month):
    services.set_time_zone(organization=acme, actor=None, time_zone=zone)

    with scope(acme):
        used = usage.this_month(organization=acme, now=datetime(2026, 11, 30, 20, tzinfo=UTC))

    assert used.month == month


def test_by_project_names_them_and_remembers_those_that_are_gone(acme, acme_project, scope, month):
    make_counter(acme, month=month, events=30, project_id=2**40)
    make_counter(acme, month=month, events=90, project_id=acme_project.pk)

    with scope(acme):
        parts = usage.by_project(organization=acme, month=month)

    assert [(part.project, part.events, part.share) for part in parts] == [(acme_project, 90, 0.75), (None, 30, 0.25)]


def test_twelve_months_newest_first(acme, scope):
    for number in range(1, 13):
        make_counter(acme, month=date(2025, number, 1), events=number)
        make_counter(acme, month=date(2025, number, 1), events=100, project_id=2)
    make_counter(acme, month=date(2026, 1, 1), events=5)

    with scope(acme):
        months = usage.months(organization=acme)

    assert len(months) == 12
    assert months[:2] == [(date(2026, 1, 1), 5), (date(2025, 12, 1), 112)]


def test_outside_of_a_scope_nothing_is_read(acme, now):
    with pytest.raises(ScopeError):
        usage.this_month(organization=acme, now=now)


# --- The event ---


def test_an_organization_is_told_at_80_percent_and_when_it_is_used_up(acme, scope, now, month):
    set_quota(acme, 1_000)
    make_counter(acme, month=month, events=799)
    assert usage.record_reached(now=now) == 0

    make_counter(acme, month=month, events=1, project_id=2)
    assert [usage.record_reached(now=now) for _ in range(3)] == [1, 0, 0]

    make_counter(acme, month=month, events=250, project_id=3)
    assert [usage.record_reached(now=now) for _ in range(3)] == [1, 0, 0]

    assert told(acme, scope) == [(80, 800, "medium"), (100, 1_050, "high")]


def test_the_event_says_what_a_message_needs(acme, scope, now, month):
    set_quota(acme, 10)
    make_counter(acme, month=month, events=10)

    usage.record_reached(now=now)

    with scope(acme):
        event = Event.objects.get()
    assert (event.subject_kind, event.subject_id, event.project) == ("organization", str(acme.pk), None)
    assert event.dedup_key == f"quota:{month:%Y-%m}:10"
    assert event.link == URL
    assert event.facts == {"percent": 100, "events": 10, "quota": 10, "month": f"{month:%Y-%m}"}


def test_who_raises_the_quota_is_told_again_of_the_new_one(acme, scope, now, month):
    set_quota(acme, 10)
    make_counter(acme, month=month, events=100)
    usage.record_reached(now=now)

    set_quota(acme, 120)
    usage.record_reached(now=now)
    set_quota(acme, None)
    usage.record_reached(now=now)

    assert told(acme, scope) == [(100, 100, "high"), (80, 100, "medium")]


def test_only_those_concerned_are_told(acme, globex, scope, now, month):
    set_quota(acme, 10)
    set_quota(globex, 1_000)
    for organization in (acme, globex):
        make_counter(organization, month=month, events=50)

    assert usage.record_reached(now=now) == 1

    assert told(globex, scope) == []


def test_last_months_events_reach_nothing(acme, scope, now, month):
    set_quota(acme, 10)
    make_counter(acme, month=(month - timedelta(days=1)).replace(day=1), events=500)

    assert usage.record_reached(now=now) == 0
    assert told(acme, scope) == []


def test_the_task_tells_once_however_often_it_runs(acme, scope, month, caplog):
    set_quota(acme, 10)
    make_counter(acme, month=month, events=50)

    with caplog.at_level("INFO", logger="ingestion.tasks"):
        tasks.check_quotas()
        tasks.check_quotas()

    assert told(acme, scope) == [(100, 50, "high")]
    assert [record.organizations for record in caplog.records if record.name == "ingestion.tasks"] == [1]


# --- Pages ---


def test_the_page_shows_the_month_its_projects_and_earlier_months(owner, acme, acme_project, month):
    set_quota(acme, 10_000)
    make_counter(acme, month=month, events=2_500, project_id=acme_project.pk)
    make_counter(acme, month=date(2025, 3, 1), events=77)

    page = owner.get(URL).text

    assert "2,500 of 10,000 events this month" in page
    assert '<progress value="2500" max="10000"' in page
    assert "25" in page
    assert ">Web</a>" in page
    assert "March 2025" in page
    assert "used up" not in page


def test_without_a_quota_it_says_so(owner, acme, month):
    make_counter(acme, month=month, events=1_234)

    page = owner.get(URL).text

    assert "1,234 events this month. There is no limit." in page
    assert "<progress" not in page


def test_before_the_first_event_it_says_what_to_do(owner, acme):
    page = owner.get(URL).text

    assert "0 events this month" in page
    assert "Nothing was sent this month." in page
    assert "Send a first call" in page


@pytest.mark.parametrize(("events", "title"), [(85, "nearly used up"), (100, "is used up"), (130, "is used up")])
def test_a_quota_that_nears_its_end_is_announced(owner, acme, month, events, title):
    set_quota(acme, 100)
    make_counter(acme, month=month, events=events)

    assert title in owner.get(URL).text


def test_a_deleted_project_has_no_link(owner, acme, month):
    make_counter(acme, month=month, events=5, project_id=2**40)

    assert "A deleted project" in owner.get(URL).text


def test_the_settings_page_shows_the_month_and_works_without_a_script(admin, acme, month):
    set_quota(acme, 10_000)
    make_counter(acme, month=month, events=2_500)

    page, part = admin.get(SETTINGS).text, admin.get(URL, headers=HTMX).text

    assert "10,000 events a month may be sent." in page
    assert f'hx-get="{URL}"' in page
    assert f'href="{URL}"' in page
    assert "2,500 of 10,000 events this month" in part
    assert "<html" not in part


@pytest.mark.parametrize(
    ("who", "status"), [("member", 403), ("viewer", 403), ("nobody", 403), ("outsider", 404), ("anonymous", 302)]
)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_others_do_not_see_it(request, acme, month, who, status, headers):
    make_counter(acme, month=month, events=4_321)

    answer = request.getfixturevalue(who).get(URL, headers=headers)

    assert answer.status_code == status
    assert "4,321" not in answer.text


def test_another_organizations_events_are_not_counted(owner, globex, month, scope):
    with scope(globex):
        project = Project.objects.get()
    make_counter(globex, month=month, events=4_321, project_id=project.pk)

    answer = owner.get(URL)

    assert answer.status_code == HTTPStatus.OK
    assert "0 events this month" in answer.text
    assert "4,321" not in answer.text
