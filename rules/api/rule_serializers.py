"""Rules as the API reads and shows them."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.fields import InstantField, OptionalInstantField, UsdField, decimal_text
from core.parameters import Body, Choice, OrganizationParameters
from rules import rule_words
from rules.backtest import Backtest, Found
from rules.configuration import MOST_MUTED
from rules.engine import insights
from rules.engine.names import Rule, Severity
from rules.engine.thresholds import OF_BUDGETS, RuleConfig, RuleSpec, Threshold

_SEVERITIES: Final = tuple(Severity)


class RuleParameters(OrganizationParameters):
    """Which project's rules."""

    project = serializers.CharField(
        required=False, max_length=100, help_text="Slug of the project. A project's key has its own."
    )


class ThresholdSerializer(serializers.Serializer[Any]):
    """A number that the rule compares with."""

    name = serializers.CharField()
    title = serializers.CharField()
    unit = serializers.CharField()
    explanation = serializers.CharField()
    value = UsdField(help_text="What holds in the project.")
    default = UsdField()
    lowest = UsdField()
    highest = UsdField()
    choices = serializers.ListField(child=serializers.CharField(), help_text="Empty: anything within the bounds.")


class RuleSerializer(serializers.Serializer[Any]):
    """A rule as it holds in a project."""

    rule = serializers.ChoiceField(tuple(Rule))
    title = serializers.CharField()
    condition = serializers.CharField(help_text="When it fires, in words and with the numbers that hold.")
    formula = serializers.CharField()
    one_insight_per = serializers.ListField(child=serializers.CharField())
    cadence = serializers.ChoiceField(["minute", "hour"])
    default_severity = serializers.ChoiceField(_SEVERITIES)
    configurable = serializers.BooleanField(
        help_text="False for the rules of budgets: each budget has its own numbers."
    )
    enabled = serializers.BooleanField()
    severity = serializers.ChoiceField(_SEVERITIES, allow_null=True, help_text="Null: the rule's own.")
    muted_features = serializers.ListField(child=serializers.CharField())
    thresholds = ThresholdSerializer(many=True)


class RuleListSerializer(serializers.Serializer[Any]):
    results = RuleSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Always null: the list has one page.")


@extend_schema_field({"type": ["number", "string"]})
class NumberOrNullField(serializers.JSONField):
    """A number as JSON or text, or null; the catalogue knows its bounds."""


class RuleChangeSerializer(Body):
    """What is to change; what is left out stays."""

    enabled = serializers.BooleanField(required=False)
    thresholds = serializers.DictField(
        child=NumberOrNullField(allow_null=True),
        required=False,
        help_text="By name; null is the rule's own number.",
    )
    severity = Choice(_SEVERITIES, required=False, allow_null=True, help_text="Null: the rule's own.")
    muted_features = serializers.ListField(
        child=serializers.CharField(max_length=100), required=False, max_length=MOST_MUTED
    )


class FoundSerializer(serializers.Serializer[Any]):
    """One insight of the past, with the numbers of the last moment at which it was there."""

    subject = serializers.DictField(child=serializers.CharField(), help_text="What there is one insight per.")
    severity = serializers.ChoiceField(_SEVERITIES)
    first_at = InstantField()
    last_at = InstantField()
    times = serializers.IntegerField(help_text="At how many of the moments.")
    saving_month_usd = UsdField(allow_null=True)
    evidence = serializers.JSONField()


class BacktestSerializer(serializers.Serializer[Any]):
    """Insights that the settings would have given. Days are looked at as they ended; ERROR_BURST by the hour."""

    rule = serializers.ChoiceField(tuple(Rule))
    since = OptionalInstantField(allow_null=True)
    moments = serializers.IntegerField(help_text="How many were looked at.")
    complete = serializers.BooleanField(help_text="False: there was no time for the oldest.")
    found = FoundSerializer(many=True)
    more = serializers.IntegerField(help_text="How many insights are not listed.")


def rule_document(spec: RuleSpec, config: RuleConfig) -> dict[str, Any]:
    """A rule as it holds."""
    return dict(
        RuleSerializer(
            {
                "rule": spec.rule,
                "title": spec.title,
                "condition": rule_words.condition(spec.rule, config),
                "formula": rule_words.formula(spec.rule, config),
                "one_insight_per": spec.per,
                "cadence": spec.cadence,
                "default_severity": spec.severity,
                "configurable": spec.rule not in OF_BUDGETS,
                "enabled": config.enabled,
                "severity": config.severity,
                "muted_features": sorted(config.muted_features),
                "thresholds": [_threshold(one, config, spec.rule) for one in spec.thresholds],
            }
        ).data
    )


def _threshold(threshold: Threshold, config: RuleConfig, rule: Rule) -> dict[str, Any]:
    plain = ("name", "unit", "explanation", "default", "lowest", "highest")
    return {name: getattr(threshold, name) for name in plain} | {
        "title": threshold.label,
        "value": config.number(rule, threshold.name),
        "choices": [decimal_text(choice) for choice in threshold.choices],
    }


def backtest_document(tried: Backtest) -> dict[str, Any]:
    return dict(
        BacktestSerializer(
            {
                "rule": tried.rule,
                "since": tried.since,
                "moments": tried.looked_at,
                "complete": not tried.is_cut,
                "found": [_found(one) for one in tried.found],
                "more": tried.more,
            }
        ).data
    )


def _found(found: Found) -> dict[str, Any]:
    saving = found.insight.saving
    return {
        "subject": dict(found.insight.subject),
        "severity": found.insight.severity,
        "first_at": found.first_at,
        "last_at": found.last_at,
        "times": found.times,
        "saving_month_usd": saving.month_usd if saving else None,
        "evidence": insights.evidence_json(found.insight.evidence),
    }
