"""Calls that named a team before it was one move to it, and so does all that was summed of them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from core.models import WorkDue
from core.scope import org_scope
from dashboards.tests.factories import make_rollup, record_calls
from ingestion import attribution, store, tasks, time_zone
from ingestion.models import Call, CloudSample, DailyRollup, HourlyRollup, SizeRollup
from ingestion.rebuild import differences, rebuild_rollups
from ingestion.tests.factories import make_sample
from tenants import services, team_selectors, teams
from tenants.models import AuditEntry, TeamMove
from tenants.teams import MOVE_TASK, SETTLING
from tenants.tests.people import owner_of

TODAY: Final = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
URL: Final = "/o/acme/teams/search/"
LOOK: Final = URL + "aliases/look/"
HTMX: Final = {"HX-Request": "true"}


def call(team, *, day=0, **columns):
    return {"started_at": TODAY - timedelta(days=day), "team": team, "cost_usd": Decimal("0.25")} | columns


def new_team(organization, name="Search", **more):
    return teams.create_team(organization=organization, actor=owner_of(organization), name=name, **more)


def record(project, *rows):
    with org_scope(project.organization_id):
        record_calls(project, rows)


def move_all(organization, *, now=None):
    """Every move until it has nothing more to do; the slices that took."""
    now = now or timezone.now() + SETTLING
    with org_scope(organization.pk):
        ids = list(TeamMove.objects.filter(finished_at=None).order_by("pk").values_list("pk", flat=True))
    slices = 0
    for move_id in ids:
        while attribution.advance(organization_id=organization.pk, move_id=move_id, now=now):
            slices += 1
            assert slices < 200
    return slices


def teams_of(organization, model=Call):
    with org_scope(organization.pk):
        return sorted(model.objects.values_list("team", flat=True))


def sums(organization, model=DailyRollup):
    """Calls and cost by team."""
    found: dict[str, tuple[int, Decimal]] = {}
    with org_scope(organization.pk):
        for team, calls, cost in model.objects.values_list("team", "calls", "cost_usd"):
            before = found.get(team, (0, Decimal(0)))
            found[team] = (before[0] + calls, before[1] + cost)
    return found


def is_as_rebuilt(organization):
    """Whether rollups are what their calls add up to, on every day the tests use."""
    first, end = TODAY.date() - timedelta(days=40), TODAY.date() + timedelta(days=3)
    reports = differences(organization=organization, first_date=first, end_date=end, now=timezone.now())
    return not any(found for _, found in reports)


# --- What moves ---


def test_stored_calls_of_every_spelling_and_their_sums_move_to_the_new_team(acme, acme_project):
    record(acme_project, call("Search"), call(" SEARCH ", day=1), call("ads"), call("", day=2))

    new_team(acme)
    move_all(acme)

    assert teams_of(acme) == ["", "ads", "search", "search"]
    quarter = Decimal("0.25")
    expected = {"": (1, quarter), "ads": (1, quarter), "search": (2, 2 * quarter)}
    assert sums(acme) == sums(acme, HourlyRollup) == expected
    assert is_as_rebuilt(acme)


def test_an_alias_brings_the_calls_that_named_it_beside_those_the_team_has(acme, acme_project):
    record(acme_project, call("search"), call("Find It"), call("find it", feature="chat"))
    team = new_team(acme)
    move_all(acme)

    teams.add_alias(organization=acme, actor=owner_of(acme), team=team, alias="FIND IT")
    move_all(acme)

    assert teams_of(acme) == ["search"] * 3
    assert sums(acme) == {"search": (3, Decimal("0.75"))}
    assert is_as_rebuilt(acme)


def test_all_projects_are_moved_and_no_other_organization(acme, acme_project, globex):
    second = services.create_project(organization=acme, actor=owner_of(acme), name="Second")
    foreign = services.create_project(organization=globex, actor=owner_of(globex), name="Foreign")
    for project in (acme_project, second, foreign):
        record(project, call("Search"))

    new_team(acme)
    move_all(acme)

    assert teams_of(acme) == ["search", "search"]
    assert teams_of(globex) == ["Search"]
    assert sums(globex) == {"Search": (1, Decimal("0.25"))}


def test_second_records_of_a_call_move_and_stay_out_of_every_sum(acme, acme_project):
    at = TODAY - timedelta(minutes=1)
    record(acme_project, call("Search"), call("Search", duplicate_of="first", duplicate_of_started_at=at))

    new_team(acme)
    move_all(acme)

    assert teams_of(acme) == ["search", "search"]
    assert sums(acme) == {"search": (1, Decimal("0.25"))}


def test_samples_of_functions_move_as_well(acme, acme_project, globex):
    foreign = services.create_project(organization=globex, actor=owner_of(globex), name="Foreign")
    make_sample(acme_project, resource="a", team="Search")
    make_sample(acme_project, resource="b", team="ads")
    make_sample(foreign, resource="c", team="Search")

    new_team(acme)
    move_all(acme)

    assert teams_of(acme, CloudSample) == ["ads", "search"]
    assert teams_of(globex, CloudSample) == ["Search"]


def test_samples_come_in_batches(acme, acme_project, monkeypatch):
    monkeypatch.setattr(attribution, "_SAMPLES", 2)
    for number in range(5):
        make_sample(acme_project, resource=str(number), team="Search")

    new_team(acme)
    slices = move_all(acme)

    assert slices == 2
    assert teams_of(acme, CloudSample) == ["search"] * 5


# --- Days whose calls are not all there ---


@pytest.fixture
def old_day(acme, acme_project):
    """A day that retention has begun to delete: two calls are in the sums, of which one is still there."""
    with org_scope(acme.pk):
        record_calls(acme_project, [call("Search", day=30)])
        acme_project.retention_days = 10
        acme_project.save()
        key = {"project": acme_project, "bucket_date": TODAY.date() - timedelta(days=30)}
        DailyRollup.objects.filter(**key).update(calls=2, cost_usd=Decimal("0.5"))
        HourlyRollup.objects.filter(project=acme_project).update(calls=2, cost_usd=Decimal("0.5"))
        return key["bucket_date"]


def test_sums_that_know_more_than_the_calls_are_renamed_and_not_counted_again(acme, old_day):
    new_team(acme)
    move_all(acme)

    assert teams_of(acme) == ["search"]
    assert sums(acme) == sums(acme, HourlyRollup) == {"search": (2, Decimal("0.5"))}


def test_what_rules_look_at_is_renamed_as_well(acme, old_day):
    new_team(acme)
    move_all(acme)

    assert sums(acme, SizeRollup) == {"search": (1, Decimal("0.25"))}


def test_renamed_sums_are_added_to_what_the_team_has_on_that_day(acme, acme_project, old_day):
    with org_scope(acme.pk):
        spent = {"calls": 3, "cost_usd": Decimal(1), "feature": "other"}
        make_rollup(acme_project, old_day, team="SEARCH", **spent)
        make_rollup(acme_project, old_day, team="search", **spent)

    new_team(acme)
    move_all(acme)

    assert sums(acme) == {"search": (8, Decimal("2.5"))}


def test_on_such_a_day_other_stays_other(acme, acme_project, old_day):
    with org_scope(acme.pk):
        make_rollup(acme_project, old_day, team=store.OTHER, calls=5, cost_usd=Decimal(1))

    new_team(acme)
    move_all(acme)

    assert sums(acme) == {store.OTHER: (5, Decimal(1)), "search": (2, Decimal("0.5"))}


def test_calls_within_other_are_found_among_the_calls(acme, acme_project, monkeypatch):
    monkeypatch.setattr(store, "MOST_VALUES", 1)
    record(acme_project, call("first"), call("Search"), call("search"))
    assert store.OTHER in sums(acme)

    new_team(acme)
    move_all(acme)

    assert teams_of(acme) == ["first", "search", "search"]
    assert is_as_rebuilt(acme)


# --- When ---


def test_nothing_moves_before_every_edge_has_heard_of_the_name(acme, acme_project):
    record(acme_project, call("Search"))
    new_team(acme)
    with org_scope(acme.pk):
        created_at = TeamMove.objects.get().created_at

    move_all(acme, now=created_at + SETTLING - timedelta(seconds=1))

    assert teams_of(acme) == ["Search"]
    with org_scope(acme.pk):
        move = TeamMove.objects.get()
        assert (move.progress, move.finished_at) == (0.0, None)
        assert WorkDue.objects.get(task=MOVE_TASK).due_at == created_at + SETTLING
    move_all(acme, now=created_at + SETTLING)
    assert teams_of(acme) == ["search"]


def test_days_on_their_way_to_another_time_zone_come_first(acme, acme_project):
    record(acme_project, call("Search"))
    now = timezone.now()
    change = time_zone.change(organization=acme, actor=owner_of(acme), time_zone="Asia/Tokyo", now=now)
    new_team(acme)

    move_all(acme)
    assert teams_of(acme) == ["Search"]

    with org_scope(acme.pk):
        type(change).objects.update(finished_at=now)
    move_all(acme)
    assert teams_of(acme) == ["search"]


def test_after_a_change_of_the_zone_its_days_are_looked_at_anew(acme, acme_project):
    record(acme_project, call("Search", day=3), call("Search"))
    new_team(acme)
    now = timezone.now() + SETTLING
    with org_scope(acme.pk):
        move = TeamMove.objects.get()
    assert attribution.advance(organization_id=acme.pk, move_id=move.pk, now=now)

    services.set_time_zone(organization=acme, actor=None, time_zone="Asia/Tokyo")
    rebuild_rollups(
        organization=acme, first_date=TODAY.date() - timedelta(days=4), end_date=TODAY.date() + timedelta(days=2)
    )
    move_all(acme, now=now)

    assert teams_of(acme) == ["search", "search"]
    with org_scope(acme.pk):
        move.refresh_from_db()
        assert move.time_zone == "Asia/Tokyo"
        assert move.first_date == TODAY.astimezone(ZoneInfo("Asia/Tokyo")).date()
    assert is_as_rebuilt(acme)


def test_one_slice_is_one_projects_day_and_says_how_far_it_is(acme, acme_project):
    record(acme_project, call("Search", day=3), call("Search", day=1), call("Search", day=1))
    new_team(acme)
    now = timezone.now() + SETTLING
    with org_scope(acme.pk):
        move = TeamMove.objects.get()

    assert attribution.advance(organization_id=acme.pk, move_id=move.pk, now=now)

    with org_scope(acme.pk):
        move.refresh_from_db()
        assert (move.calls, move.next_date) == (1, TODAY.date() - timedelta(days=3))
        assert move.end_date == TODAY.date()
        assert move.finished_at is None
    assert teams_of(acme) == ["Search", "Search", "search"]
    assert is_as_rebuilt(acme)


def test_a_move_that_is_over_stays_over(acme, acme_project):
    record(acme_project, call("Search"))
    new_team(acme)
    with org_scope(acme.pk):
        move = TeamMove.objects.get()
    move_all(acme)
    record(acme_project, call("SEARCH", day=1))

    again = attribution.advance(organization_id=acme.pk, move_id=move.pk, now=timezone.now() + SETTLING)

    assert not again
    assert teams_of(acme) == ["SEARCH", "search"]
    with org_scope(acme.pk):
        move.refresh_from_db()
        assert (move.calls, move.progress) == (1, 1.0)
        assert not WorkDue.objects.filter(task=MOVE_TASK).exists()


def test_the_task_moves_all_there_is(acme, acme_project):
    record(acme_project, call("Search", day=2), call("Search"))
    new_team(acme)
    with org_scope(acme.pk):
        move = TeamMove.objects.get()
        TeamMove.objects.update(created_at=timezone.now() - SETTLING)

    tasks.move_calls(organization_id=acme.pk, object_id=move.pk)

    assert teams_of(acme) == ["search", "search"]
    with org_scope(acme.pk):
        assert TeamMove.objects.get().finished_at is not None


def test_a_name_that_was_taken_away_again_moves_nothing_more(acme, acme_project):
    record(acme_project, call("find"))
    team = new_team(acme, aliases=["find"])
    teams.remove_alias(organization=acme, actor=owner_of(acme), team=team, alias="find")

    move_all(acme)

    assert teams_of(acme) == ["find"]
    with org_scope(acme.pk):
        assert not AuditEntry.objects.filter(action__startswith="team.calls_move").exists()


def test_a_team_that_was_deleted_ends_the_work(acme, acme_project):
    record(acme_project, call("Search"))
    team = new_team(acme)
    with org_scope(acme.pk):
        move = TeamMove.objects.get()
    teams.delete_team(organization=acme, actor=owner_of(acme), team=team)

    again = attribution.advance(organization_id=acme.pk, move_id=move.pk, now=timezone.now() + SETTLING)

    assert not again
    assert teams_of(acme) == ["Search"]
    with org_scope(acme.pk):
        assert not WorkDue.objects.filter(task=MOVE_TASK).exists()


def test_removing_an_alias_moves_nothing_back(acme, acme_project):
    record(acme_project, call("find"))
    team = new_team(acme, aliases=["find"])
    move_all(acme)

    teams.remove_alias(organization=acme, actor=owner_of(acme), team=team, alias="find")
    move_all(acme)

    assert teams_of(acme) == ["search"]


# --- What is said of it ---


def test_start_and_end_are_in_the_audit_log(acme, acme_project):
    record(acme_project, call("Search", day=2), call("Search"))

    team = new_team(acme)
    move_all(acme)

    with org_scope(acme.pk):
        begun = AuditEntry.objects.get(action="team.calls_move_started")
        ended = AuditEntry.objects.get(action="team.calls_moved")
    first, last = TODAY.date() - timedelta(days=2), TODAY.date()
    assert begun.actor_name == "owner@acme.test"
    assert begun.target_id == str(team.pk)
    assert begun.facts == {
        "slug": "search",
        "names": ["search"],
        "first_date": first.isoformat(),
        "last_date": last.isoformat(),
    }
    assert (ended.actor_kind, ended.facts) == ("system", {"slug": "search", "calls": 2})


def test_without_stored_calls_nothing_is_said(acme, acme_project):
    record(acme_project, call("ads"))

    team = new_team(acme)
    move_all(acme)

    with org_scope(acme.pk):
        assert not AuditEntry.objects.filter(action__startswith="team.calls_move").exists()
        assert team_selectors.moves(team=team) == []
        assert team_selectors.last_move(team=team) is None


def test_what_is_stored_under_a_name_is_told_before(acme, acme_project):
    unpriced = call("FIND", cost_usd=None)
    record(acme_project, call("Find"), unpriced, call("find", day=35), call("ads"))
    today: date = timezone.now().date()

    with org_scope(acme.pk):
        found = attribution.stored(organization=acme, name=" find", today=today)
        hidden = attribution.stored(organization=acme, name="find", today=today, hidden=[acme_project.pk])

    assert (found.calls, found.unpriced_calls, found.cost_usd) == (2, 1, Decimal("0.25"))
    assert (hidden.calls, hidden.cost_usd) == (0, Decimal(0))


def test_a_cost_nobody_knows_is_not_zero(acme, acme_project):
    record(acme_project, call("find", cost_usd=None))

    with org_scope(acme.pk):
        found = attribution.stored(organization=acme, name="find", today=timezone.now().date())

    assert (found.calls, found.cost_usd) == (1, None)


def test_the_page_shows_how_far_the_move_is_and_then_what_it_brought(admin, acme, acme_project):
    record(acme_project, call("Search"))
    new_team(acme)

    before = admin.get(URL).text
    assert "Stored calls follow their names" in before
    assert "removing one moves none back" in before
    part = admin.get(URL, headers=HTMX).text
    assert 'hx-trigger="every 2s"' in part
    assert "<html" not in part

    move_all(acme)

    after = admin.get(URL, headers=HTMX).text
    assert "1 stored call moved here" in after
    assert "hx-trigger" not in after


def test_the_preview_is_shown_below_the_form_and_as_a_page_with_the_form(admin, acme, acme_project):
    record(acme_project, call("Find <b>"))
    new_team(acme)

    part = admin.get(LOOK + "?alias=find+%3Cb%3E", headers=HTMX).text
    page = admin.get(LOOK + "?alias=find+%3Cb%3E").text

    for text in (part, page):
        assert "1 call, $0.25" in text
        assert "find &lt;b&gt;" in text
    assert "<form" not in part
    assert 'value="find &lt;b&gt;"' in page


def test_the_preview_says_whose_name_it_is_already(admin, acme):
    new_team(acme)
    new_team(acme, "Growth")

    assert "is a name of the team" in admin.get(LOOK + "?alias=GROWTH").text


def test_without_a_name_the_preview_asks_for_one(admin, acme):
    new_team(acme)

    page, part = admin.get(LOOK), admin.get(LOOK, headers=HTMX)

    assert (page.status_code, part.status_code) == (422, 200)
    assert "Type the name as calls give it" in part.text


@pytest.mark.parametrize(("who", "status"), [("member", 403), ("viewer", 403), ("outsider", 404), ("anonymous", 302)])
def test_others_are_told_nothing(request, acme, who, status):
    new_team(acme)

    assert request.getfixturevalue(who).get(LOOK + "?alias=x").status_code == status


def test_there_is_no_preview_for_a_team_that_is_not_there(admin, acme):
    assert admin.get(LOOK + "?alias=x").status_code == 404
