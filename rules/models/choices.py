"""The engine's names as choices of a column."""

from typing import Any

from django.db import models

from rules.engine.names import Rule, Severity

RULES = [(rule.value, rule.value) for rule in Rule]
SEVERITIES = [(severity.value, severity.value.capitalize()) for severity in Severity]


def usd(**options: object) -> "models.DecimalField[Any, Any]":
    """Unconstrained numeric in the database; the digits here are only Django's upper bound."""
    return models.DecimalField(max_digits=60, decimal_places=30, **options)  # type: ignore[arg-type]
