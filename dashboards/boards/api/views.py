"""Dashboards over HTTP: the same documents that people export and import."""

import re
from typing import Any, Final

from django.core.exceptions import ValidationError as ServiceError
from django.http import Http404
from django.utils import timezone
from rest_framework.decorators import api_view
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from core.parameters import OrganizationParameters
from core.problems import ConflictError
from dashboards.boards import documents, selectors, services
from dashboards.boards.api import schema
from dashboards.boards.api.serializers import (
    BoardDetailSerializer,
    BoardListSerializer,
    BoardReplacementSerializer,
    NewBoardSerializer,
)
from dashboards.boards.documents import DocumentError
from dashboards.boards.models import Board, terms
from dashboards.boards.reach import Reach
from dashboards.boards.services import ChangedMeanwhileError
from dashboards.boards.types import BoardTerms
from tenants.api import body
from tenants.api_access import (
    NO_PERMISSION,
    ApiRequest,
    actor_of,
    key_of,
    org_api,
    person_of,
    refuse_project_keys,
)
from tenants.permissions import Permission, Scope

CHANGED: Final = "dashboard-changed"
_ETAG: Final = re.compile(r'\s*(?:W/)?"(\d{1,9})"\s*', re.ASCII)
_BLIND: Final = "Parts of it are about projects that you may not see, and replacing it would lose them."
_READ: Final = org_api(Permission.TELEMETRY_READ, Scope.READ)
_KEEP: Final = org_api(Permission.BOARDS_KEEP, Scope.MANAGE)


class PreconditionError(APIException):
    """The version of ``If-Match`` is not the newest."""

    status_code = 412

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.problem = (CHANGED, "Somebody changed this dashboard meanwhile.")


@schema.board_list
@schema.board_create
@api_view(["GET", "HEAD", "POST"])
def board_list(request: Request) -> Response:
    """The dashboards, and where new ones are made."""
    return _create(request) if request.method == "POST" else _list(request)


@schema.board_detail
@schema.board_replace
@schema.board_delete
@api_view(["GET", "HEAD", "PUT", "DELETE"])
def board_detail(request: Request, board_id: int) -> Response:
    """One dashboard."""
    answer = {"PUT": _replace, "DELETE": _delete}.get(str(request.method), _detail)
    return answer(request, board_id=board_id)


@_READ
def _list(request: ApiRequest) -> Response:
    OrganizationParameters.read(request.query_params)
    refuse_project_keys(request)
    found = selectors.boards(organization=request.organization, reach=_reach(request))
    rows = [_summary(line.board, line.widgets) for line in found]
    return Response(BoardListSerializer({"results": rows, "next": None}).data)


@_READ
def _detail(request: ApiRequest, board_id: int) -> Response:
    OrganizationParameters.read(request.query_params)
    return _shown(request, _board(request, board_id))


@_KEEP
def _create(request: ApiRequest) -> Response:
    OrganizationParameters.read(request.query_params)
    refuse_project_keys(request)
    given = body.read(NewBoardSerializer, request)
    usual = Board.Visibility.PRIVATE if _reach(request).user else Board.Visibility.SHARED
    visibility = given.get("visibility", usual)
    wanted = _document(given["dashboard"])
    _check_visibility(request, visibility)
    try:
        board = services.create_board(
            organization=request.organization,
            actor=actor_of(request),
            visibility=visibility,
            wanted=wanted,
            now=timezone.now(),
        )
    except ServiceError as error:
        raise body.conflict(error, "too-many-dashboards") from error
    return _shown(request, board, status=201)


