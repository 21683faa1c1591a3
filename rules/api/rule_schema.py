"""How the API's document describes rules."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.openapi import problems
from rules.api.rule_serializers import (
    BacktestSerializer,
    RuleChangeSerializer,
    RuleListSerializer,
    RuleParameters,
    RuleSerializer,
    rule_document,
)
from rules.engine.names import Rule
from rules.engine.thresholds import CATALOGUE, DEFAULT

_RULE: Final = rule_document(CATALOGUE[Rule.LONG_PROMPTS], DEFAULT)
_CHANGE: Final = {"thresholds": {"input_tokens": 4000, "calls": None}, "muted_features": ["batch-import"]}
_TRIED: Final[dict[str, Any]] = {
    "rule": "LONG_PROMPTS",
    "since": "2026-10-22T23:59:59.999999Z",
    "moments": 30,
    "complete": True,
    "found": [
        {
            "subject": {"team": "search", "feature": "chat"},
            "severity": "medium",
            "first_at": "2026-11-02T23:59:59.999999Z",
            "last_at": "2026-11-20T10:00:00.000000Z",
            "times": 19,
            "saving_month_usd": "41.2",
            "evidence": {
                "figures": [{"name": "calls", "value": 812, "unit": "calls", "comparison": "≥", "against": 50}]
            },
        }
    ],
    "more": 0,
}
_NAME: Final = OpenApiParameter("rule", str, OpenApiParameter.PATH, description="Name of the rule: LONG_PROMPTS.")


def _shown(serializer: Any, name: str, value: Any) -> OpenApiResponse:
    return OpenApiResponse(serializer, examples=[OpenApiExample(name, value=value, response_only=True)])


rule_list = extend_schema(
    operation_id="rule_list",
    tags=["Rules"],
    summary="Rules of a project",
    description="Every rule with its exact condition and the numbers that hold in the project.",
    parameters=[RuleParameters],
    responses={200: _shown(RuleListSerializer, "rules", {"results": [_RULE], "next": None})} | problems(400, 403, 404),
)
rule_change = extend_schema(
    operation_id="rule_change",
    tags=["Rules"],
    summary="Change a rule of a project",
    description="It holds from the next evaluation on, which is due at once. Takes an admin of the project or a key"
    " with the scope `manage`.",
    parameters=[RuleParameters, _NAME],
    request=RuleChangeSerializer,
    examples=[OpenApiExample("fewer findings", value=_CHANGE, request_only=True)],
    responses={200: _shown(RuleSerializer, "changed", _RULE)} | problems(400, 403, 404, 415),
)
rule_backtest = extend_schema(
    operation_id="rule_backtest",
    tags=["Rules"],
    summary="Try settings of a rule on the past",
    description="What the rule would have found in the last 30 days, each as it ended (ERROR_BURST: in each hour of the"
    " last 7 days), with the body's settings instead of those that hold. Nothing is saved. After four seconds the"
    " oldest days are left out and `complete` is false.",
    parameters=[RuleParameters, _NAME],
    request=RuleChangeSerializer,
    examples=[OpenApiExample("higher", value={"thresholds": {"input_tokens": 4000}}, request_only=True)],
    responses={200: _shown(BacktestSerializer, "found", _TRIED)} | problems(400, 403, 404, 415),
)
