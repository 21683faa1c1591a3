"""Dashboards for tests."""

from datetime import UTC, datetime
from typing import Any

from core.scope import org_scope
from dashboards.boards import services
from dashboards.boards.grid import Place
from dashboards.boards.models import Board, Widget
from dashboards.boards.types import BoardTerms, Kind, WidgetTerms
from dashboards.explore.question import Question, Shape
from tenants.audit import Actor
from tenants.models import Organization

NOW = datetime(2026, 7, 14, 10, 20, tzinfo=UTC)
SPEND = WidgetTerms(kind=Kind.STAT, title="Spend", question=Question(metric="cost", by=()), place=Place(0, 0, 3, 2))
BY_MODEL = WidgetTerms(
    kind=Kind.BAR,
    title="By model",
    question=Question(metric="cost", by=("model",), shape=Shape.RANKING),
    place=Place(3, 0, 6, 4),
)
NOTE = WidgetTerms(kind=Kind.TEXT, title="Read me", text="What this is for.", place=Place(0, 2, 3, 2))


def make_board(
    organization: Organization,
    actor: Actor = None,
    *,
    visibility: str = Board.Visibility.SHARED,
    widgets: tuple[WidgetTerms, ...] = (SPEND, BY_MODEL, NOTE),
    **terms: Any,
) -> Board:
    wanted = BoardTerms(name=terms.pop("name", "Costs"), widgets=widgets, **terms)
    return services.create_board(organization=organization, actor=actor, visibility=visibility, wanted=wanted, now=NOW)


def widgets_of(board: Board) -> list[Widget]:
    with org_scope(board.organization_id):
        return list(Widget.objects.filter(board=board).order_by("y", "x"))
