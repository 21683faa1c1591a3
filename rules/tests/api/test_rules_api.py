"""``/api/v1/rules``."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboards.tests.factories import make_rollup
from rules.api import rules as views
from rules.engine.names import Rule
from rules.engine.thresholds import CATALOGUE
from rules.models import Insight, RuleSetting
from tenants import services
from tenants.models import AuditEntry
from tenants.permissions import Role, Scope
from tenants.tests.keys import bearer, issue_key
from tenants.tests.people import join, override, owner_of, signed_in

NOW = datetime(2026, 7, 14, 10, 20, tzinfo=UTC)
URL = "/api/v1/rules"
OF_WEB = "?project=web"
JSON = {"content_type": "application/json"}


@pytest.fixture(autouse=True)
def on_a_day_in_july(monkeypatch):
    monkeypatch.setattr(views, "now", lambda: NOW)


@pytest.fixture
def manager(acme, acme_project):
    """Headers of a key of the whole organization that may change it."""
    return bearer(issue_key(acme, scopes=[Scope.READ, Scope.MANAGE]))


@pytest.fixture
def of_project(acme, acme_project):
    return bearer(issue_key(acme, project=acme_project, scopes=[Scope.READ, Scope.MANAGE]))


def fields(answer):
    assert answer.status_code == 400
    return [error["field"] for error in answer.json()["errors"]]


def settings(organization, scope):
    with scope(organization):
        return list(RuleSetting.objects.values_list("rule", "enabled", "thresholds", "severity", "muted_features"))


def test_the_rules_of_a_project_say_when_they_fire(anonymous, manager):
    rules = anonymous.get(URL + OF_WEB, headers=manager).json()["results"]

    assert [rule["rule"] for rule in rules] == list(CATALOGUE)
    long_prompts = next(rule for rule in rules if rule["rule"] == "LONG_PROMPTS")
    assert long_prompts["formula"] == "calls ≥ 50 and input tokens ÷ calls > 2,000"
    assert long_prompts["thresholds"][2] == {
        "name": "input_tokens",
        "title": "Input above",
        "unit": "tokens a call",
        "explanation": "Mean input of the window's calls above which prompts are long.",
        "value": "2000",
        "default": "2000",
        "lowest": "100",
        "highest": "10000000",
        "choices": [],
    }
    assert [rule["rule"] for rule in rules if not rule["configurable"]] == ["BUDGET_THRESHOLD", "BUDGET_FORECAST"]


def test_a_change_keeps_what_it_does_not_name(anonymous, acme, manager, scope):
    path = f"{URL}/LONG_PROMPTS{OF_WEB}"

    anonymous.patch(path, {"thresholds": {"input_tokens": 4000, "calls": "80"}}, headers=manager, **JSON)
    anonymous.patch(path, {"severity": "low", "muted_features": ["batch"]}, headers=manager, **JSON)
    answer = anonymous.patch(path, {"thresholds": {"calls": None}, "enabled": False}, headers=manager, **JSON)

    assert answer.status_code == 200
    assert "> 4,000" in answer.json()["formula"]
    assert (answer.json()["enabled"], answer.json()["severity"]) == (False, "low")
    assert settings(acme, scope) == [("LONG_PROMPTS", False, {"input_tokens": "4000"}, "low", ["batch"])]
    with scope(acme):
        assert AuditEntry.objects.filter(action="rule.configured", actor_kind="key").count() == 3
    anonymous.patch(path, {"severity": None}, headers=manager, **JSON)
    assert settings(acme, scope)[0][3] == ""


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"thresholds": {"input_tokens": 99}}, "thresholds.input_tokens"),
        ({"thresholds": {"input_tokens": "many"}}, "thresholds.input_tokens"),
        ({"thresholds": {"input_tokens": True}}, "thresholds.input_tokens"),
        ({"thresholds": {"input_tokens": [1]}}, "thresholds.input_tokens"),
        ({"thresholds": {"input_tokens": 100.5}}, "thresholds.input_tokens"),
        ({"thresholds": {"planet": 1}}, "thresholds.planet"),
        ({"thresholds": {"planet": None}}, "thresholds"),
        ({"thresholds": 3}, "thresholds"),
        ({"severity": "awful"}, "severity"),
        ({"enabled": "perhaps"}, "enabled"),
        ({"muted_features": ["x" * 101]}, "muted_features.0"),
        ({"muted_features": ["x"] * 101}, "muted_features"),
        ({"title": "Mine"}, "title"),
    ],
)
@pytest.mark.parametrize("backtest", [False, True])
def test_what_cannot_be_is_refused_by_the_member_that_is_wrong(anonymous, acme, manager, scope, body, field, backtest):
    if backtest:
        answer = anonymous.post(f"{URL}/LONG_PROMPTS/backtest{OF_WEB}", body, headers=manager, **JSON)
    else:
        answer = anonymous.patch(f"{URL}/LONG_PROMPTS{OF_WEB}", body, headers=manager, **JSON)

    assert fields(answer) == [field]
    assert settings(acme, scope) == []


def test_a_backtest_says_what_would_have_been_found_and_saves_nothing(anonymous, acme, acme_project, manager, scope):
    with scope(acme):
        for ago in range(1, 20):
            make_rollup(acme_project, (NOW - timedelta(days=ago)).date(), team="growth", calls=200 if ago == 10 else 50)
    path = f"{URL}/SPIKE/backtest{OF_WEB}"

    found = anonymous.post(path, {}, headers=manager, **JSON).json()
    none = anonymous.post(path, {"thresholds": {"times": 4}}, headers=manager, **JSON).json()

    assert (found["rule"], found["moments"], found["complete"], found["more"]) == ("SPIKE", 30, True, 0)
    (one,) = found["found"]
    assert one.pop("evidence")["figures"][0]["value"] == 200
    assert one == {
        "subject": {"team": "growth"},
        "severity": "low",
        "first_at": "2026-07-04T23:59:59.999999Z",
        "last_at": "2026-07-05T23:59:59.999999Z",
        "times": 2,
        "saving_month_usd": None,
    }
    assert none["found"] == []
    assert settings(acme, scope) == []
    with scope(acme):
        assert Insight.objects.count() == 0


@pytest.mark.parametrize("rule", ["PLANET", "spike", Rule.BUDGET_THRESHOLD])
def test_a_rule_without_settings_is_not_found(anonymous, manager, rule):
    assert anonymous.patch(f"{URL}/{rule}{OF_WEB}", {}, headers=manager, **JSON).status_code == 404
    assert anonymous.post(f"{URL}/{rule}/backtest{OF_WEB}", {}, headers=manager, **JSON).status_code == 404


def test_the_project_must_be_named_except_by_its_own_key(anonymous, acme, manager, of_project, scope):
    services.create_project(organization=acme, actor=owner_of(acme), name="Secret")

    assert fields(anonymous.get(URL, headers=manager)) == ["project"]
    assert anonymous.get(URL + "?project=nothing", headers=manager).status_code == 404
    assert anonymous.get(URL, headers=of_project).status_code == 200
    assert anonymous.get(URL + "?project=secret", headers=of_project).status_code == 404
    off = {"enabled": False}
    assert anonymous.patch(f"{URL}/SPIKE?project=secret", off, headers=of_project, **JSON).status_code == 404
    assert settings(acme, scope) == []
    assert anonymous.patch(f"{URL}/SPIKE", off, headers=of_project, **JSON).status_code == 200


def test_who_may_change_rules(anonymous, admin, member, outsider, acme, acme_project, globex, scope):
    reader = bearer(issue_key(acme))
    theirs = bearer(issue_key(globex, scopes=[Scope.READ, Scope.MANAGE]))
    path, body = f"{URL}/SPIKE{OF_WEB}", {"enabled": False}
    asked = path + "&organization=acme"

    assert anonymous.patch(path, body, **JSON).status_code == 401
    assert anonymous.patch(path, body, headers=reader, **JSON).status_code == 403
    assert anonymous.post(f"{URL}/SPIKE/backtest{OF_WEB}", {}, headers=reader, **JSON).status_code == 200
    assert anonymous.patch(path, body, headers=theirs, **JSON).status_code == 200  # their own project of that name
    assert member.patch(asked, body, **JSON).status_code == 403
    assert outsider.patch(asked, body, **JSON).status_code == 404
    assert settings(acme, scope) == []
    assert admin.patch(asked, body, **JSON).status_code == 200


def test_a_project_that_is_not_theirs_to_change_is_not_changed(acme, acme_project, scope):
    ada = join(acme, "ada@example.test", Role.ADMIN)
    override(acme_project, ada, Role.VIEWER)
    client, asked = signed_in(ada), f"{OF_WEB}&organization=acme"

    assert client.get(URL + asked).status_code == 200
    assert client.patch(f"{URL}/SPIKE{asked}", {"enabled": False}, **JSON).status_code == 403
    assert settings(acme, scope) == []
