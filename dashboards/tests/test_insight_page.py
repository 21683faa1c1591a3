"""One insight: its numbers, the way to its calls, and what people do with it."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from conftest import make_user
from core.scope import org_scope
from dashboards.tests.factories import count_calls
from rules import insight_life
from rules.models import Insight, InsightComment
from rules.tests.factories import SINCE, evidence, make_insight, saving
from tenants.models import AuditEntry, Membership, ProjectRole, User
from tenants.permissions import Role

HTMX = {"HX-Request": "true"}


@pytest.fixture
def insight(acme, acme_project):
    return make_insight(acme, acme_project)


@pytest.fixture
def url(insight):
    return f"/o/acme/p/web/insights/{insight.pk}/"


def now_is(insight):
    with org_scope(insight.organization_id):
        return Insight.objects.get(pk=insight.pk)


def actions(acme):
    with org_scope(acme.pk):
        found = AuditEntry.objects.filter(action__startswith="insight.").order_by("pk")
        return list(found.values_list("action", flat=True))


# --- What it shows ---


def test_the_numbers_stand_beside_what_the_rule_fires_on(viewer, url):
    text = viewer.get(url).text

    assert "9.50 tokens a call" in text
    assert "below 100 tokens a call" in text
    assert "6 Jul 2026, 00:00:00 UTC" in text
    assert "Send these calls to the smaller model" in text


def test_the_saving_names_both_prices_and_what_it_assumes(acme, acme_project, viewer):
    prices = [
        {"model": "gpt-4o", "input_usd": "2.5", "output_usd": "10", "cached_input_usd": "1.25"},
        {"model": "gpt-4o-mini", "input_usd": "0.15", "output_usd": "0.6", "cached_input_usd": None},
    ]
    made = make_insight(acme, acme_project, saving_prices=prices, **saving("12"))

    text = viewer.get(f"/o/acme/p/web/insights/{made.pk}/").text

    assert ["$12.00" in text, "$144.00" in text, "$2.50" in text, "$0.15" in text] == [True] * 4
    assert "assumes equal token counts" in text


def test_an_unknown_saving_is_a_dash_with_the_reason(acme, acme_project, viewer):
    made = make_insight(acme, acme_project, saving_note="no alternative is known")

    text = viewer.get(f"/o/acme/p/web/insights/{made.pk}/").text

    assert "no alternative is known" in text
    assert "$0" not in text


def test_the_chart_has_the_days_of_the_window_and_the_limit(acme, acme_project, viewer):
    rows = [{"started_at": SINCE + timedelta(days=day, hours=3), "output_tokens": 20} for day in range(7)]
    count_calls(acme_project, rows)
    made = make_insight(acme, acme_project)

    spec = viewer.get(f"/o/acme/p/web/insights/{made.pk}/").context["chart"].spec

    assert spec["x"] == [f"2026-07-{day:02}" for day in range(6, 13)]
    assert spec["series"][0]["data"] == [20.0] * 7
    assert spec["series"][1] == {"name": "Fires below", "color_index": 3, "data": [100.0] * 7}


def test_a_budget_of_an_end_user_has_no_chart_and_no_calls_of_others(acme, viewer):
    found = evidence(project_id=None, filters={"user_id": ["u-1"], "counted": ["true"]})
    made = make_insight(acme, None, rule="BUDGET_THRESHOLD", evidence=found)

    response = viewer.get(f"/o/acme/insights/{made.pk}/")

    assert response.context["chart"] is None
    assert "user=u-1" in response.context["calls_url"]


def test_show_these_calls_says_window_and_filter_exactly(acme, acme_project, viewer):
    filters = {"team": [""], "model_key": ["gpt-4o"], "counted": ["true"], "prompt_hash": ["sdk:ab", "sdk:cd"]}
    made = make_insight(acme, acme_project, evidence=evidence(project_id=acme_project.pk, filters=filters))

    address = urlsplit(viewer.get(f"/o/acme/p/web/insights/{made.pk}/").context["calls_url"])

    assert address.path == "/o/acme/p/web/calls/"
    assert parse_qs(address.query) == {
        "since": ["2026-07-06T00:00:00+00:00"],
        "until": ["2026-07-13T00:00:00+00:00"],
        "team": ["(none)"],
        "model": ["gpt-4o"],
        "counted": ["true"],
        "prompt": ["sdk:ab", "sdk:cd"],
    }


def test_the_organizations_address_leads_to_the_project(viewer, insight, url):
    response = viewer.get(f"/o/acme/insights/{insight.pk}/")

    assert (response.status_code, response.headers["Location"]) == (302, url)


def test_history_and_comments_are_one_list_newest_first(acme, insight, viewer, url):
    viewer_user = User.objects.get(email="viewer@acme.test")
    for act, more in ((insight_life.acknowledge, {}), (insight_life.comment, {"text": "<b>seen</b>"})):
        act(organization=acme, actor=viewer_user, insight=insight, now=timezone.now() + timedelta(minutes=1), **more)

    response = viewer.get(url)

    assert [entry.what for entry in response.context["history"]] == ["commented", "acknowledged it", "found it"]
    assert "&lt;b&gt;seen&lt;/b&gt;" in response.text


def test_viewers_see_no_buttons(viewer, member, url):
    assert "Acknowledge</button>" not in viewer.get(url).text
    assert "Acknowledge</button>" in member.get(url).text


# --- What people do ---


@pytest.mark.parametrize(("step", "status"), [("acknowledge", "acknowledged"), ("resolve", "resolved")])
def test_a_step_is_taken_and_recorded(acme, member, insight, url, step, status):
    response = member.post(f"{url}step/", {"step": step})

    assert (response.status_code, response.headers["Location"]) == (302, url)
    assert now_is(insight).status == status
    assert actions(acme) == [f"insight.{status}"]


def test_with_htmx_the_status_is_replaced(member, insight, url):
    response = member.post(f"{url}step/", {"step": "acknowledge"}, headers=HTMX)

    assert response.status_code == 200
    assert "Acknowledged" in response.text
    assert "<html" not in response.text


@pytest.mark.parametrize("step", ["", "delete"])
def test_an_unknown_step_changes_nothing(acme, member, insight, url, step):
    assert member.post(f"{url}step/", {"step": step}).status_code == 422
    assert now_is(insight).status == "open"
    assert actions(acme) == []


def test_what_is_resolved_is_not_acknowledged(member, insight, url):
    member.post(f"{url}step/", {"step": "resolve"})

    response = member.post(f"{url}step/", {"step": "acknowledge"})

    assert response.status_code == 422
    assert now_is(insight).status == "resolved"


def test_it_is_muted_for_a_while_and_unmuted(member, insight, url):
    before = timezone.now()
    member.post(f"{url}mute/", {"term": "7d"})

    assert before + timedelta(days=7) <= now_is(insight).muted_until <= timezone.now() + timedelta(days=7)

    member.post(f"{url}step/", {"step": "unmute"})

    assert (now_is(insight).status, now_is(insight).muted_until) == ("open", None)


def test_it_is_muted_until_a_local_day_begins(acme, owner, member, insight, url):
    owner.post("/o/acme/settings/time-zone/", {"time_zone": "Asia/Tokyo"})
    day = timezone.now().date() + timedelta(days=10)

    member.post(f"{url}mute/", {"term": "day", "until": day.isoformat()})

    expected = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=9)
    assert now_is(insight).muted_until == expected


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"term": "day"}, "Choose a day."),
        ({"term": "day", "until": "2020-01-01"}, "Choose a time from now on, at most a year ahead."),
        ({"term": "day", "until": "9999-12-31"}, "Choose a time from now on, at most a year ahead."),
        ({"term": "day", "until": "soon"}, "Enter a valid date."),
        ({"term": "99y"}, "99y is not one of the available choices"),
    ],
)
def test_a_mute_that_cannot_be_says_why(member, insight, url, sent, message):
    response = member.post(f"{url}mute/", sent)

    assert response.status_code == 422
    assert message in response.text
    assert now_is(insight).status == "open"


def test_it_is_given_to_a_member_and_taken_back(acme, member, insight, url):
    ada = make_user("ada@acme.test")
    Membership.objects.create(user=ada, organization=acme, role=Role.VIEWER)

    member.post(f"{url}assign/", {"assignee": ada.pk})
    assert now_is(insight).assignee_id == ada.pk
    assert "assigned it to ada@acme.test" in member.get(url).text

    member.post(f"{url}assign/", {"assignee": ""})
    assert now_is(insight).assignee_id is None


def test_it_is_given_to_nobody_who_may_not_see_it(acme, acme_project, member, outsider, insight, url):
    hidden = make_user("hidden@acme.test")
    Membership.objects.create(user=hidden, organization=acme, role=Role.MEMBER)
    with org_scope(acme.pk):
        ProjectRole.objects.create(organization=acme, project=acme_project, user=hidden, role=Role.NONE)
    stranger = User.objects.get(email="owner@globex.test")

    statuses = [member.post(f"{url}assign/", {"assignee": user.pk}).status_code for user in (hidden, stranger)]

    assert statuses == [422, 422]
    assert now_is(insight).assignee_id is None


@pytest.mark.parametrize("text", ["", "  ", "x" * 2_001])
def test_a_comment_that_cannot_be_keeps_what_was_typed(acme, member, insight, url, text):
    response = member.post(f"{url}comment/", {"text": text})

    assert response.status_code == 422
    assert text.strip() in response.text
    with org_scope(acme.pk):
        assert InsightComment.objects.count() == 0


def test_a_comment_is_kept_as_written(acme, member, insight, url):
    member.post(f"{url}comment/", {"text": "Länger:\nsieh <hier>"})

    with org_scope(acme.pk):
        assert InsightComment.objects.get().text in {"Länger:\nsieh <hier>", "Länger:\r\nsieh <hier>"}


def test_a_viewer_changes_nothing(acme, viewer, insight, url):
    sent = {"step/": {"step": "resolve"}, "mute/": {"term": "1d"}, "assign/": {}, "comment/": {"text": "x"}}

    statuses = {viewer.post(f"{url}{part}", data).status_code for part, data in sent.items()}

    assert statuses == {403}
    assert now_is(insight).status == "open"
    assert actions(acme) == []


def test_a_projects_insight_is_not_changed_at_the_organizations_address(member, insight):
    response = member.post(f"/o/acme/insights/{insight.pk}/step/", {"step": "resolve"})

    assert response.status_code == 404
    assert now_is(insight).status == "open"
