"""The pages of re-pricing: history, the form, a run with its progress and report, apply and cancel."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from conftest import _client_with_role, make_organization
from core.models import WorkDue
from core.scope import org_scope
from ingestion.models import RepriceRun
from ingestion.reprice.forms import RepriceForm, initial
from ingestion.tests.reprice.conftest import NOON
from tenants import services as tenants
from tenants.models import AuditEntry, Project
from tenants.permissions import Role

State = RepriceRun.State
URL = "/o/acme/prices/reprice/"


# These pages need no committed data: the fixtures of the whole suite, not those of this folder.
@pytest.fixture
def acme(db):
    return make_organization("Acme")


@pytest.fixture
def admin(acme):
    return _client_with_role(acme, Role.ADMIN)


@pytest.fixture
def make_run(acme):
    def make(**columns):
        given = {"since": NOON - timedelta(days=1), "until": NOON, "state": State.READY} | columns
        with org_scope(acme.pk):
            return RepriceRun.objects.create(organization=acme, **given)

    return make


DIFFERENCES = {
    "models": [
        {"provider": "openai", "name": "house", "calls": 3, "old_cost_usd": "0", "new_cost_usd": "6.5"},
    ],
    "features": [{"name": "search", "calls": 3, "old_cost_usd": "0", "new_cost_usd": "6.5"}],
    "samples": [],
}


def runs(acme):
    with org_scope(acme.pk):
        return list(RepriceRun.objects.all())


def test_without_runs_the_history_says_what_to_do(admin):
    page = admin.get(URL).text

    assert "Nothing was re-priced yet" in page
    assert f'href="{URL}new/"' in page


def test_the_history_shows_who_re_priced_what_and_the_difference(admin, acme, make_run):
    owner = tenants.Membership.objects.get(organization=acme, role=Role.OWNER).user
    make_run(model="house", calls_changed=1234, new_cost_usd=Decimal("6.5"), created_by=owner)
    make_run(state=State.FAILED, provider="openai", old_cost_usd=Decimal(2))

    page = admin.get(URL).text

    assert "1,234" in page
    assert "+$6.50" in page
    assert "-$2.00" in page or "−$2.00" in page
    assert "by owner@acme.test" in page
    assert page.index("Failed") < page.index("Ready to apply")


def test_the_form_is_filled_in_by_the_link_to_it(admin):
    query = {"provider": "openai", "model": "house", "from": "2026-07-01", "to": "2026-07-14", "project": "web"}

    page = admin.get(f"{URL}new/", query).text

    for value in ("openai", "house", "2026-07-01", "2026-07-14"):
        assert f'value="{value}"' in page
    assert '<option value="web" selected>' in page


def test_a_link_that_says_nothing_means_the_last_thirty_days():
    assert initial({}, today=date(2026, 7, 30)) == {
        "first_day": "2026-07-01",
        "last_day": "2026-07-30",
        "project": "",
        "provider": "",
        "model": "",
    }


def test_days_are_the_organizations_and_both_are_included(acme):
    with org_scope(acme.pk):
        form = RepriceForm({"first_day": "2026-03-29", "last_day": "2026-03-29"})
        assert form.is_valid()

    # The day the clocks are set forward has 23 hours.
    assert form.period(ZoneInfo("Europe/Berlin")) == {
        "since": datetime(2026, 3, 28, 23, tzinfo=UTC),
        "until": datetime(2026, 3, 29, 22, tzinfo=UTC),
    }


def test_an_admin_starts_a_dry_run(admin, acme):
    day = NOON.date().isoformat()

    answer = admin.post(
        f"{URL}new/", {"first_day": day, "last_day": day, "project": "web", "provider": "Azure", "model": "house"}
    )

    (run,) = runs(acme)
    assert answer.url == f"{URL}{run.pk}/"
    midnight = NOON.replace(hour=0)
    assert (run.since, run.until, run.state) == (midnight, midnight + timedelta(days=1), State.QUEUED)
    assert (run.provider, run.model) == ("azure.ai.openai", "house")
    with org_scope(acme.pk):
        assert run.project == Project.objects.get(slug="web")
        assert AuditEntry.objects.get(action="prices.reprice_previewed").facts["model"] == "house"
    assert WorkDue.objects.filter(task="ingestion.reprice", object_id=run.pk).exists()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"first_day": "", "last_day": "2026-07-01"}, "This field is required."),
        ({"first_day": "2026-07-02", "last_day": "2026-07-01"}, "not before the first one"),
        ({"first_day": "2199-01-01", "last_day": "2199-01-02"}, "Choose a period in the past"),
        ({"first_day": "2001-01-01", "last_day": "2001-01-02"}, "of which calls are still kept"),
        ({"first_day": "2026-07-01", "last_day": "2026-07-02", "project": "nowhere"}, "Select a valid choice"),
    ],
)
def test_a_form_that_cannot_be_used_comes_back_with_what_was_typed(admin, acme, data, words):
    answer = admin.post(f"{URL}new/", data | {"model": "kept-as-typed"})

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in answer.text
    assert 'value="kept-as-typed"' in answer.text
    assert runs(acme) == []


def test_a_run_that_moves_has_a_progress_bar_and_asks_again(admin, make_run, acme):
    with org_scope(acme.pk):
        project = Project.objects.get()
    run = make_run(
        state=State.RUNNING, project=project, cursor_project_id=project.pk, cursor_started_at=NOON - timedelta(hours=12)
    )

    page = admin.get(f"{URL}{run.pk}/").text

    assert '<progress value="0.5"' in page
    assert 'hx-trigger="every 2s"' in page
    assert "Look again" in page


@pytest.mark.parametrize("state", [State.READY, State.APPLIED, State.CANCELLED, State.FAILED])
def test_a_run_that_rests_asks_no_more(admin, make_run, state):
    page = admin.get(f"{URL}{make_run(state=state).pk}/").text

    assert "hx-trigger" not in page
    assert "<progress" not in page


def test_the_refresh_is_the_report_alone(admin, make_run):
    run = make_run(state=State.RUNNING)

    part = admin.get(f"{URL}{run.pk}/", headers={"HX-Request": "true"}).text

    assert 'id="reprice-report"' in part
    assert "<html" not in part


def test_the_report_shows_the_difference_by_model_and_feature_and_links_to_calls(admin, acme, make_run):
    with org_scope(acme.pk):
        project = Project.objects.get()
    samples = [
        {
            "project_id": project.pk,
            "started_at": "2026-07-14T12:00:00.000001+00:00",
            "call_id": "a/b",
            "model": "house",
            "old_cost_usd": None,
            "new_cost_usd": "6.5",
        },
        {
            "project_id": 10**9,
            "started_at": "2026-07-14T12:00:00+00:00",
            "call_id": "of-a-deleted-project",
            "model": "house",
            "old_cost_usd": None,
            "new_cost_usd": "6.5",
        },
    ]
    run = make_run(
        calls_seen=5,
        calls_changed=3,
        newly_priced=3,
        new_cost_usd=Decimal("6.5"),
        differences=DIFFERENCES | {"samples": samples},
    )

    page = admin.get(f"{URL}{run.pk}/").text

    assert page.count("+$6.50") == 3
    assert "By model" in page
    assert "By feature" in page
    assert 'href="/o/acme/p/web/calls/a/b/?at=1784030400000001"' in page
    assert "of-a-deleted-proj" in page
    assert "/calls/of-a-deleted" not in page


def test_a_dry_run_in_which_nothing_changes_offers_nothing_to_apply(admin, make_run):
    run = make_run(calls_seen=5)

    page = admin.get(f"{URL}{run.pk}/").text

    assert "No call changes" in page
    assert f'href="{URL}{run.pk}/apply/"' not in page
    assert f'href="{URL}{run.pk}/cancel/"' in page


def test_what_could_not_be_done_is_said(admin, make_run):
    page = admin.get(f"{URL}{make_run(state=State.FAILED, error='It was too much.', calls_skipped=7).pk}/").text

    assert "It was too much." in page
    assert "Some calls keep their price" in page


@pytest.mark.parametrize(
    ("decision", "state", "words"),
    [("apply", State.APPLYING, "12 calls change"), ("cancel", State.CANCELLED, "A dry run has changed nothing")],
)
def test_a_decision_is_asked_for_and_then_done(admin, acme, make_run, decision, state, words):
    run = make_run(calls_changed=12)
    asked = admin.get(f"{URL}{run.pk}/{decision}/")
    assert words in asked.text
    assert runs(acme)[0].state == State.READY

    answer = admin.post(f"{URL}{run.pk}/{decision}/")

    assert answer.url == f"{URL}{run.pk}/"
    assert runs(acme)[0].state == state


@pytest.mark.parametrize("decision", ["apply", "cancel"])
def test_a_decision_that_comes_too_late_changes_nothing_and_says_why(admin, acme, make_run, decision):
    run = make_run(state=State.APPLIED, calls_changed=1)

    page = admin.post(f"{URL}{run.pk}/{decision}/", follow=True).text

    assert "Only a dry run" in page or "over already" in page
    assert runs(acme)[0].state == State.APPLIED
    with org_scope(acme.pk):
        assert not AuditEntry.objects.filter(action__startswith="prices.").exists()


def test_an_applied_run_says_who_and_what_the_dry_run_had_said(admin, acme, make_run):
    owner = tenants.Membership.objects.get(organization=acme, role=Role.OWNER).user
    run = make_run(state=State.APPLIED, applied_by=owner, finished_at=timezone.now(), preview={"calls_changed": 4321})

    page = admin.get(f"{URL}{run.pk}/").text

    assert "by owner@acme.test" in page
    assert "4,321" in page


@pytest.mark.parametrize("path", ["", "apply/", "cancel/"])
def test_a_run_of_another_organization_does_not_exist(admin, path):
    other = make_organization("Globex")
    with org_scope(other.pk):
        run = RepriceRun.objects.create(organization=other, since=NOON, until=NOON + timedelta(days=1))

    assert admin.get(f"{URL}{run.pk}/{path}").status_code == HTTPStatus.NOT_FOUND
    if path:
        assert admin.post(f"{URL}{run.pk}/{path}").status_code == HTTPStatus.NOT_FOUND
    assert runs(other)[0].state == State.QUEUED
