"""How the API's document describes prices."""

from collections.abc import Callable
from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.openapi import problems
from core.parameters import OrganizationParameters
from ingestion.api.prices.parameters import EndSerializer, NewCardSerializer, RateCardParameters, UnpricedParameters
from ingestion.api.prices.serializers import RateCardPageSerializer, RateCardSerializer, UnpricedPageSerializer

_CARD: Final[dict[str, Any]] = {
    "id": 40212,
    "source": "override",
    "provider": "openai",
    "model": "gpt-4o",
    "target": None,
    "valid_from": "2026-11-01T00:00:00.000000Z",
    "valid_to": None,
    "window": None,
    "context": {},
    "prices": {
        "input_tokens": {"usd": "2.25", "per": 1_000_000, "tiers": []},
        "output_tokens": {"usd": "9", "per": 1_000_000, "tiers": []},
    },
    "used_calls": 18_422,
}
_PAGE: Final = {"results": [_CARD], "next": None}
_PRICE: Final = {
    "model": "gpt-4o",
    "provider": "openai",
    "valid_from": "2026-11-01T00:00:00Z",
    "prices": {"input": "2.25", "cached_input": "1.125", "output": "9"},
}
_ALIAS: Final = {"model": "prod-chat", "target": {"provider": "openai", "model": "gpt-4o"}}
_UNPRICED: Final = {
    "provider": "vllm",
    "model": "northwind-coder-13b",
    "asked_model": "northwind-coder-13b",
    "calls": 812,
    "input_tokens": 2_691_004,
    "output_tokens": 431_902,
    "first_seen": "2026-10-23T08:12:44.120000Z",
    "last_seen": "2026-11-22T10:15:00.123456Z",
    "reason": "no-match",
    "now_priced": False,
    "reported_calls": 0,
    "reported_cost_usd": None,
    "suggestion": None,
}
_PATH: Final = OpenApiParameter("card_id", int, OpenApiParameter.PATH, description="Id of the rate card.")

type Decorator = Callable[[Any], Any]


def _shown(serializer: Any, name: str, value: Any) -> OpenApiResponse:
    return OpenApiResponse(serializer, examples=[OpenApiExample(name, value=value, response_only=True)])


def both(*decorators: Decorator) -> Decorator:
    """The descriptions of one path's methods."""

    def decorate(view: Any) -> Any:
        for decorator in decorators:
            view = decorator(view)
        return view

    return decorate


rate_cards = both(
    extend_schema(
        methods=["GET"],
        operation_id="rate_card_list",
        tags=["Prices"],
        summary="Rate cards",
        description="The catalogue's cards and the organization's own, by provider and model. Own prices go before"
        " aliases, and both before the catalogue. Follow `next` until it is null.",
        parameters=[RateCardParameters],
        responses={200: _shown(RateCardPageSerializer, "cards", _PAGE)} | problems(400, 403, 404),
    ),
    extend_schema(
        methods=["POST"],
        operation_id="rate_card_create",
        tags=["Prices"],
        summary="Set an own price or an alias",
        description="It ends the card of the same model and provider that holds at its start. Stored calls keep their"
        " cost. For people who may manage prices, and keys of the whole organization with the scope `manage`.",
        parameters=[OrganizationParameters],
        request=NewCardSerializer,
        examples=[
            OpenApiExample("own price", value=_PRICE, request_only=True),
            OpenApiExample("alias", value=_ALIAS, request_only=True),
        ],
        responses={201: _shown(RateCardSerializer, "card", _CARD)} | problems(400, 403, 404, 415, 422),
    ),
)
rate_card = both(
    extend_schema(
        methods=["GET"],
        operation_id="rate_card_detail",
        tags=["Prices"],
        summary="One rate card",
        parameters=[OrganizationParameters, _PATH],
        responses={200: _shown(RateCardSerializer, "card", _CARD)} | problems(400, 403, 404),
    ),
    extend_schema(
        methods=["DELETE"],
        operation_id="rate_card_delete",
        tags=["Prices"],
        summary="Delete an own card that priced no call",
        parameters=[OrganizationParameters, _PATH],
        responses={204: None} | problems(400, 403, 404, 409),
    ),
)
rate_card_end = extend_schema(
    operation_id="rate_card_end",
    tags=["Prices"],
    summary="End an own card",
    description="Calls keep the cost they have.",
    parameters=[OrganizationParameters, _PATH],
    request=EndSerializer,
    examples=[OpenApiExample("end", value={"ends_at": "2026-12-01T00:00:00Z"}, request_only=True)],
    responses={200: _shown(RateCardSerializer, "card", _CARD | {"valid_to": "2026-12-01T00:00:00.000000Z"})}
    | problems(400, 403, 404, 415),
)
unpriced_models = extend_schema(
    operation_id="unpriced_model_list",
    tags=["Prices"],
    summary="Models without a price",
    description="Calls whose cost is unknown, or is what their client reported, by model as sent. `reason` says what"
    " they lack: `no-match` and `empty-alias` a card, `unknown-price` a price on their card, `no-usage` what they used,"
    " which only their sender can say.",
    parameters=[UnpricedParameters],
    responses={200: _shown(UnpricedPageSerializer, "models", {"results": [_UNPRICED], "next": None})}
    | problems(400, 403, 404),
)
