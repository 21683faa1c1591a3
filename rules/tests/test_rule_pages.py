"""Pages about what a project's rules fire on."""

from datetime import UTC, datetime, timedelta
from html import unescape
from http import HTTPStatus

import pytest

from dashboards.tests.factories import make_rollup
from rules.engine.names import Rule
from rules.engine.thresholds import CATALOGUE, OF_BUDGETS, OF_PROJECTS
from rules.models import Insight, RuleSetting
from rules.views import rules as views
from tenants.models import AuditEntry
from tenants.permissions import Role
from tenants.tests.people import join, override, signed_in

NOW = datetime(2026, 7, 14, 10, 20, tzinfo=UTC)
RULES = "/o/acme/p/web/rules/"
SPIKE = RULES + "SPIKE/"
HTMX = {"HX-Request": "true"}
FORM = {
    "enabled": "on",
    "calls": "100",
    "times": "3",
    "times_high": "10",
    "baseline_days": "7",
    "least_days": "3",
    "severity": "",
}


@pytest.fixture(autouse=True)
def on_a_day_in_july(monkeypatch):
    monkeypatch.setattr(views, "now", lambda: NOW)


@pytest.fixture
def spiked(acme, acme_project, scope):
    with scope(acme):
        for ago in range(1, 20):
            day = (NOW - timedelta(days=ago)).date()
            make_rollup(acme_project, day, team="<b>growth</b>", calls=200 if ago == 10 else 50)


def stored(organization, scope):
    with scope(organization):
        return list(RuleSetting.objects.values_list("rule", "enabled", "thresholds", "severity", "muted_features"))


def test_the_twelve_rules_are_listed_with_their_exact_conditions(viewer):
    page = unescape(viewer.get(RULES).text)

    for spec in CATALOGUE.values():
        assert spec.title in page
        assert f'id="{spec.rule}"' in page
    assert "were at least 50 and read more than 2,000 input tokens on average" in page
    assert page.count("Set by each budget") == len(OF_BUDGETS)
    assert "Change" not in page.split("<main")[1]


def test_the_list_has_the_numbers_that_hold_here(admin, acme, scope):
    admin.post(SPIKE, FORM | {"times": "4.5", "severity": "high"})

    page = unescape(admin.get(RULES).text)

    assert "more than 4.5 times the mean of the 7 days before" in page
    assert "Severity: high" in page
    assert "Changed" in page


@pytest.mark.parametrize("rule", sorted(OF_PROJECTS))
def test_every_rule_of_projects_has_its_form_with_bounds_and_reasons(admin, rule):
    page = unescape(admin.get(f"{RULES}{rule}/").text)

    for threshold in CATALOGUE[rule].thresholds:
        assert f'name="{threshold.name}"' in page
        assert threshold.explanation in page
    assert ('name="muted_features"' in page) == ("feature" in CATALOGUE[rule].per)


def test_saving_keeps_what_differs_and_records_who(admin, acme, scope):
    answer = admin.post(RULES + "LONG_PROMPTS/", {
        "days": "7", "calls": "1,000", "input_tokens": "2000", "severity": "low", "muted_features": "batch\n\nimports",
    })  # fmt: skip

    assert answer.url == RULES
    assert stored(acme, scope) == [("LONG_PROMPTS", False, {"calls": "1000"}, "low", ["batch", "imports"])]
    with scope(acme):
        entry = AuditEntry.objects.get(action="rule.configured")
        assert (entry.actor_name, entry.facts["rule"]) == ("admin@acme.test", "LONG_PROMPTS")
    page = unescape(admin.get(RULES).text)
    assert "Off" in page
    assert "silent about" in page


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"calls": "9"}, "At least must be from 10 to 1000000 calls."),
        ({"calls": "1000001"}, "At least must be from 10 to 1000000 calls."),
        ({"calls": "10.5"}, "At least must be a whole number."),
        ({"calls": "many"}, "At least must be a number."),
        ({"calls": ""}, "This field is required."),
        ({"times": "1"}, "More than must be from 1.1 to 100 times the mean."),
        ({"times": "NaN"}, "More than must be from 1.1 to 100 times the mean."),
        ({"times": "1e9"}, "More than must be from 1.1 to 100 times the mean."),
        ({"severity": "awful"}, "Choose one from the list."),
    ],
)
@pytest.mark.parametrize("button", [{}, {"try": "1"}])
def test_a_number_out_of_its_bounds_is_said_beside_its_field(admin, acme, scope, data, says, button):
    answer = admin.post(SPIKE, FORM | {"baseline_days": "14"} | data | button)

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert says in answer.text
    assert 'value="14"' in answer.text
    assert "would have found" not in answer.text
    assert stored(acme, scope) == []


