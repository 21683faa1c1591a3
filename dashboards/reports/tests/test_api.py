"""Reports over HTTP, as programs read and order them."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from core.scope import org_scope
from dashboards.reports.models import Report, Schedule
from dashboards.reports.tests.factories import NOW, make, make_schedule, order
from dashboards.tests.factories import count_calls
from rules.alerts.tests.factories import make_email, make_pager
from rules.tests.factories import make_insight, saving
from tenants import key_services
from tenants import services as tenants
from tenants.models import Membership, ProjectRole
from tenants.permissions import Role, Scope

REPORTS = "/api/v1/reports"
SCHEDULES = f"{REPORTS}/schedules"


@pytest.fixture
def mail(acme):
    with org_scope(acme.pk):
        return make_email(acme)


def with_key(acme, *scopes, project=None):
    issued = key_services.create_key(organization=acme, actor=None, name="ci", scopes=scopes, project=project)
    return Client(headers={"x-api-key": issued.text, "host": "127.0.0.1"})


def send(client, path, method="post", **body):
    return getattr(client, method)(path, json.dumps(body), "application/json")


def fields(answer):
    return {error["field"]: error["message"] for error in answer.json()["errors"]}


# --- For build logs ---


def test_the_terminal_report_as_numbers_and_as_text(acme, acme_project):
    today = timezone.now().replace(hour=0, minute=30)
    known = {"started_at": today, "cost_usd": Decimal("12.50"), "model_key": "gpt-4o", "feature": "titles"}
    count_calls(acme_project, [known, {"started_at": today, "unpriced_calls": 1, "model_key": "own"}])
    count_calls(acme_project, [{"started_at": today - timedelta(days=30), "cost_usd": Decimal(1000)}])
    make_insight(acme, acme_project, **saving("10"))
    reader = with_key(acme, Scope.READ)

    found = reader.get(f"{REPORTS}/terminal?days=30").json()

    assert (found["calls"], found["llm_spend_usd"], found["unpriced_calls"]) == (2, "12.5", 1)
    assert (found["cloud_entries"], found["cloud_spend_usd"]) == (0, None)
    assert found["issue_counts"] == {"high": 1, "medium": 0, "low": 0}
    assert found["savings"] == {"month_usd": "10", "year_usd": "120", "is_upper_bound": False, "insights": 1}
    (issue,) = found["issues"]
    assert (issue["severity"], issue["rule"], issue["team"]) == ("high", "MODEL_MISUSE", "search")
    assert issue["text"].startswith("[HIGH] MODEL_MISUSE search gpt-4o in titles; Output a call: 9.50")
    assert [one["cost_usd"] for one in found["top_models"]] == ["12.5", None]
    assert found["top_features"][0]["feature"] == "titles"
    plain = reader.get(f"{REPORTS}/terminal", headers={"accept": "text/plain"})
    assert plain["Content-Type"] == "text/plain; charset=utf-8"
    assert "LLM spend               $12.50 (1 unpriced)" in plain.content.decode()
    assert reader.get(f"{REPORTS}/terminal?format=txt").content == plain.content


def test_a_key_of_a_project_reads_its_own_numbers(acme, acme_project):
    other = tenants.create_project(organization=acme, actor=None, name="Other")
    today = timezone.now().replace(hour=0, minute=30)
    count_calls(acme_project, [{"started_at": today, "cost_usd": Decimal(1)}])
    count_calls(other, [{"started_at": today, "cost_usd": Decimal(2)}])
    reader = with_key(acme, Scope.READ, project=acme_project)

    found = reader.get(f"{REPORTS}/terminal").json()

    assert (found["project"], found["llm_spend_usd"]) == ("Web", "1")
    assert reader.get(f"{REPORTS}/terminal?project=other").status_code == 404
    assert reader.get(REPORTS).status_code == 403


def test_somebody_who_sees_one_project_only_reads_that(nobody, acme, acme_project):
    other = tenants.create_project(organization=acme, actor=None, name="Other")
    today = timezone.now().replace(hour=0, minute=30)
    count_calls(acme_project, [{"started_at": today, "cost_usd": Decimal(1)}])
    count_calls(other, [{"started_at": today, "cost_usd": Decimal(2)}])
    person = Membership.objects.get(organization=acme, role=Role.NONE).user
    with org_scope(acme.pk):
        ProjectRole.objects.create(organization=acme, project=acme_project, user=person, role=Role.VIEWER)

    found = nobody.get(f"{REPORTS}/terminal?organization=acme").json()

    assert (found["llm_spend_usd"], found["hidden_projects"]) == ("1", 1)


@pytest.mark.parametrize("days", ["0", "761", "x", "3650"])
def test_impossible_days_are_refused_by_name(acme, days):
    answer = with_key(acme, Scope.READ).get(f"{REPORTS}/terminal?days={days}")

    assert (answer.status_code, list(fields(answer))) == (400, ["days"])


# --- Made and kept ---


def test_a_report_is_ordered_made_and_read_in_every_form(acme):
    manager = with_key(acme, Scope.MANAGE, Scope.READ)

    queued = send(manager, REPORTS, period="last_month", sections=["models"])

    assert queued.status_code == 202
    pk = queued.json()["id"]
    assert (queued.json()["state"], queued.json()["made_for"]) == ("queued", "API key ci")
    assert manager.get(f"{REPORTS}/{pk}").json()["report"] is None
    assert manager.get(f"{REPORTS}/{pk}/file").status_code == 409
    with org_scope(acme.pk):
        report = Report.objects.get(pk=pk)
    make(report, timezone.now())
    found = manager.get(f"{REPORTS}/{pk}").json()
    assert (found["state"], found["report"]["calls"], found["sections"]) == ("ready", 0, ["models"])
    assert manager.get(f"{REPORTS}/{pk}/file").content.startswith(b"%PDF-")
    assert manager.get(f"{REPORTS}/{pk}/file", headers={"accept": "text/html"}).content.startswith(b"<!DOCTYPE")
    assert manager.get(f"{REPORTS}/{pk}/file?format=txt").content.startswith(b"TOKENOPS")
    refused = manager.get(f"{REPORTS}/{pk}/file", headers={"accept": "image/png"})
    assert (refused.status_code, refused["Content-Type"]) == (406, "application/problem+json")


def test_lists_have_pages(acme):
    reader = with_key(acme, Scope.READ)
    first, second = order(acme), order(acme)

    page = reader.get(f"{REPORTS}?limit=1").json()

    assert [one["id"] for one in page["results"]] == [second.pk]
    assert [one["id"] for one in reader.get(page["next"]).json()["results"]] == [first.pk]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"period": "custom"}, "from"),
        ({"period": "custom", "from": "2016-01-01"}, "from"),
        ({"period": "custom", "from": "yesterday"}, "from"),
        ({"period": "forever"}, "period"),
        ({"sections": ["x"]}, "sections.0"),
        ({"project": "nobodys"}, "project"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_ordered_is_refused_by_name(acme, body, field):
    answer = send(with_key(acme, Scope.MANAGE), REPORTS, **body)

    assert (answer.status_code, list(fields(answer))) == (400, [field])
    with org_scope(acme.pk):
        assert not Report.objects.exists()


def test_a_key_that_may_only_read_orders_nothing(acme):
    assert send(with_key(acme, Scope.READ), REPORTS).status_code == 403


def test_another_organizations_report_is_not_there(acme, globex):
    report = make(order(acme), NOW)

    assert with_key(globex, Scope.READ).get(f"{REPORTS}/{report.pk}").status_code == 404


# --- Schedules ---


def test_a_schedule_from_its_making_to_its_end(acme, mail):
    manager = with_key(acme, Scope.MANAGE, Scope.READ)

    made = send(manager, SCHEDULES, name="Daily", cadence="daily", at="07:30", channels=[mail.pk])

    assert made.status_code == 201
    found = made.json()
    assert (found["period"], found["weekday"], found["month_day"], found["active"]) == ("yesterday", None, None, True)
    path = f"{SCHEDULES}/{found['id']}"
    assert manager.get(path).json() == found
    changed = send(manager, path, "patch", active=False, name="Nightly").json()
    assert (changed["active"], changed["name"], changed["next_at"], changed["at"]) == (False, "Nightly", None, "07:30")
    assert send(manager, path, "patch", active=True).json()["next_at"] is not None
    assert send(manager, f"{path}/send").json()["schedule"] == found["id"]
    assert [one["id"] for one in manager.get(SCHEDULES).json()["results"]] == [found["id"]]
    assert manager.delete(path).status_code == 204
    assert manager.get(path).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"channels": [10**12]}, "channels"),
        ({"channels": []}, "channels"),
        ({"at": "8 o'clock"}, "at"),
        ({"period": "custom"}, "period"),
        ({"weekday": 7}, "weekday"),
        ({"name": " "}, "name"),
    ],
)
def test_what_cannot_be_scheduled_is_refused_by_name(acme, mail, body, field):
    given = {"name": "D", "cadence": "daily", "at": "07:30", "channels": [mail.pk]} | body

    answer = send(with_key(acme, Scope.MANAGE), SCHEDULES, **given)

    assert (answer.status_code, list(fields(answer))) == (400, [field])
    with org_scope(acme.pk):
        assert not Schedule.objects.exists()


def test_no_report_goes_to_a_pager_nor_to_a_foreign_channel(acme, globex, mail, receiver):
    with org_scope(globex.pk):
        foreign = make_email(globex)
    with org_scope(acme.pk):
        pager = make_pager(acme, receiver.url)
    schedule = make_schedule(acme, mail)

    for channel in (pager, foreign):
        answer = send(with_key(acme, Scope.MANAGE), f"{SCHEDULES}/{schedule.pk}", "patch", channels=[channel.pk])
        assert (answer.status_code, list(fields(answer))) == (400, ["channels"])
