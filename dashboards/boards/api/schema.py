"""How the API's document describes dashboards."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema

from core.openapi import problems, shown
from core.parameters import OrganizationParameters
from dashboards.boards.api.serializers import (
    BoardDetailSerializer,
    BoardListSerializer,
    BoardReplacementSerializer,
    NewBoardSerializer,
)

_SUMMARY: Final[dict[str, Any]] = {
    "id": 12,
    "name": "Search costs",
    "description": "What search spends, and on what.",
    "visibility": "shared",
    "owner": "ana@example.com",
    "version": 3,
    "widgets": 2,
    "created_at": "2026-11-01T09:30:00.000000Z",
    "changed_at": "2026-11-20T10:00:12.000000Z",
}
_DOCUMENT: Final[dict[str, Any]] = {
    "format": "tokenops.dashboard",
    "version": 1,
    "name": "Search costs",
    "description": "What search spends, and on what.",
    "range": "30d",
    "filters": {"team": ["search"]},
    "widgets": [
        {
            "kind": "stat",
            "title": "Spend",
            "question": {"metric": "cost", "by": [], "shape": "time", "top": 50},
            "filters": {},
            "place": {"x": 0, "y": 0, "w": 3, "h": 2},
        },
        {
            "kind": "time_series",
            "title": "Spend by model",
            "question": {"metric": "cost", "by": ["model"], "shape": "time", "top": 10},
            "filters": {"environment": ["production"]},
            "place": {"x": 3, "y": 0, "w": 9, "h": 4},
        },
    ],
}
_SHOWN: Final = _SUMMARY | {"dashboard": _DOCUMENT}
_NEW: Final = {"visibility": "shared", "dashboard": _DOCUMENT}
_ID: Final = OpenApiParameter("board_id", int, OpenApiParameter.PATH, description="Id of the dashboard.")
_IF_MATCH: Final = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The ETag of the dashboard as you saw it."
)


board_list = extend_schema(
    methods=["GET"],
    operation_id="dashboard_list",
    tags=["Dashboards"],
    summary="Shared dashboards, and one's own",
    description="A key sees the shared ones; keys of one project see none.",
    parameters=[OrganizationParameters],
    responses={200: shown(BoardListSerializer, "dashboards", {"results": [_SUMMARY], "next": None})}
    | problems(400, 403, 404),
)
board_create = extend_schema(
    methods=["POST"],
    operation_id="dashboard_create",
    tags=["Dashboards"],
    summary="Create a dashboard",
    description="From the same document that exports hold. Every fault in it is told with its place. A person may have"
    " 200 of their own, an organization 200 shared ones.",
    parameters=[OrganizationParameters],
    request=NewBoardSerializer,
    examples=[OpenApiExample("of a team", value=_NEW, request_only=True)],
    responses={201: shown(BoardDetailSerializer, "created", _SHOWN | {"version": 1})} | problems(400, 403, 404, 415),
)
board_detail = extend_schema(
    methods=["GET"],
    operation_id="dashboard_detail",
    tags=["Dashboards"],
    summary="One dashboard with its document",
    description="The `ETag` is its version, for `If-Match`.",
    parameters=[OrganizationParameters, _ID],
    responses={200: shown(BoardDetailSerializer, "dashboard", _SHOWN)} | problems(400, 403, 404),
)
board_replace = extend_schema(
    methods=["PUT"],
    operation_id="dashboard_replace",
    tags=["Dashboards"],
    summary="Replace a dashboard",
    description="With the version you saw, as `version` or in `If-Match`: when somebody changed the dashboard since,"
    " the answer is 409 or 412 and nothing is written. Takes its owner or an admin.",
    parameters=[OrganizationParameters, _ID, _IF_MATCH],
    request=BoardReplacementSerializer,
    examples=[OpenApiExample("a new document", value=_NEW | {"version": 3}, request_only=True)],
    responses={200: shown(BoardDetailSerializer, "replaced", _SHOWN | {"version": 4})}
    | problems(400, 403, 404, 409, 412, 415),
)
board_delete = extend_schema(
    methods=["DELETE"],
    operation_id="dashboard_delete",
    tags=["Dashboards"],
    summary="Delete a dashboard",
    description="Calls and their numbers stay.",
    parameters=[OrganizationParameters, _ID],
    responses={204: None} | problems(400, 403, 404),
)