def test_a_size_that_is_not_counted_is_refused(admin, acme, scope):
    answer = admin.post(RULES + "MODEL_DOWNGRADE/", {"days": "7", "size": "150", "calls_a_day": "100"})

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "must be one of 50, 100, 200, 500, 1000 tokens" in answer.text


@pytest.mark.parametrize("data", [{"muted_features": "x" * 101}, {"muted_features": "\n".join(map(str, range(101)))}])
def test_too_much_that_is_muted_is_said_beside_the_field(admin, acme, scope, data):
    form = {"days": "7", "calls": "50", "input_tokens": "2000"} | data

    answer = admin.post(RULES + "LONG_PROMPTS/", form)

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert stored(acme, scope) == []


# --- Trying ---


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_trying_shows_what_would_have_been_found_and_saves_nothing(admin, acme, spiked, scope, headers):
    answer = admin.post(SPIKE, FORM | {"try": "1"}, headers=headers)

    assert answer.status_code == HTTPStatus.OK
    assert ("<html" in answer.text) == (not headers)
    assert "It would have found 1" in answer.text
    assert "&lt;b&gt;growth&lt;/b&gt;" in answer.text
    assert "Calls: 200 calls" in answer.text
    assert "Looked at 30 days" in answer.text
    assert stored(acme, scope) == []
    with scope(acme):
        assert Insight.objects.count() == 0


def test_trying_uses_what_was_typed_and_keeps_it(admin, spiked):
    answer = admin.post(SPIKE, FORM | {"times": "4", "try": "1"})

    assert "It would have found nothing" in answer.text
    assert 'value="4"' in answer.text
    assert "more than 4 times the mean" in answer.text


def test_a_rule_of_hours_says_that_it_looked_at_hours(admin):
    form = {"enabled": "on", "calls": "50", "error_percent": "10", "times": "3", "baseline_days": "7", "try": "1"}

    page = admin.post(RULES + "ERROR_BURST/", form).text

    assert "Looked at the start of 168 hours" in page
    assert "Try on the last 7 days" in page


def test_when_time_is_up_the_page_says_so(admin, spiked, monkeypatch):
    seconds = iter(range(0, 1000, 3))
    monkeypatch.setattr(views.time, "monotonic", lambda: next(seconds))

    page = admin.post(SPIKE, FORM | {"try": "1"}).text

    assert "There was no time for more" in page
    assert "Looked at 2 days" in page


# --- Who ---


@pytest.mark.parametrize("who", ["member", "viewer"])
def test_who_may_only_read_changes_and_tries_nothing(request, acme, scope, who):
    client = request.getfixturevalue(who)

    assert client.get(RULES).status_code == HTTPStatus.OK
    for data in (FORM, FORM | {"try": "1"}):
        assert client.post(SPIKE, data).status_code == HTTPStatus.FORBIDDEN
    assert stored(acme, scope) == []


def test_the_role_in_the_project_decides(acme, acme_project, scope):
    ada = join(acme, "ada@example.test", Role.VIEWER)
    override(acme_project, ada, Role.ADMIN)

    assert signed_in(ada).post(SPIKE, FORM | {"times": "5"}).status_code == HTTPStatus.FOUND
    assert stored(acme, scope) == [("SPIKE", True, {"times": "5"}, "", [])]


@pytest.mark.parametrize("rule", ["PLANET", "spike", Rule.BUDGET_THRESHOLD, Rule.BUDGET_FORECAST])
def test_a_rule_that_has_no_settings_is_not_found(admin, rule):
    assert admin.get(f"{RULES}{rule}/").status_code == HTTPStatus.NOT_FOUND
    assert admin.post(f"{RULES}{rule}/", FORM).status_code == HTTPStatus.NOT_FOUND


def test_strangers_find_nothing(outsider, nobody):
    for client in (outsider, nobody):
        assert client.get(RULES).status_code == HTTPStatus.NOT_FOUND
        assert client.post(SPIKE, FORM).status_code == HTTPStatus.NOT_FOUND
