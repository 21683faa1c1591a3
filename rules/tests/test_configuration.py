"""How projects change rules: within bounds, by name, from the next evaluation on."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from rules import configuration
from rules.engine.names import Rule, Severity
from rules.models import RuleEvaluation, RuleSetting
from tenants.models import AuditEntry

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def configure(organization, project, rule="SPIKE", **more):
    given = {"enabled": True, "thresholds": {}} | more
    return configuration.configure(organization=organization, actor=None, project=project, rule=rule, now=NOW, **given)


def test_a_project_without_settings_has_the_catalogues_rules(acme, acme_project, scope):
    with scope(acme):
        assert configuration.configs(project=acme_project) == {}


def test_a_setting_is_what_the_engine_is_given(acme, acme_project, scope):
    configure(
        acme,
        acme_project,
        thresholds={"calls": "200", "times": 2.5, "least_days": 3},
        severity="high",
        muted_features=[" chat ", "<b>", "chat", ""],
    )

    with scope(acme):
        config = configuration.configs(project=acme_project)[Rule.SPIKE]
        stored = RuleSetting.objects.get()

    assert config.values == {"calls": Decimal(200), "times": Decimal("2.5")}
    assert (config.severity, config.muted_features) == (Severity.HIGH, frozenset({"chat", "<b>"}))
    assert stored.thresholds == {"calls": "200", "times": "2.5"}


def test_a_change_is_recorded_and_every_rule_is_due_at_once(acme, acme_project, scope):
    configure(acme, acme_project, enabled=False)
    configure(acme, acme_project, enabled=True)

    with scope(acme):
        assert RuleSetting.objects.count() == 1
        entries = AuditEntry.objects.filter(action="rule.configured").order_by("pk")
        assert [entry.facts["enabled"] for entry in entries] == [False, True]
    cursor = RuleEvaluation.objects.get(project_id=acme_project.pk)
    assert (cursor.due_at, cursor.fully_evaluated_at) == (NOW, None)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"rule": "SPOKE"}, "rule"),
        ({"thresholds": {"calls": 5}}, "calls"),
        ({"thresholds": {"calls": "many"}}, "calls"),
        ({"thresholds": {"times": "NaN"}}, "times"),
        ({"thresholds": {"size": 100}}, "thresholds"),
        ({"rule": "MODEL_DOWNGRADE", "thresholds": {"size": 120}}, "size"),
        ({"severity": "dreadful"}, "severity"),
        ({"muted_features": [str(number) for number in range(101)]}, "muted_features"),
        ({"muted_features": ["x" * 101]}, "muted_features"),
        ({"muted_features": ["a\x00"]}, "muted_features"),
    ],
)
def test_what_cannot_be_is_refused_by_field_and_changes_nothing(acme, acme_project, scope, given, field):
    with pytest.raises(ValidationError) as error:
        configure(acme, acme_project, **given)

    assert list(error.value.message_dict) == [field]
    with scope(acme):
        assert RuleSetting.objects.count() == 0
        assert not AuditEntry.objects.filter(action="rule.configured").exists()


def test_all_wrong_thresholds_are_named_at_once(acme, acme_project):
    with pytest.raises(ValidationError) as error:
        configure(acme, acme_project, thresholds={"calls": 0, "times": 0, "least_days": 3})

    assert sorted(error.value.message_dict) == ["calls", "times"]


def test_a_stored_number_that_is_no_longer_allowed_is_the_catalogues_again(acme, acme_project, scope):
    with scope(acme):
        RuleSetting.objects.create(
            organization=acme, project=acme_project, rule="SPIKE", thresholds={"calls": "1", "gone": "2", "times": "4"}
        )

        assert configuration.configs(project=acme_project)[Rule.SPIKE].values == {"times": Decimal(4)}
