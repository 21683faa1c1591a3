"""What pages of dashboards share: which one is asked for, whether it may be changed, and the facets of a form."""

from dataclasses import replace
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from dashboards import selectors as numbers
from dashboards.bars import Facet
from dashboards.boards import selectors
from dashboards.boards.forms import FilterForm
from dashboards.boards.models import Board
from dashboards.boards.reach import Reach
from dashboards.boards.services import ChangedMeanwhileError
from dashboards.boards.types import Pairs
from dashboards.filters import DIMENSIONS, LABELS, NONE, SEARCHES, STATUSES, Filter, Option
from tenants import roles
from tenants.access import OrgRequest

type Context = dict[str, Any]
NAV: Final = "dashboards"
CONFLICT: Final = 409
_LOOKED_AT: Final = "30d"  # values to choose from are those of the last days


def reach_of(request: OrgRequest) -> Reach:
    return Reach.of_person(user=request.user, role=request.organization_role)


def find_board(request: OrgRequest, board_id: int) -> Board:
    """:raises Http404: there is none, or it is somebody else's own."""
    found = selectors.board(organization=request.organization, reach=reach_of(request), board_id=board_id)
    if found is None:
        raise Http404
    return found


def own_board(request: OrgRequest, board_id: int) -> Board:
    """One that they may change.

    :raises Http404: there is none for them.
    :raises PermissionDenied: they may only look at it.
    """
    board = find_board(request, board_id)
    if not reach_of(request).may_change(board):
        raise PermissionDenied
    return board


def to_board(request: OrgRequest, board: Board, page: str = "board-detail") -> HttpResponse:
    return redirect(f"boards:{page}", request.organization.slug, board.pk)


def seen_version(request: OrgRequest, board: Board) -> int:
    """The version that a form was filled in from; without one, whatever is there now."""
    text = request.POST.get("version", "")
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(2**31))
    return int(text) if is_number else board.version


def conflict(error: ChangedMeanwhileError) -> Context:
    """What to tell somebody whose save came second; the form they see goes on from the newest version."""
    found = selectors.changed_by(error.board)
    return {"conflict": found, "board": error.board, "version": error.board.version}


def read_filter(request: OrgRequest, board: Board) -> Filter:
    """The filter of the query string; a dashboard that is opened without any shows the range it opens with."""
    query = dict(request.GET.lists())
    if not set(query) - {"seen", "panel"} and board.range:
        query = query | {"range": [board.range]}
    chosen = Filter.parse(query, now=timezone.now(), zone=request.time_zone)
    return replace(chosen, hidden=roles.hidden_projects(user=request.user, role=request.organization_role))


def facets(request: OrgRequest, form: FilterForm) -> list[Facet]:
    """Each dimension's values of the last days, and those that are chosen although nothing has them."""
    chosen = Filter.parse({"range": [_LOOKED_AT]}, now=timezone.now(), zone=request.time_zone)
    chosen = replace(chosen, hidden=roles.hidden_projects(user=request.user, role=request.organization_role))
    found = numbers.options(organization=request.organization, project=None, chosen=chosen)
    picked = form.chosen
    listed = [_facet(name, found.get(name, []), picked) for name in DIMENSIONS]
    status = [Option(name, label, 0) for name, label in STATUSES.items()]
    return [*(facet for facet in listed if facet.options), _facet("status", status, picked)]


def searches(form: FilterForm) -> list[tuple[str, str, str]]:
    """(name, label, value) of the filters that are typed."""
    picked = dict(form.chosen)
    return [(name, label, picked.get(name, "")) for name, label in SEARCHES.items()]


def _facet(name: str, options: list[Option], picked: Pairs) -> Facet:
    chosen = [value for label, value in picked if label == name]
    known = {option.value for option in options}
    more = [Option(value, "None" if value == NONE else value, 0) for value in chosen if value not in known]
    return Facet(name, LABELS[name], [(option, option.value in chosen) for option in [*options, *more]])
