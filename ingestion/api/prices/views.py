"""Rate cards and unpriced models over HTTP."""

from collections.abc import Mapping
from typing import Any, Final

from django.core.exceptions import ValidationError as ServiceError
from django.http import Http404
from django.utils import timezone
from rest_framework.decorators import api_view
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from core import cursors
from core.parameters import OrganizationParameters
from core.problems import CONTENT_TYPE, problem
from ingestion.api.prices import schema
from ingestion.api.prices.parameters import EndSerializer, NewCardSerializer, RateCardParameters, UnpricedParameters
from ingestion.api.prices.serializers import card_document, unpriced_document
from ingestion.pricing import listing, overrides, selectors, unpriced
from ingestion.pricing.cards import RateCard
from ingestion.pricing.overrides import Wanted
from ingestion.pricing.own import UNIT_NAMES
from ingestion.pricing.sanity import Doubt
from ingestion.pricing.usage import used_models
from tenants.api_access import ApiRequest, actor_of, org_api, refuse_project_keys
from tenants.models import Project
from tenants.permissions import Permission, Scope

_CONFIRM: Final = "Send it again with confirm: true if the prices are meant."


@schema.rate_cards
@api_view(["GET", "HEAD", "POST"])
def rate_cards(request: Request) -> Response:
    """The prices of all models, and where own ones are set."""
    return _create(request) if request.method == "POST" else _list(request)


@schema.rate_card
@api_view(["GET", "HEAD", "DELETE"])
def rate_card(request: Request, card_id: int) -> Response:
    """One card."""
    answer = _delete if request.method == "DELETE" else _detail
    return answer(request, card_id=card_id)


@schema.rate_card_end
@api_view(["POST"])
@org_api(Permission.PRICES_MANAGE, Scope.MANAGE)
def rate_card_end(request: ApiRequest, card_id: int) -> Response:
    """An own card that holds no longer."""
    refuse_project_keys(request)
    OrganizationParameters.read(request.query_params)
    body = _body(EndSerializer, request)
    ends_at = body.get("ends_at") or timezone.now()
    try:
        card = overrides.end_card(
            organization=request.organization, actor=actor_of(request), card_id=card_id, ends_at=ends_at
        )
    except ServiceError as error:
        raise _refusal(error) from error
    return Response(card_document(card, used_calls=None))


@schema.unpriced_models
@api_view(["GET", "HEAD"])
@org_api(Permission.TELEMETRY_READ, Scope.READ)
def unpriced_models(request: ApiRequest) -> Response:
    """Models whose calls have no price."""
    wanted = UnpricedParameters.read(request.query_params)
    found = unpriced.unpriced_models(
        organization=request.organization,
        days=wanted["days"],
        now=timezone.now(),
        project_ids=list(request.projects.values_list("pk", flat=True)),
    )
    return Response({"results": [unpriced_document(model) for model in found], "next": None})


@org_api(Permission.TELEMETRY_READ, Scope.READ)
def _list(request: ApiRequest) -> Response:
    wanted = RateCardParameters.read(request.query_params)
    now = timezone.now()
    hidden = list(Project.objects.exclude(pk__in=request.projects.values("pk")).values_list("pk", flat=True))
    used = used_models(organization=request.organization, now=now, hidden=hidden)
    entries = listing.narrowed(
        listing.entries(at=None if wanted["history"] else wanted.get("at", now), used=used),
        provider=wanted.get("provider", ""),
        model=wanted.get("model", ""),
        kinds=wanted.get("source", ()),
    )
    start = wanted.get("cursor")
    left = [entry for entry in entries if start is None or entry.sort_key > start]
    page = left[: wanted["limit"]]
    last = page[-1].sort_key if len(left) > len(page) else None
    results = [card_document(entry.card, used_calls=entry.used.calls if entry.used else None) for entry in page]
    return Response({"results": results, "next": _next_link(request, wanted, last)})


@org_api(Permission.PRICES_MANAGE, Scope.MANAGE)
def _create(request: ApiRequest) -> Response:
    refuse_project_keys(request)
    OrganizationParameters.read(request.query_params)
    body = _body(NewCardSerializer, request)
    try:
        (card,) = overrides.cards_for(organization=request.organization, wanted=[_wanted(body)])
        questions = [doubt for _, doubt in overrides.doubts(cards=[card])]
        if questions and not body["confirm"]:
            return _question(questions)
        (saved,) = overrides.save_cards(organization=request.organization, actor=actor_of(request), cards=[card])
    except ServiceError as error:
        raise _refusal(error) from error
    return Response(card_document(saved, used_calls=None), status=201)


@org_api(Permission.TELEMETRY_READ, Scope.READ)
def _detail(request: ApiRequest, card_id: int) -> Response:
    OrganizationParameters.read(request.query_params)
    return Response(card_document(_card(card_id), used_calls=None))


@org_api(Permission.PRICES_MANAGE, Scope.MANAGE)
def _delete(request: ApiRequest, card_id: int) -> Response:
    refuse_project_keys(request)
    OrganizationParameters.read(request.query_params)
    try:
        overrides.delete_card(organization=request.organization, actor=actor_of(request), card_id=card_id)
    except ServiceError:
        document = problem(409, "card-in-use", "This card is in use.", overrides.IN_USE)
        return Response(document, status=409, content_type=CONTENT_TYPE)
    return Response(status=204)


def _card(card_id: int) -> RateCard:
    """:raises Http404: it is neither the catalogue's nor the organization's."""
    cards = (*selectors.own_cards(), *selectors.catalogue())
    found = next((card for card in cards if card.id == card_id), None)
    if found is None:
        raise Http404
    return found


def _body(serializer_class: Any, request: ApiRequest) -> dict[str, Any]:
    """:raises ValidationError: a member is unknown, missing or not usable."""
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _wanted(body: Mapping[str, Any]) -> Wanted:
    target = body.get("target")
    return Wanted(
        model=body["model"],
        provider=body["provider"],
        prices=body.get("prices", {}),
        target=(target["provider"], target["model"]) if target else None,
        valid_from=body.get("valid_from"),
    )


def _question(questions: list[Doubt]) -> Response:
    errors = [{"field": f"prices.{doubt.field}", "message": doubt.message} for doubt in questions]
    document = problem(422, "unusual-price", "Is this the price of a million tokens?", _CONFIRM, errors=errors)
    return Response(document, status=422, content_type=CONTENT_TYPE)


def _refusal(error: ServiceError) -> ValidationError:
    """What a service says, by the names of the body's members."""
    if not hasattr(error, "error_dict"):
        return ValidationError(error.messages)
    return ValidationError(
        {f"prices.{name}" if name in UNIT_NAMES else name: messages for name, messages in error.message_dict.items()}
    )


def _next_link(request: ApiRequest, wanted: Mapping[str, Any], last: listing.SortKey | None) -> str | None:
    if last is None:
        return None
    query = request.query_params.copy()
    query["cursor"] = cursors.encode(last)
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
