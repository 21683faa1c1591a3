"""How the API's document describes budgets."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.openapi import problems
from core.parameters import OrganizationParameters
from rules.api.budget_serializers import (
    BudgetChangeSerializer,
    BudgetListSerializer,
    BudgetSerializer,
    NewBudgetSerializer,
)

_BUDGET: Final[dict[str, Any]] = {
    "id": 12,
    "name": "Search, monthly",
    "scope": "team",
    "project": None,
    "team": "search",
    "feature": None,
    "user_id": None,
    "api_key": None,
    "metric": "cost_usd",
    "period": "month",
    "limit": "500",
    "thresholds": [50, 80, 100],
    "active": True,
    "created_at": "2026-11-01T09:30:00.000000Z",
    "current": {
        "since": "2026-11-01T00:00:00.000000Z",
        "until": "2026-12-01T00:00:00.000000Z",
        "spent": "312.5",
        "percent": "62.5",
        "standing": "warned",
        "thresholds_reached": [50],
        "unpriced_calls": 3,
        "estimated_calls": 0,
        "forecast": {"expected": "471.25", "low": "420.1", "high": "530.75"},
        "computed_at": "2026-11-20T10:00:12.000000Z",
    },
}
_NEW: Final = {"name": "Search, monthly", "scope": "team", "team": "search", "period": "month", "limit": "500"}
_ID: Final = OpenApiParameter("budget_id", int, OpenApiParameter.PATH, description="Id of the budget.")


def _shown(serializer: Any, name: str, value: Any) -> OpenApiResponse:
    return OpenApiResponse(serializer, examples=[OpenApiExample(name, value=value, response_only=True)])


budget_list = extend_schema(
    methods=["GET"],
    operation_id="budget_list",
    tags=["Budgets"],
    summary="Budgets and what they have spent",
    description="A key of one project sees its own; people see those of projects they may see.",
    parameters=[OrganizationParameters],
    responses={200: _shown(BudgetListSerializer, "budgets", {"results": [_BUDGET], "next": None})}
    | problems(400, 403, 404),
)
budget_create = extend_schema(
    methods=["POST"],
    operation_id="budget_create",
    tags=["Budgets"],
    summary="Create a budget",
    description="It counts from the start of the running period on. Budgets may overlap; each counts for itself. Takes"
    " an admin or a key with the scope `manage`; a key of one project makes budgets of that.",
    parameters=[OrganizationParameters],
    request=NewBudgetSerializer,
    examples=[OpenApiExample("of a team", value=_NEW, request_only=True)],
    responses={201: _shown(BudgetSerializer, "created", _BUDGET)} | problems(400, 403, 404, 415),
)
budget_detail = extend_schema(
    methods=["GET"],
    operation_id="budget_detail",
    tags=["Budgets"],
    summary="One budget",
    parameters=[OrganizationParameters, _ID],
    responses={200: _shown(BudgetSerializer, "budget", _BUDGET)} | problems(400, 403, 404),
)
budget_change = extend_schema(
    methods=["PATCH"],
    operation_id="budget_change",
    tags=["Budgets"],
    summary="Change, pause or resume a budget",
    description="Thresholds that were reached in the running period are not taken back.",
    parameters=[OrganizationParameters, _ID],
    request=BudgetChangeSerializer,
    examples=[OpenApiExample("a higher limit", value={"limit": "750"}, request_only=True)],
    responses={200: _shown(BudgetSerializer, "changed", _BUDGET | {"limit": "750"})} | problems(400, 403, 404, 415),
)
budget_delete = extend_schema(
    methods=["DELETE"],
    operation_id="budget_delete",
    tags=["Budgets"],
    summary="Delete a budget",
    description="Its past and its insights go with it; calls stay.",
    parameters=[OrganizationParameters, _ID],
    responses={204: None} | problems(400, 403, 404),
)
