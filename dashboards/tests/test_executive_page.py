"""The executive page: its numbers, its empty states, and one sheet of paper."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from core.scope import org_scope
from dashboards.executive import page as pages
from dashboards.executive import spend as spends
from dashboards.executive.month import Month
from dashboards.executive.spend import Amount, Spend
from dashboards.filters import Filter
from dashboards.tests.factories import make_rollup, record_calls
from ingestion.models import ProjectActivity
from rules.models import Budget
from tenants.models import Organization, Project
from tenants.permissions import Role
from tenants.tests.people import join, override, signed_in

URL = "/o/acme/executive/"
# Who is asking, their membership, the scope, its zone, navigation, who hides what; activity, spend and hours in a
# savepoint, teams, budgets, projects, insights, resolved ones.
QUERIES = 21
NOW = datetime(2026, 7, 14, 10, 20, tzinfo=UTC)
ZONE = ZoneInfo("UTC")


@pytest.fixture
def july(acme: Organization, acme_project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Half of July with what was spent in June, seen on the 14th."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    with org_scope(acme.pk):
        ProjectActivity.objects.create(
            project_id=acme_project.pk, organization_id=acme.pk, first_received_at=NOW, last_received_at=NOW
        )
        for day, team, feature, model, cost in (
            (date(2026, 6, 1), "red", "chat", "gpt-4o", 10),
            (date(2026, 6, 2), "blue", "search", "mini", 50),
            (date(2026, 6, 30), "red", "chat", "gpt-4o", 900),  # not among the same days
            (date(2026, 7, 1), "red", "chat", "gpt-4o", 70),
            (date(2026, 7, 14), "blue", "search", "mini", 30),
        ):
            row = {"team": team, "feature": feature, "model_key": model, "cost_usd": Decimal(cost)}
            make_rollup(acme_project, day, calls=10, **row)
        make_rollup(acme_project, date(2026, 7, 3), calls=5, unpriced_calls=5, team="", feature="x", model_key="own")
        make_rollup(acme_project, date(2026, 7, 3), calls=5, estimated_calls=5, team="red", cost_usd=Decimal(0))
        hour = datetime(2026, 7, 13, 10, tzinfo=UTC)
        make_rollup(acme_project, hour, cost_usd=Decimal(168))
    return acme_project


def text(response: Any) -> str:
    html = response.content.decode().split('id="content"')[1]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def budget(organization: Organization, limit: str, **more: Any) -> Budget:
    given: dict[str, Any] = {"name": f"B{limit}", "scope": "organization", "period": "month", "thresholds": [100]}
    with org_scope(organization.pk):
        return Budget.objects.create(organization=organization, limit=Decimal(limit), **given | more)


@pytest.mark.parametrize(
    ("who", "status"),
    [("owner", 200), ("viewer", 200), ("nobody", 403), ("outsider", 404), ("anonymous", 302)],
)
def test_members_see_the_month_and_strangers_do_not(
    request: pytest.FixtureRequest, acme: Organization, acme_project: Project, who: str, status: int
) -> None:
    assert request.getfixturevalue(who).get(URL).status_code == status


def test_the_month_in_numbers(owner: Client, acme: Organization, july: Project) -> None:
    shown = text(owner.get(URL))

    assert "Spend $100.00" in shown
    assert "+66.7% against 1 – 14 June, up to the same hour" in shown  # 60 before
    assert "red $70.00 70.0% +600% 15 no budget" in shown
    assert "blue $30.00 30.0% −40.0% 10 no budget" in shown
    assert "No team unknown – – 5 no budget" in shown
    assert "5 calls (16.7%) have no price." in shown
    assert "5 calls (16.7%) have estimated token counts." in shown


def test_the_forecast_is_at_the_pace_of_the_last_week(owner: Client, acme: Organization, july: Project) -> None:
    # 168 dollars in 168 hours; 17 days, 13 hours and 40 minutes are left: 421.67 hours.
    assert "Forecast to month end $521.67" in text(owner.get(URL))


def test_what_moved_is_named_with_its_amounts(owner: Client, acme: Organization, july: Project) -> None:
    shown = text(owner.get(URL))

    more, less = shown.split("Costs more")[1].split("Costs less")
    assert more.startswith(" red Team · $10.00 → $70.00 +$60.00 chat Feature · $10.00 → $70.00 +$60.00 gpt-4o Model")
    assert less.startswith(" blue Team · $50.00 → $30.00 −$20.00 search Feature")


def test_a_month_that_is_over_has_no_forecast(owner: Client, acme: Organization, july: Project) -> None:
    shown = text(owner.get(URL + "?month=2026-06"))

    assert "Spend $960.00 no numbers of the month before" in shown
    assert "Forecast" not in shown
    assert "Costs more" not in shown


def test_without_a_budget_it_says_so_and_where_to_set_one(
    owner: Client, viewer: Client, acme: Organization, july: Project
) -> None:
    mine, theirs = owner.get(URL).content.decode(), viewer.get(URL).content.decode()

    assert "has no monthly budget" in mine
    assert f'href="{reverse("rules:budget-create", args=["acme"])}">Set one</a>' in mine
    assert "See the budgets" in theirs


def test_the_smallest_monthly_budget_is_held_against_spend_and_forecast(
    owner: Client, acme: Organization, july: Project
) -> None:
    budget(acme, "400")
    budget(acme, "200")
    budget(acme, "1", name="paused", is_active=False)
    budget(acme, "2", name="daily", period="day")
    budget(acme, "3", name="tokens", metric="tokens")
    budget(acme, "140", name="red", scope="team", team="red")

    shown = text(owner.get(URL))

    assert "B200 , $200.00 a month 50.0% spent, 261% foreseen" in shown
    assert "red $70.00 70.0% +600% 15 50.0% of $140.00" in shown


def test_no_month_but_this_one_is_the_answer_to_nonsense(owner: Client, acme: Organization, july: Project) -> None:
    response = owner.get(URL + "?month=2099-99")

    assert response.status_code == 200
    assert "A month is written like 2026-07." in text(response)
    assert "Spend $100.00" in text(response)


def test_before_the_first_call_it_says_what_to_do(owner: Client, acme: Organization, acme_project: Project) -> None:
    assert "No calls yet" in text(owner.get(URL))


def test_a_month_without_calls_is_a_month_of_nothing(owner: Client, acme: Organization, july: Project) -> None:
    shown = text(owner.get(URL + "?month=2026-04"))

    assert "Spend $0.00" in shown
    assert "No calls in this month" in shown


def test_one_call_is_enough(owner: Client, acme: Organization, acme_project: Project) -> None:
    with org_scope(acme.pk):
        record_calls(acme_project, [{"started_at": timezone.now(), "cost_usd": Decimal("0.000123"), "team": "red"}])

    shown = text(owner.get(URL))

    assert "Spend $0.000123" in shown
    assert "red $0.000123 100%" in shown


def test_hidden_projects_are_in_no_number(acme: Organization, july: Project) -> None:
    ada = join(acme, "ada@example.test", Role.MEMBER)
    override(july, ada, Role.NONE)

    shown = text(signed_in(ada).get(URL))

    assert "Spend $0.00" in shown
    assert "$70.00" not in shown
    assert "hidden from you are in no number here" in shown


def test_what_takes_too_long_is_said(
    owner: Client, acme: Organization, july: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(**_: object) -> None:
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setattr(spends, "spend", slow)

    response = owner.get(URL)

    assert response.status_code == 503
    assert "That took too long" in text(response)


def test_the_page_costs_few_queries(owner: Client, acme: Organization, july: Project) -> None:
    owner.get(URL)

    with CaptureQueriesContext(connection) as captured:
        owner.get(URL)

    assert len(captured) == QUERIES


def test_a_names_page_has_the_days_of_the_month(owner: Client, acme: Organization, july: Project) -> None:
    html = unescape(owner.get(URL).content.decode())

    assert 'href="/o/acme/?from=2026-07-01&to=2026-07-14&team=red"' in html
    assert "/o/acme/models/one/?from=2026-07-01&to=2026-07-14&provider=openai&model=gpt-4o" in html
    assert "/o/acme/?from=2026-07-01&to=2026-07-14&team=%28none%29" in html


# --- Pure ---


def amount(name: str, cost: str, before: str = "0", kind: str = "team", calls: int = 1) -> Amount:
    return Amount(kind, name, "", calls, 0, Decimal(cost), Decimal(before))


def test_the_smaller_teams_are_one_line() -> None:
    teams = [amount(f"t{number:02}", str(100 - number), "1") for number in range(10)]
    found = pages.team_lines(
        Spend(amount("", "955", kind="total"), 0, None, {}, teams), names={"t00": "Zero"}, limits={}, url=lambda _: "/"
    )

    assert [line.name for line in found] == ["Zero", *[f"t{number:02}" for number in range(1, 8)], "2 others"]
    rest = found[-1].amount
    assert (rest.cost_usd, rest.before_usd, rest.calls, found[-1].url) == (Decimal(183), Decimal(2), 2, "")


def test_five_movers_a_side_and_none_without_a_known_cost() -> None:
    up = [amount(f"u{number}", str(number + 1), "0") for number in range(7)]
    unknown = Amount("team", "unknown", "", 3, 3, Decimal(0), Decimal(50))
    other = amount("(other)", "90", "0")
    spent = Spend(amount("", "1", kind="total"), 0, None, {}, [*up, unknown, other, amount("d", "1", "3")])

    more, less = pages.movers(spent, names={}, url=lambda _: "/")

    assert [one.name for one in more] == ["u6", "u5", "u4", "u3", "u2"]
    assert [one.name for one in less] == ["d"]


def test_days_that_have_not_begun_are_not_drawn() -> None:
    month = Month(date(2026, 7, 1), datetime(2026, 7, 3, tzinfo=UTC), ZONE)
    spent = Spend(amount("", "1", kind="total"), 0, None, {"2026-07-02": Decimal(4)}, [])

    assert pages.day_costs(spent, month) == [Decimal(0), Decimal(4), Decimal(0)]


def test_a_forecast_needs_a_day_of_calls(acme: Organization, acme_project: Project) -> None:
    with org_scope(acme.pk):
        make_rollup(acme_project, NOW.replace(minute=0) - timedelta(hours=20), cost_usd=Decimal(1))
        make_rollup(acme_project, NOW.date(), cost_usd=Decimal(1))
        month, chosen = Month(date(2026, 7, 1), NOW, ZONE), Filter.parse({}, now=NOW, zone=ZONE)
        spent = spends.spend(organization=acme, month=month, chosen=chosen)

        found = spends.ahead(organization=acme, month=month, chosen=chosen, spent=spent)

    assert found is None


def test_calls_without_any_price_foresee_no_cost(
    owner: Client, acme: Organization, acme_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    with org_scope(acme.pk):
        ProjectActivity.objects.create(
            project_id=acme_project.pk, organization_id=acme.pk, first_received_at=NOW, last_received_at=NOW
        )
        for day in range(1, 14):
            make_rollup(acme_project, date(2026, 7, day), calls=5, unpriced_calls=5, cost_usd=Decimal(0))
            hour = datetime(2026, 7, day, 10, tzinfo=UTC)
            make_rollup(acme_project, hour, calls=5, unpriced_calls=5, cost_usd=Decimal(0))

    shown = text(owner.get(URL))

    assert "Forecast to month end – no call has a price" in shown
    assert "$0.00 to $0.00" not in shown
