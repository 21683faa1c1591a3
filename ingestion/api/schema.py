"""How the API's document describes the call log."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.openapi import problems
from ingestion.api.parameters import CallIdentityParameters, CallParameters
from ingestion.api.serializers import CallDetailSerializer, CallPageSerializer, CallSerializer

_NO_TOKENS: Final = dict.fromkeys(
    (
        "cached_input_tokens",
        "cache_write_tokens",
        "cache_write_1h_tokens",
        "audio_input_tokens",
        "cached_audio_input_tokens",
        "image_input_tokens",
        "reasoning_tokens",
        "audio_output_tokens",
        "image_output_tokens",
    ),
    0,
)
_GIVEN: Final[dict[str, Any]] = {
    "id": "01994f5e-6c1e-7d00-b6a4-3f0c2d9e8100",
    "timestamp": "2026-11-22T10:15:00.123456Z",
    "received_at": "2026-11-22T10:15:01.004210Z",
    "project": "web",
    "provider": "openai",
    "model": "gpt-4o",
    "model_key": "gpt-4o",
    "operation": "chat",
    "endpoint_name": "summarization",
    "team": "search",
    "environment": "production",
    "user_id": "u-1842",
    "input_tokens": 1200,
    "output_tokens": 340,
    **_NO_TOKENS,
    "extra_units": {},
    "usage_rule": "inclusive",
    "usage_inconsistent": False,
    "usage_partial": False,
    "usage_estimated": False,
    "latency_ms": 812.5,
    "status": "ok",
    "stream": False,
    "service_tier": "standard",
    "cost_usd": "0.0064",
    "cost_input_usd": "0.003",
    "cost_cached_input_usd": "0",
    "cost_cache_write_usd": "0",
    "cost_output_usd": "0.0034",
    "cost_reasoning_usd": "0",
    "cost_other_usd": "0",
    "cost_source": "rate_card",
    "price_match": "catalogue",
    "tags": {"release": "2026.7"},
    "source": "rest",
}
CALL_EXAMPLE: Final[dict[str, Any]] = dict.fromkeys(CallSerializer().fields) | _GIVEN


def _line(unit: str, quantity: str, price: str, amount: str) -> dict[str, Any]:
    of_unit = {"unit": unit, "quantity": quantity, "price_usd": price, "per": 1_000_000}
    return of_unit | {"priced_as": unit, "tier_above": None, "amount_usd": amount}


CALL_DETAIL_EXAMPLE: Final[dict[str, Any]] = CALL_EXAMPLE | {
    "cost_breakdown": [
        _line("input_tokens", "1200", "2.5", "0.003"),
        _line("output_tokens", "340", "10", "0.0034"),
    ],
    "rate_card": {
        "id": 4217,
        "source": "genai-prices",
        "provider": "openai",
        "model": "gpt-4o",
        "valid_from": None,
        "valid_to": None,
        "context": {},
        "hours_utc": None,
    },
    "cost_note": None,
}

_PAGE_EXAMPLE: Final = {
    "results": [CALL_EXAMPLE],
    "next": "https://tokenops.example.com/api/v1/calls?model=gpt-4o&limit=1&from=2026-11-21T10%3A15%3A00.000000Z"
    "&to=2026-11-22T10%3A25%3A00.000000Z&cursor=WyIyMDI2LTExLTIyVDEwOjE1OjAwIiwxLCJhIl0",
}

call_list = extend_schema(
    operation_id="call_list",
    tags=["Calls"],
    summary="The call log",
    description="Calls of a period, newest first. A filter may be repeated: a call passes when it has any of the"
    " values. Names of filters are also accepted in camelCase. Follow `next` until it is null.",
    parameters=[CallParameters],
    responses={
        200: OpenApiResponse(
            CallPageSerializer, examples=[OpenApiExample("calls", value=_PAGE_EXAMPLE, response_only=True)]
        )
    }
    | problems(400, 403, 404),
)
call_detail = extend_schema(
    operation_id="call_detail",
    tags=["Calls"],
    summary="One call",
    description="A call is identified by its id, its timestamp and its project.",
    parameters=[
        CallIdentityParameters,
        OpenApiParameter("call_id", str, OpenApiParameter.PATH, description="The id as sent, or the server's."),
    ],
    responses={
        200: OpenApiResponse(
            CallDetailSerializer, examples=[OpenApiExample("call", value=CALL_DETAIL_EXAMPLE, response_only=True)]
        )
    }
    | problems(400, 403, 404),
)
