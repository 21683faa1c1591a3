"""Dashboards: the list of them, making one, what it is called and who sees it, its copy and its end."""

from dataclasses import replace
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dashboards.boards import selectors, services
from dashboards.boards.forms import BoardForm
from dashboards.boards.models import Board, terms
from dashboards.boards.presets import PRESETS
from dashboards.boards.reach import Reach
from dashboards.boards.services import ChangedMeanwhileError
from dashboards.boards.types import LONGEST_NAME, BoardTerms
from dashboards.boards.views.common import (
    CONFLICT,
    NAV,
    Context,
    conflict,
    facets,
    find_board,
    own_board,
    reach_of,
    searches,
    seen_version,
    to_board,
)
from tenants.access import OrgRequest, org_view
from tenants.forms import status, write_with
from tenants.permissions import Permission

_EMPTY: Final = BoardTerms(name="")


@require_GET
@org_view(Permission.TELEMETRY_READ)
def board_list(request: OrgRequest) -> HttpResponse:
    """Their own dashboards, everybody's, and some to begin with."""
    reach = reach_of(request)
    found = selectors.listed(organization=request.organization, reach=reach)
    context = {
        "nav_active": NAV,
        "lists": found,
        "presets": PRESETS,
        "may_create": reach.may(Permission.BOARDS_KEEP),
    }
    return render(request, "boards/board_list.html", context)


@require_http_methods(["GET", "POST"])
@org_view(Permission.BOARDS_KEEP)
def board_create(request: OrgRequest) -> HttpResponse:
    """A new dashboard, empty or from one of the templates."""
    begun = _begun(request)
    reach = reach_of(request)
    form = _form(request, begun, Board.Visibility.PRIVATE, offered=_offered(reach))

    def create(data: dict[str, Any]) -> Board:
        return services.create_board(
            organization=request.organization,
            actor=request.user,
            visibility=data["visibility"],
            wanted=replace(form.terms(), widgets=begun.widgets),
            now=timezone.now(),
        )

    board = write_with(form, create)
    if board:
        return to_board(request, board, "board-detail" if begun.widgets else "board-edit")
    context = {"form": form, "preset": begun, "template": request.GET.get("template", "")}
    return _page(request, form, context)


@require_http_methods(["GET", "POST"])
@org_view(Permission.TELEMETRY_READ)
def board_settings(request: OrgRequest, board_id: int) -> HttpResponse:
    """Its name, who sees it, and what holds for all of its widgets."""
    board = own_board(request, board_id)
    reach = reach_of(request)
    form = _form(request, terms(board, []), board.visibility, offered=_offered(reach, board))
    context: Context = {"board": board, "version": board.version}

    def change(data: dict[str, Any]) -> Board:
        return services.change_board(
            organization=request.organization,
            actor=request.user,
            board=board,
            seen=seen_version(request, board),
            visibility=data["visibility"],
            wanted=form.terms(),
            now=timezone.now(),
        )

    try:
        if write_with(form, change):
            return to_board(request, board)
    except ChangedMeanwhileError as error:
        context |= conflict(error)
    return _page(request, form, context)


@require_POST
@org_view(Permission.BOARDS_KEEP)
def board_duplicate(request: OrgRequest, board_id: int) -> HttpResponse:
    """A copy that is only theirs, without what they may not see."""
    board = find_board(request, board_id)
    wanted = selectors.terms_for(board=board, reach=reach_of(request))
    try:
        copy = services.create_board(
            organization=request.organization,
            actor=request.user,
            visibility=Board.Visibility.PRIVATE,
            wanted=replace(wanted, name=f"Copy of {wanted.name}"[:LONGEST_NAME].rstrip()),
            now=timezone.now(),
        )
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return to_board(request, board)
    return to_board(request, copy)


@require_http_methods(["GET", "POST"])
@org_view(Permission.TELEMETRY_READ)
def board_delete(request: OrgRequest, board_id: int) -> HttpResponse:
    board = own_board(request, board_id)
    if request.method == "POST":
        services.delete_board(organization=request.organization, actor=request.user, board=board)
        return redirect("boards:board-list", request.organization.slug)
    return render(request, "boards/board_delete.html", {"nav_active": NAV, "board": board})


def _begun(request: OrgRequest) -> BoardTerms:
    """:raises Http404: there is no such template."""
    name = request.GET.get("template", "")
    if not name:
        return _EMPTY
    if name not in PRESETS:
        raise Http404
    return PRESETS[name].terms


def _offered(reach: Reach, board: Board | None = None) -> list[str]:
    return [value for value in Board.Visibility.values if reach.may_show_as(value, board)]


def _form(request: OrgRequest, begun: BoardTerms, visibility: str, *, offered: list[str]) -> BoardForm:
    data = request.POST if request.method == "POST" else None
    hidden = reach_of(request).hidden_slugs()
    return BoardForm(data, terms=begun, visibility=visibility, offered=offered, hidden=hidden)


def _page(request: OrgRequest, form: BoardForm, context: Context) -> HttpResponse:
    shown = {"nav_active": NAV, "form": form, "facets": facets(request, form), "searches": searches(form)}
    code = CONFLICT if "conflict" in context else status(form)
    return render(request, "boards/board_form.html", shown | context, status=code)
