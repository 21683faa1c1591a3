"""How the API's document describes re-pricing."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.openapi import problems
from core.parameters import OrganizationParameters
from ingestion.reprice.serializers import (
    RepriceReportSerializer,
    RepriceRequestSerializer,
    RepriceRunListSerializer,
)

_RUN: Final[dict[str, Any]] = {
    "from": "2026-11-01T00:00:00.000000Z",
    "id": 12,
    "state": "ready",
    "project": None,
    "provider": "openai",
    "model": "house-model",
    "to": "2026-12-01T00:00:00.000000Z",
    "created_at": "2026-12-01T08:00:00.000000Z",
    "created_by": "ada@example.com",
    "applied_by": None,
    "finished_at": "2026-12-01T08:00:41.120000Z",
    "calls_seen": 182_400,
    "calls_changed": 4_210,
    "newly_priced": 4_210,
    "newly_unpriced": 0,
    "calls_skipped": 0,
    "old_cost_usd": "0",
    "new_cost_usd": "36.4812",
    "difference_usd": "36.4812",
    "preview": None,
    "error": None,
}
_ROW: Final = {"calls": 4_210, "old_cost_usd": "0", "new_cost_usd": "36.4812", "difference_usd": "36.4812"}
_REPORT: Final[dict[str, Any]] = _RUN | {
    "progress": 1.0,
    "models": [{"provider": "openai", "name": "house-model"} | _ROW],
    "features": [{"provider": None, "name": "summarization"} | _ROW],
    "samples": [
        {
            "project": "web",
            "id": "01994f5e-6c1e-7d00-b6a4-3f0c2d9e8100",
            "timestamp": "2026-11-22T10:15:00.123456Z",
            "model": "house-model",
            "old_cost_usd": None,
            "new_cost_usd": "0.0412",
        }
    ],
}
_ASKED: Final = {
    "from": "2026-11-01T00:00:00Z",
    "to": "2026-12-01T00:00:00Z",
    "provider": "openai",
    "model": "house-model",
}
_PATH: Final = OpenApiParameter("run_id", int, OpenApiParameter.PATH, description="The run's id.")


def _shown(serializer: Any, name: str, value: Any) -> OpenApiResponse:
    return OpenApiResponse(serializer, examples=[OpenApiExample(name, value=value, response_only=True)])


_SHOWN: Final = _shown(RepriceReportSerializer, "run", _REPORT)

run_list = extend_schema(
    methods=["GET"],
    operation_id="reprice_run_list",
    tags=["Prices"],
    summary="Re-pricing runs",
    description="The newest hundred. People need the permission to manage prices, keys the scope `manage`; keys of a"
    " single project are refused.",
    parameters=[OrganizationParameters],
    responses={
        200: _shown(RepriceRunListSerializer, "runs", {"results": [_RUN], "next": None}),
    }
    | problems(400, 403, 404),
)
run_create = extend_schema(
    methods=["POST"],
    operation_id="reprice_run_create",
    tags=["Prices"],
    summary="Start a dry run",
    description="Computes what the calls of a period cost on today's rate cards. Nothing changes until it is applied.",
    parameters=[OrganizationParameters],
    request=RepriceRequestSerializer,
    examples=[OpenApiExample("month", value=_ASKED, request_only=True)],
    responses={
        201: _shown(
            RepriceReportSerializer,
            "queued",
            _REPORT
            | {"state": "queued", "progress": 0.0, "finished_at": None, "models": [], "features": []}
            | {"samples": [], "calls_seen": 0, "calls_changed": 0, "newly_priced": 0}
            | dict.fromkeys(("old_cost_usd", "new_cost_usd", "difference_usd"), "0"),
        )
    }
    | problems(400, 403, 404, 415),
)
run_detail = extend_schema(
    operation_id="reprice_run_detail",
    tags=["Prices"],
    summary="One re-pricing run",
    description="Ask again until `state` is `ready`, `applied`, `cancelled` or `failed`.",
    parameters=[OrganizationParameters, _PATH],
    responses={200: _SHOWN} | problems(400, 403, 404),
)
run_apply = extend_schema(
    operation_id="reprice_run_apply",
    tags=["Prices"],
    summary="Apply a dry run",
    description="Changes the calls and their sums, a slice at a time. One run of an organization is applied at once.",
    parameters=[OrganizationParameters, _PATH],
    request=None,
    responses={200: _shown(RepriceReportSerializer, "applying", _REPORT | {"state": "applying", "progress": 0.0})}
    | problems(400, 403, 404, 409),
)
run_cancel = extend_schema(
    operation_id="reprice_run_cancel",
    tags=["Prices"],
    summary="Cancel a run",
    description="What was applied by then stays, in calls and in their sums.",
    parameters=[OrganizationParameters, _PATH],
    request=None,
    responses={200: _shown(RepriceReportSerializer, "cancelled", _REPORT | {"state": "cancelled"})}
    | problems(400, 403, 404, 409),
)
