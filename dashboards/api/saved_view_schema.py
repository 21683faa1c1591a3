"""How the API's document describes saved views."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.openapi import problems
from core.parameters import OrganizationParameters
from dashboards.api.saved_view_serializers import (
    NewSavedViewSerializer,
    SavedViewChangeSerializer,
    SavedViewListSerializer,
    SavedViewSerializer,
)

_VIEW: Final[dict[str, Any]] = {
    "id": 7,
    "name": "Search team, this month",
    "page": "overview",
    "project": None,
    "query": "range=month&team=search",
    "shared": True,
    "created_at": "2026-11-01T09:30:00.000000Z",
    "changed_at": "2026-11-20T10:00:12.000000Z",
}
_NEW: Final = {"name": "Search team, this month", "page": "overview", "query": "range=month&team=search"}
_ID: Final = OpenApiParameter("view_id", int, OpenApiParameter.PATH, description="Id of the saved view.")


def _shown(serializer: Any, name: str, value: Any) -> OpenApiResponse:
    return OpenApiResponse(serializer, examples=[OpenApiExample(name, value=value, response_only=True)])


view_list = extend_schema(
    methods=["GET"],
    operation_id="saved_view_list",
    tags=["Saved views"],
    summary="Saved views",
    description="What is shared in the organization and, for people, what is their own. A key of one project sees that"
    " project's; people see those of projects they may see.",
    parameters=[OrganizationParameters],
    responses={200: _shown(SavedViewListSerializer, "views", {"results": [_VIEW], "next": None})}
    | problems(400, 403, 404),
)
view_create = extend_schema(
    methods=["POST"],
    operation_id="saved_view_create",
    tags=["Saved views"],
    summary="Save a view",
    description="Takes a member or a key with the scope `manage`; a key of one project names that project.",
    parameters=[OrganizationParameters],
    request=NewSavedViewSerializer,
    examples=[OpenApiExample("of a team", value=_NEW, request_only=True)],
    responses={201: _shown(SavedViewSerializer, "created", _VIEW)} | problems(400, 403, 404, 415),
)
view_detail = extend_schema(
    methods=["GET"],
    operation_id="saved_view_detail",
    tags=["Saved views"],
    summary="One saved view",
    parameters=[OrganizationParameters, _ID],
    responses={200: _shown(SavedViewSerializer, "view", _VIEW)} | problems(400, 403, 404),
)
view_change = extend_schema(
    methods=["PATCH"],
    operation_id="saved_view_change",
    tags=["Saved views"],
    summary="Rename, overwrite, share or stop sharing a view",
    description="A shared view is changed by whoever shared it and by admins. One that is not shared any more is theirs"
    " who shared it, or else yours.",
    parameters=[OrganizationParameters, _ID],
    request=SavedViewChangeSerializer,
    examples=[OpenApiExample("another range", value={"query": "range=90d&team=search"}, request_only=True)],
    responses={200: _shown(SavedViewSerializer, "changed", _VIEW | {"query": "range=90d&team=search"})}
    | problems(400, 403, 404, 415),
)
view_delete = extend_schema(
    methods=["DELETE"],
    operation_id="saved_view_delete",
    tags=["Saved views"],
    summary="Delete a saved view",
    description="Links to it show the page without it, and say so.",
    parameters=[OrganizationParameters, _ID],
    responses={204: None} | problems(400, 403, 404),
)
