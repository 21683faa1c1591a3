"""Reads of dashboards. All run inside the organization's scope."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from dashboards.boards import documents
from dashboards.boards.models import Board, Widget, terms
from dashboards.boards.reach import Reach
from dashboards.boards.types import BoardTerms
from tenants.models import Organization


@dataclass(frozen=True, slots=True)
class Line:
    """A dashboard in a list."""

    board: Board
    widgets: int


@dataclass(frozen=True, slots=True)
class BoardLists:
    """What somebody finds: what is theirs alone, and what everybody has."""

    own: list[Line]
    shared: list[Line]


def boards(*, organization: Organization, reach: Reach) -> list[Line]:
    """Those that are there for ``reach``, by name."""
    found = Board.objects.filter(organization=organization).filter(reach.seen).annotate(count=Count("widgets"))
    return [Line(one, one.count) for one in found.select_related("owner").order_by("name", "pk")]


def listed(*, organization: Organization, reach: Reach) -> BoardLists:
    """The same in two lists."""
    found = boards(organization=organization, reach=reach)
    return BoardLists(
        own=[line for line in found if not line.board.is_shared],
        shared=[line for line in found if line.board.is_shared],
    )


def board(*, organization: Organization, reach: Reach, board_id: int) -> Board | None:
    """The dashboard with this id, if it is there for them."""
    found = Board.objects.filter(organization=organization, pk=board_id).filter(reach.seen)
    return found.select_related("owner", "changed_by").first()


def widgets(*, board: Board) -> list[Widget]:
    """In reading order, as CSS lays them out."""
    return list(Widget.objects.filter(board=board).order_by("y", "x", "pk"))


def widget(*, board: Board, widget_id: int) -> Widget | None:
    return Widget.objects.filter(board=board, pk=widget_id).first()


def terms_for(*, board: Board, reach: Reach) -> BoardTerms:
    """The dashboard as a value, with a placeholder for projects that ``reach`` does not see."""
    return documents.read(document_for(board=board, reach=reach))


def document_for(*, board: Board, reach: Reach) -> dict[str, Any]:
    """The dashboard's document for who has ``reach``."""
    return documents.write(terms(board, widgets(board=board)), hidden=reach.hidden_slugs())


def changed_by(board: Board) -> dict[str, Any]:
    """Who changed it last, for a sentence: a person's name, or a key's."""
    person = board.changed_by
    return {
        "person": (person.name or person.email) if person else "",
        "key": board.changed_by_key,
        "at": board.changed_at,
    }