@_KEEP
def _replace(request: ApiRequest, board_id: int) -> Response:
    OrganizationParameters.read(request.query_params)
    board = _own_board(request, board_id)
    given = body.read(BoardReplacementSerializer, request)
    wanted = _document(given["dashboard"])
    visibility = given.get("visibility", board.visibility)
    _check_visibility(request, visibility, board)
    hidden = _reach(request).hidden_slugs()
    if documents.names_any(terms(board, selectors.widgets(board=board)), hidden):
        raise PermissionDenied(_BLIND)
    matched = _matched(request)
    try:
        changed = services.replace_board(
            organization=request.organization,
            actor=actor_of(request),
            board=board,
            seen=_seen(matched, given),
            visibility=visibility,
            wanted=wanted,
            now=timezone.now(),
        )
    except ChangedMeanwhileError as error:
        sentence = f"The newest version is {error.board.version}. Read it, then try again."
        raise (PreconditionError(sentence) if matched else ConflictError(CHANGED, sentence)) from error
    except ServiceError as error:
        raise body.conflict(error, "too-many-dashboards") from error
    return _shown(request, changed)


@_KEEP
def _delete(request: ApiRequest, board_id: int) -> Response:
    OrganizationParameters.read(request.query_params)
    board = _own_board(request, board_id)
    services.delete_board(organization=request.organization, actor=actor_of(request), board=board)
    return Response(status=204)


def _reach(request: ApiRequest) -> Reach:
    if key_of(request) is not None:
        return Reach.of_key()
    return Reach.of_person(user=person_of(request), role=str(request.role))


def _board(request: ApiRequest, board_id: int) -> Board:
    """:raises Http404: there is none for them.

    :raises PermissionDenied: the key is of one project.
    """
    found = selectors.board(organization=request.organization, reach=_reach(request), board_id=board_id)
    if found is None:
        raise Http404
    refuse_project_keys(request)
    return found


def _own_board(request: ApiRequest, board_id: int) -> Board:
    """:raises PermissionDenied: they see it and may not change it."""
    board = _board(request, board_id)
    if not _reach(request).may_change(board):
        raise PermissionDenied(NO_PERMISSION)
    return board


def _check_visibility(request: ApiRequest, visibility: str, board: Board | None = None) -> None:
    reach = _reach(request)
    if reach.may_show_as(visibility, board):
        return
    if visibility == Board.Visibility.PRIVATE and reach.user is None:
        raise ValidationError({"visibility": ["A key owns nothing, so what it makes is shared."]})
    raise PermissionDenied(NO_PERMISSION)


def _document(document: Any) -> BoardTerms:
    """:raises ValidationError: it cannot be read, with the place of each fault."""
    try:
        return documents.read(document)
    except DocumentError as error:
        faults = {f"dashboard.{place}" if place else "dashboard": [text] for place, text in error.faults.items()}
        raise ValidationError(faults) from error


def _matched(request: ApiRequest) -> int | None:
    """The version in ``If-Match``.

    :raises ValidationError: it is no ETag of a dashboard.
    """
    header = request.headers.get("If-Match")
    if header is None:
        return None
    match = _ETAG.fullmatch(header)
    if match is None:
        raise ValidationError({"If-Match": ['Give the ETag of the dashboard, such as "3".']})
    return int(match[1])


def _seen(matched: int | None, given: dict[str, Any]) -> int:
    """:raises ValidationError: they do not say which version they saw, or name two."""
    said: int | None = given.get("version")
    if matched is None:
        if said is None:
            raise ValidationError({"version": ["Say which version you saw, here or in If-Match."]})
        return said
    if said not in {None, matched}:
        raise ValidationError({"version": ["This is not the version in If-Match."]})
    return matched


def _summary(board: Board, widgets: int) -> dict[str, Any]:
    plain = ("name", "description", "visibility", "version", "created_at", "changed_at")
    owner = board.owner.email if board.owner else None
    return {"id": board.pk, "owner": owner, "widgets": widgets} | {name: getattr(board, name) for name in plain}


def _shown(request: ApiRequest, board: Board, *, status: int = 200) -> Response:
    document = selectors.document_for(board=board, reach=_reach(request))
    shown = _summary(board, len(document["widgets"])) | {"dashboard": document}
    return Response(BoardDetailSerializer(shown).data, status=status, headers={"ETag": f'"{board.version}"'})
