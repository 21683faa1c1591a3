"""Budgets as the API reads and shows them."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.fields import InstantField, UsdField
from core.parameters import Body, Choice
from rules.budget_selectors import BudgetRow
from rules.budget_terms import LONGEST_FEATURE, LONGEST_NAME, LONGEST_USER, MOST_THRESHOLDS
from rules.engine.budgets import DEFAULT_THRESHOLDS
from rules.models import Budget

_SCOPES: Final = tuple(Budget.Scope.values)
_METRICS: Final = tuple(Budget.Metric.values)
_PERIODS: Final = tuple(Budget.Period.values)
_LIMIT: Final = "Above zero: US dollars or tokens, by `metric`."
_THRESHOLDS: Final = "Percent of the limit, ascending, each once: 1 to 1000."


@extend_schema_field({"type": "string", "format": "decimal"})
class AmountField(serializers.CharField):
    """A number as text or as JSON number; the services know its bounds."""

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, bool) or not isinstance(data, str | int | float):
            raise serializers.ValidationError("Give a number.")
        return str(data)


class ForecastSerializer(serializers.Serializer[Any]):
    """What will have been spent when the period ends: at the mean pace of the last week, and at its slowest and
    fastest day's."""

    expected = UsdField()
    low = UsdField()
    high = UsdField()


class StandingSerializer(serializers.Serializer[Any]):
    """The running period."""

    since = InstantField()
    until = InstantField(help_text="Excluded.")
    spent = UsdField(help_text="US dollars or tokens, by `metric`.")
    percent = UsdField(help_text="Spent of the limit; 100 is all of it.")
    standing = serializers.ChoiceField(
        ["ok", "warned", "ahead", "over", "paused"],
        help_text="`warned`: a threshold was reached. `ahead`: even the low end of the forecast is above the limit.",
    )
    thresholds_reached = serializers.ListField(child=serializers.IntegerField())
    unpriced_calls = serializers.IntegerField(help_text="Calls whose cost is unknown and not included.")
    estimated_calls = serializers.IntegerField(help_text="Calls whose usage was estimated, not included.")
    forecast = ForecastSerializer(
        allow_null=True, help_text="Null for hours, in the first tenth of a period, and with less than a day of calls."
    )
    computed_at = InstantField()


class BudgetSerializer(serializers.Serializer[Any]):
    """A ceiling for what a scope spends in a period. Budgets that overlap are independent of each other."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    scope = serializers.ChoiceField(_SCOPES)
    project = serializers.CharField(allow_null=True, help_text="Slug.")
    team = serializers.CharField(allow_null=True, help_text="Slug.")
    feature = serializers.CharField(allow_null=True)
    user_id = serializers.CharField(allow_null=True, help_text="As calls are stored: a personal one is a keyed hash.")
    api_key = serializers.CharField(allow_null=True, help_text="The public part of the key.")
    metric = serializers.ChoiceField(_METRICS)
    period = serializers.ChoiceField(_PERIODS, help_text="In the organization's time zone; a week begins on Monday.")
    limit = UsdField(help_text=_LIMIT)
    thresholds = serializers.ListField(child=serializers.IntegerField(), help_text=_THRESHOLDS)
    active = serializers.BooleanField(help_text="False: paused.")
    created_at = InstantField()
    current = StandingSerializer()


class BudgetListSerializer(serializers.Serializer[Any]):
    results = BudgetSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Always null: the list has one page.")


def _thresholds(**options: Any) -> serializers.ListField:
    child = serializers.IntegerField()
    return serializers.ListField(child=child, max_length=MOST_THRESHOLDS, help_text=_THRESHOLDS, **options)


class NewBudgetSerializer(Body):
    """A budget to be: the scope says which of `project`, `team`, `feature`, `user_id` and `api_key` are needed."""

    name = serializers.CharField(max_length=LONGEST_NAME)
    scope = Choice(_SCOPES)
    project = serializers.CharField(max_length=100, required=False, help_text="Slug; with a project's key: its own.")
    team = serializers.CharField(max_length=100, required=False, help_text="Slug.")
    feature = serializers.CharField(max_length=LONGEST_FEATURE, required=False)
    user_id = serializers.CharField(max_length=LONGEST_USER, required=False)
    api_key = serializers.CharField(max_length=8, required=False, help_text="The public part of the key.")
    metric = Choice(_METRICS, required=False, default=Budget.Metric.COST_USD.value)
    period = Choice(_PERIODS)
    limit = AmountField(help_text=_LIMIT)
    thresholds = _thresholds(required=False, default=lambda: list(DEFAULT_THRESHOLDS))


class BudgetChangeSerializer(Body):
    """What is to change; what is left out stays. Scope, metric and period never change: make another budget."""

    name = serializers.CharField(max_length=LONGEST_NAME, required=False)
    limit = AmountField(required=False, help_text=_LIMIT)
    thresholds = _thresholds(required=False)
    active = serializers.BooleanField(required=False, help_text="False pauses it.")


def document(row: BudgetRow) -> dict[str, Any]:
    """A budget with how it stands."""
    budget = row.budget
    shown = {
        "id": budget.pk,
        "project": budget.project.slug if budget.project else None,
        "team": budget.team or None,
        "feature": budget.feature or None,
        "user_id": budget.user_id or None,
        "api_key": budget.api_key.prefix if budget.api_key else None,
        "active": budget.is_active,
        "current": {
            "since": row.stretch.since,
            "until": row.stretch.until,
            "percent": row.share * 100,
            "thresholds_reached": list(row.reached),
            **{name: getattr(row, name) for name in _ALIKE},
        },
    }
    plain = {name: getattr(budget, name) for name in ("name", "scope", "metric", "period", "limit", "thresholds")}
    return dict(BudgetSerializer(shown | plain | {"created_at": budget.created_at}).data)


_ALIKE: Final = ("spent", "standing", "unpriced_calls", "estimated_calls", "forecast", "computed_at")
