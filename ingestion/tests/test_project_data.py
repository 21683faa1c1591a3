"""How long a project keeps calls, and whether it stores ids of people as they were sent."""

import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from dashboards.tests.factories import make_rollup
from ingestion import kept_calls
from tenants import project_data
from tenants.models import AuditEntry, Project, User

DATA = "/o/acme/p/web/settings/data/"
RETENTION, PERSONAL_IDS = DATA + "retention/", DATA + "personal-ids/"
NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)


@pytest.fixture
def shop(acme_project):
    """A project with a hundred calls a day for a year."""
    today = timezone.now().date()
    for day in range(0, 360, 10):
        make_rollup_of(acme_project, today - timedelta(days=day), 100)
    return acme_project


def make_rollup_of(project, day, calls):
    from core.scope import org_scope

    with org_scope(project.organization_id):
        make_rollup(project, day, calls=calls)


def stored(acme, scope):
    with scope(acme):
        return Project.objects.get()


def retention_audits(acme, scope):
    with scope(acme):
        return [entry.facts for entry in AuditEntry.objects.filter(action="project.retention_changed").order_by("pk")]


def set_retention(acme, project, days, now=NOW):
    actor = User.objects.get(email="owner@acme.test")
    project_data.set_retention(organization=acme, actor=actor, project=project, days=days, now=now)


def test_the_project_settings_lead_to_what_is_kept(admin, acme_project):
    assert DATA in admin.get("/o/acme/p/web/settings/").text

    page = admin.get(DATA).text

    assert 'value="180"' in page
    assert "deleted within the hour" in page
    assert "sums by hour and day stay 25 months" in page


def test_a_longer_time_is_kept_at_once(admin, acme, acme_project, scope):
    answer = admin.post(RETENTION, {"days": "365"})

    assert answer.url == DATA
    assert stored(acme, scope).retention_days == 365
    assert retention_audits(acme, scope) == [{"before": 180, "after": 365}]


def test_a_shorter_time_asks_first_and_says_how_many_calls_go(admin, acme, shop, scope):
    page = admin.post(RETENTION, {"days": "30"})

    assert page.status_code == HTTPStatus.OK
    # Whole local days from 180 to 30 days ago, a hundred calls every tenth of them.
    assert "About 1,500 calls that are older than 30 days will be deleted" in page.text
    assert stored(acme, scope).retention_days == 180
    assert retention_audits(acme, scope) == []

    answer = admin.post(RETENTION, {"days": "30", "confirmed": "30"})

    assert answer.url == DATA
    assert stored(acme, scope).retention_days == 30
    assert retention_audits(acme, scope) == [{"before": 180, "after": 30}]


def test_the_confirmation_of_another_number_does_not_count(admin, acme, shop, scope):
    page = admin.post(RETENTION, {"days": "7", "confirmed": "30"})

    assert "Keep calls for 7 days only?" in page.text
    assert stored(acme, scope).retention_days == 180


def test_a_shorter_time_that_costs_nothing_says_so(admin, acme_project):
    assert "No call is older than 30 days." in admin.post(RETENTION, {"days": "30"}).text


@pytest.mark.parametrize("days", ["", "6", "731", "-30", "1e3", "many"])
def test_a_time_nobody_can_keep_is_refused_beside_the_field(admin, acme, acme_project, scope, days):
    answer = admin.post(RETENTION, {"days": days, "confirmed": days})

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "field-error" in answer.text
    assert stored(acme, scope).retention_days == 180


@pytest.mark.parametrize("days", [6, 731])
def test_the_service_refuses_what_the_form_would(acme, acme_project, scope, days):
    with pytest.raises(ValidationError):
        set_retention(acme, acme_project, days)

    assert stored(acme, scope).retention_days == 180


def test_the_same_time_again_is_no_change(admin, acme, acme_project, scope):
    admin.post(RETENTION, {"days": "180"})

    assert retention_audits(acme, scope) == []


def test_what_a_shorter_time_cost_is_remembered_when_it_is_longer_again(acme, acme_project, scope):
    assert acme_project.kept_from(NOW) == NOW - timedelta(days=180)
    set_retention(acme, acme_project, 30)
    assert acme_project.kept_from(NOW) == NOW - timedelta(days=30)

    set_retention(acme, acme_project, 365)

    project = stored(acme, scope)
    assert project.calls_since == NOW - timedelta(days=30)
    assert project.kept_from(NOW + timedelta(days=100)) == NOW - timedelta(days=30)
    assert project.kept_from(NOW + timedelta(days=400)) == NOW + timedelta(days=35)


def test_making_it_longer_twice_keeps_the_first_memory(acme, acme_project, scope):
    set_retention(acme, acme_project, 30)
    set_retention(acme, acme_project, 365)

    set_retention(acme, acme_project, 730)

    assert stored(acme, scope).calls_since == NOW - timedelta(days=30)


def test_calls_that_are_gone_already_are_not_counted_again(acme, shop, scope):
    set_retention(acme, shop, 30, now=timezone.now())
    set_retention(acme, shop, 365, now=timezone.now())

    with scope(acme):
        assert kept_calls.calls_lost(project=shop, days=30, now=timezone.now()) == 0
        assert kept_calls.calls_lost(project=shop, days=15, now=timezone.now()) == 200


@pytest.mark.parametrize(("ticked", "allowed"), [({"allowed": "on"}, True), ({}, False)])
def test_personal_ids_are_allowed_and_forbidden(admin, acme, acme_project, scope, ticked, allowed):
    with scope(acme):
        Project.objects.update(allow_personal_ids=not allowed)

    answer = admin.post(PERSONAL_IDS, ticked)

    assert answer.url == DATA
    assert stored(acme, scope).allow_personal_ids is allowed
    with scope(acme):
        assert AuditEntry.objects.get(action="project.personal_ids_changed").facts == {"allowed": allowed}
    assert (re.search('<input[^>]* name="allowed"[^>]* checked', admin.get(DATA).text) is not None) is allowed


def test_the_same_choice_again_is_no_change(admin, acme, acme_project, scope):
    admin.post(PERSONAL_IDS, {})

    with scope(acme):
        assert not AuditEntry.objects.filter(action="project.personal_ids_changed").exists()


@pytest.mark.parametrize(("who", "status"), [("member", 403), ("viewer", 403), ("outsider", 404), ("anonymous", 302)])
def test_others_change_nothing(request, acme, acme_project, scope, who, status):
    client = request.getfixturevalue(who)

    answers = [
        client.post(RETENTION, {"days": "7", "confirmed": "7"}).status_code,
        client.post(PERSONAL_IDS, {"allowed": "on"}).status_code,
    ]

    assert answers == [status, status]
    project = stored(acme, scope)
    assert (project.retention_days, project.allow_personal_ids) == (180, False)
