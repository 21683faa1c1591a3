"""Where the widgets of a dashboard lie: dragged or moved by keys in the browser, saved by an ordinary form."""

import json
from dataclasses import replace
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from dashboards.boards import grid, selectors, services
from dashboards.boards.grid import Place
from dashboards.boards.models import Board, Widget
from dashboards.boards.services import ChangedMeanwhileError
from dashboards.boards.types import MOST_WIDGETS
from dashboards.boards.views.common import CONFLICT, NAV, Context, conflict, own_board, seen_version, to_board
from tenants.access import OrgRequest, org_view
from tenants.permissions import Permission

_SIDES: Final = ("x", "y", "w", "h")
_LARGEST: Final = 10**6
_DIGITS: Final = 19  # of the largest id


@require_http_methods(["GET", "POST"])
@org_view(Permission.TELEMETRY_READ)
def board_edit(request: OrgRequest, board_id: int) -> HttpResponse:
    """Move widgets, and from here add, change, copy and delete them. Whatever leads away saves first."""
    board = own_board(request, board_id)
    if request.method != "POST":
        return _page(request, board, {})
    places = read_places(request.POST.get("layout", ""))
    try:
        services.arrange(
            organization=request.organization,
            actor=request.user,
            board=board,
            seen=seen_version(request, board),
            places=places,
            now=timezone.now(),
        )
    except ChangedMeanwhileError as error:
        return _page(request, board, conflict(error), places)
    return _onwards(request, board)


def read_places(text: str) -> dict[int, Place]:
    """Places by widget id as the browser sends them; what cannot be one is left out."""
    try:
        given = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(given, dict):
        return {}
    found = ((key, _place(sides)) for key, sides in list(given.items())[: 2 * MOST_WIDGETS])
    return {int(key): place for key, place in found if place and _is_id(key)}


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < _DIGITS


def _place(sides: Any) -> Place | None:
    given = [sides.get(side) for side in _SIDES] if isinstance(sides, dict) else []
    numbers = [number for number in given if type(number) is int and abs(number) < _LARGEST]
    return Place(*numbers) if len(numbers) == len(_SIDES) else None


def _onwards(request: OrgRequest, board: Board) -> HttpResponse:
    """To the page that the pressed button leads to: the dashboard itself, or what is to be done with one widget."""
    step, _, widget_id = request.POST.get("then", "").partition(":")
    if step == "add":
        return to_board(request, board, "widget-create")
    if not _is_id(widget_id):
        return to_board(request, board)
    if step == "copy":
        return _copied(request, board, int(widget_id))
    if step in {"edit", "delete"}:
        return redirect(f"boards:widget-{step}", request.organization.slug, board.pk, int(widget_id))
    return to_board(request, board)


def _copied(request: OrgRequest, board: Board, widget_id: int) -> HttpResponse:
    """Another widget like this one, where there is room."""
    widget = selectors.widget(board=board, widget_id=widget_id)
    if widget is not None:
        wanted = replace(widget.terms, place=None)
        try:
            services.add_widget(
                organization=request.organization, actor=request.user, board=board, wanted=wanted, now=timezone.now()
            )
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
    return to_board(request, board, "board-edit")


def _page(request: OrgRequest, board: Board, context: Context, places: dict[int, Place] | None = None) -> HttpResponse:
    widgets = selectors.widgets(board=board)
    _lay(widgets, places or {})
    layout = {widget.pk: {side: getattr(widget, side) for side in _SIDES} for widget in widgets}
    shown: Context = {
        "nav_active": NAV,
        "board": board,
        "version": board.version,
        "widgets": sorted(widgets, key=lambda widget: (widget.y, widget.x)),
        "layout": json.dumps(layout),
        "is_full": len(widgets) >= MOST_WIDGETS,
    }
    return render(request, "boards/board_edit.html", shown | context, status=CONFLICT if context else 200)


def _lay(widgets: list[Widget], places: dict[int, Place]) -> None:
    """As whoever saved wanted them, so that nothing they did is lost."""
    wanted = {widget.pk: grid.fitted(places.get(widget.pk, widget.place)) for widget in widgets}
    by_id = {widget.pk: widget for widget in widgets}
    for pk, place in grid.settled(wanted).items():
        widget = by_id[pk]
        widget.x, widget.y, widget.w, widget.h = place.x, place.y, place.w, place.h
