"""The list of insights: who sees which, in which order, and what it says when there is none."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from conftest import make_user
from core.scope import org_scope
from dashboards.tests.factories import record_calls
from rules.models import RuleEvaluation
from rules.tests.factories import make_insight, saving
from tenants import currency, services
from tenants.models import Membership, ProjectRole, User
from tenants.permissions import Role

URL = "/o/acme/insights/"
PROJECT = "/o/acme/p/web/insights/"


@pytest.fixture
def other(acme):
    return services.create_project(organization=acme, actor=None, name="Other")


def titles(response):
    return [line.title for group in response.context["groups"] for team in group.teams for line in team.lines]


def places(response):
    return [line.place for group in response.context["groups"] for team in group.teams for line in team.lines]


def of(acme, project, name, **columns):
    return make_insight(acme, project, **{"subject": {"feature": name}, "feature": name} | columns)


def test_insights_stand_by_severity_and_team(acme, acme_project, viewer):
    of(acme, acme_project, "low", severity="low", team="a")
    of(acme, acme_project, "cheap", **saving("2"), team="b")
    of(acme, acme_project, "dear", **saving("9"), team="a")
    of(acme, acme_project, "also a", team="a")

    response = viewer.get(URL)

    shape = [
        (group.label, [(team.name, [line.place for line in team.lines]) for team in group.teams])
        for group in response.context["groups"]
    ]
    assert shape == [("High", [("a", ["dear", "also a"]), ("b", ["cheap"])]), ("Low", [("a", ["low"])])]
    assert "9.50 tokens a call" in response.text
    assert "fires below 100 tokens a call" in response.text


def test_one_cost_is_saved_once(acme, acme_project, viewer):
    of(acme, acme_project, "a", **saving("10"))
    of(acme, acme_project, "b", **saving("4", saving_is_upper_bound=True))

    response = viewer.get(URL)

    assert response.context["savings"].month_usd == 10
    assert "$10.00" in response.text
    assert "$120.00" in response.text
    assert "some of it an upper bound" in response.text


def test_costs_are_shown_in_the_organizations_currency(acme, acme_project, viewer):
    currency.set_rate(organization=acme, actor=None, code="EUR", rate=Decimal("0.5"), valid_from=date(2020, 1, 1))
    currency.set_currency(organization=acme, actor=None, code="EUR")
    of(acme, acme_project, "a", **saving("10"))

    text = viewer.get(URL).text

    assert "€5.00" in text
    assert "at 1 USD = 0.5 EUR" in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["open", "seen"]),
        ("status=muted", ["muted"]),
        ("status=resolved", ["done"]),
        ("severity=low", []),
        ("rule=SPIKE", []),
        ("rule=MODEL_MISUSE&team=search", ["open", "seen"]),
        ("team=(none)", []),
        ("q=EE", ["seen"]),
        ("project=web", ["open", "seen"]),
        ("project=none-such", []),
        ("assignee=me", []),
    ],
)
def test_the_address_narrows_the_list(acme, acme_project, viewer, query, found):
    now = timezone.now()
    of(acme, acme_project, "open")
    of(acme, acme_project, "seen", status="acknowledged")
    of(acme, acme_project, "muted", status="muted", muted_until=now + timedelta(days=1))
    of(acme, acme_project, "done", status="resolved", resolved_at=now)

    response = viewer.get(f"{URL}?{query}")

    assert sorted(places(response)) == sorted(found)
    assert ("No such insights" in response.text) == (not found)


def test_a_project_shows_its_own_and_not_the_organizations(acme, acme_project, other, viewer):
    of(acme, acme_project, "ours")
    of(acme, other, "theirs")
    of(acme, None, "everybodys")

    assert places(viewer.get(PROJECT)) == ["ours"]
    assert sorted(places(viewer.get(URL))) == ["everybodys", "ours", "theirs"]


def test_a_hidden_project_is_left_out_of_list_sum_and_report(acme, acme_project, other, client):
    ada = make_user("ada@acme.test")
    Membership.objects.create(user=ada, organization=acme, role=Role.MEMBER)
    with org_scope(acme.pk):
        ProjectRole.objects.create(organization=acme, project=other, user=ada, role=Role.NONE)
    hidden = of(acme, other, "hidden-thing", **saving("900"))
    of(acme, acme_project, "ours", **saving("5"))
    client.force_login(ada)

    response = client.get(URL)
    report = client.get(f"{URL}recommendations/")

    assert places(response) == ["ours"]
    assert response.context["savings"].month_usd == 5
    assert "hidden-thing" not in response.text + report.text
    assert client.get(f"{URL}{hidden.pk}/").status_code == 404
    assert client.get(f"/o/acme/p/other/insights/{hidden.pk}/").status_code == 404


def test_names_are_escaped(acme, acme_project, viewer):
    of(acme, acme_project, "<script>alert(1)</script>", team="<b>")

    text = viewer.get(URL).text

    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_without_calls_the_page_says_how_to_send_some(acme, acme_project, viewer):
    response = viewer.get(URL)

    assert "Nothing to look at yet" in response.text
    assert "/o/acme/p/web/connect/" in response.text
    assert "Not evaluated yet" in response.text


def test_without_findings_the_page_says_what_is_looked_at_and_when(acme, acme_project, viewer):
    record_calls(acme_project, [{"started_at": timezone.now()}])
    now = timezone.now()
    RuleEvaluation.objects.create(
        organization_id=acme.pk, project_id=acme_project.pk, evaluated_at=now, fully_evaluated_at=now
    )

    text = viewer.get(URL).text

    assert "Nothing to act on" in text
    assert text.count("each minute") == 4
    assert text.count("each hour") == 9  # one of them in the filter bar's words
    assert "Evaluated" in text


def test_filtering_replaces_the_list_and_keeps_the_address(acme, acme_project, viewer):
    of(acme, acme_project, "a")

    response = viewer.get(f"{URL}?severity=high&q=", headers={"HX-Request": "true", "HX-Boosted": "true"})

    assert response.headers["HX-Push-Url"] == f"{URL}?severity=high"
    assert 'hx-swap-oob="true"' in response.text
    assert "<html" not in response.text


def test_mine_are_those_that_were_given_to_me(acme, acme_project, viewer):
    me = User.objects.get(email="viewer@acme.test")
    of(acme, acme_project, "mine", assignee=me)
    of(acme, acme_project, "not mine")

    assert places(viewer.get(f"{URL}?assignee=me")) == ["mine"]


# --- Recommendations ---


def test_the_report_says_what_to_do_first(acme, acme_project, viewer):
    of(acme, acme_project, "a", **saving("10"))
    of(acme, acme_project, "b", rule="RAM_OVER_PROVISION", severity="low", **saving("9"))

    response = viewer.get(f"{URL}recommendations/")

    assert [action.rule for action in response.context["report"].plan] == ["RAM_OVER_PROVISION", "MODEL_MISUSE"]
    assert "Executive summary" in response.text
    assert "2 insights are open: 1 of high severity and 1 of low severity." in response.text


def test_an_empty_report_says_that_nothing_needs_to_be_done(acme, acme_project, viewer):
    assert "nothing needs to be done" in viewer.get(f"{PROJECT}recommendations/").text
