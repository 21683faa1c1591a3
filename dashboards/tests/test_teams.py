"""The list of teams: what each costs, and what is no team yet."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from core.scope import org_scope
from dashboards import teams as sums
from dashboards.teams import Spend
from dashboards.tests.factories import make_rollup
from tenants import teams

URL = "/o/acme/teams/"
TODAY = datetime(2026, 11, 20, tzinfo=UTC).date()
LAST_MONTH = datetime(2026, 10, 31, tzinfo=UTC).date()


def new_team(organization, name="Search", **more):
    return teams.create_team(organization=organization, actor=None, name=name, **more)


@pytest.fixture
def values(acme, acme_project):
    """What ``values`` makes of rollups: (day, team, calls, unpriced calls, cost)."""

    def counted(*rows):
        with org_scope(acme.pk):
            for number, (day, team, calls, unpriced, cost) in enumerate(rows):
                spent = {"calls": calls, "unpriced_calls": unpriced, "cost_usd": Decimal(cost)}
                make_rollup(acme_project, day, team=team, feature=f"f{number}", **spent)
            return sums.values(organization=acme, today=TODAY)

    return counted


def test_values_are_summed_lately_dearest_first(values):
    found = values(
        (TODAY, "a", 2, 1, "0.5"),
        (LAST_MONTH, "a", 3, 0, "1"),
        (LAST_MONTH, "b", 1, 0, "2"),
        (TODAY - timedelta(days=90), "old", 1, 0, "9"),
    )

    assert [one.value for one in found] == ["b", "a"]
    assert found[1].lately == Spend(5, 1, Decimal("1.5"))
    assert found[0].last_day == LAST_MONTH


def test_strangers_are_neither_teams_nor_nothing_nor_the_rest(values):
    found = values(*[(TODAY, name, 1, 0, "1") for name in ("search", "Search", "", "(other)", "ads")])

    assert [one.value for one in sums.strangers(found, {"search": "search"})] == ["ads"]


def test_another_organizations_calls_are_not_counted(values, globex):
    values((TODAY, "a", 2, 1, "0.5"))

    with org_scope(globex.pk):
        assert sums.values(organization=globex, today=TODAY) == []


@pytest.fixture
def page(acme, acme_project):
    """Rollups of today, as the page sees it."""
    today = timezone.now().date()
    new_team(acme, aliases=["find"])
    with org_scope(acme.pk):
        make_rollup(acme_project, today, team="Find", calls=3, cost_usd=Decimal("1.25"))
        make_rollup(acme_project, today, team="ads <b>", calls=2, cost_usd=Decimal("7.5"))
        make_rollup(acme_project, today, team="", calls=9, unpriced_calls=9)


def test_the_page_shows_teams_strangers_and_what_has_no_team(admin, page):
    text = admin.get(URL).text

    assert "$1.25" in text
    assert "Calls without a team: 9, cost unknown" in text
    assert "ads &lt;b&gt;" in text
    assert "$7.50" in text
    assert "Make it a team" in text
    assert "Alias of" in text


def test_viewers_may_look_only(viewer, page):
    text = viewer.get(URL).text

    assert "Not a team yet" in text
    assert "Make it a team" not in text
    assert "teams/new/" not in text


def test_one_click_turns_a_stranger_into_a_team(admin, page):
    admin.post(URL + "adopt/", {"value": "ads <b>"})

    text = admin.get(URL).text
    assert "Not a team yet" not in text
    assert f"{URL}ads-b/" in text


def test_without_teams_the_page_says_what_to_do(admin, viewer, acme):
    assert "Create a team" in admin.get(URL).text
    assert "An owner or admin of the organization can create the first one." in viewer.get(URL).text
