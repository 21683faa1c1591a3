"""Writes about dashboards: each one transaction, with its audit row where others see the dashboard.

Whoever changes something says which version they saw; when it is not the newest any more, nothing is written.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from core.scope import org_scope
from dashboards.boards import documents, grid
from dashboards.boards.grid import Place
from dashboards.boards.models import Board, Widget
from dashboards.boards.types import MOST_BOARDS, MOST_WIDGETS, SIZES, BoardTerms, Pairs, WidgetTerms, stored
from tenants import audit
from tenants.audit import Actor, KeyActor
from tenants.models import Organization, OrganizationSettings, User

_SHARED: Final = Board.Visibility.SHARED
TOO_MANY_WIDGETS: Final = f"There can be {MOST_WIDGETS} widgets at most."


class ChangedMeanwhileError(Exception):
    """Somebody else saved ``board`` since the version that was seen; nothing was written."""

    def __init__(self, board: Board) -> None:
        super().__init__("The dashboard was changed meanwhile.")
        self.board = board


class GoneMeanwhileError(Exception):
    """Somebody else deleted what was to be changed."""


@transaction.atomic
def create_board(
    *, organization: Organization, actor: Actor, visibility: str, wanted: BoardTerms, now: datetime
) -> Board:
    """Create a dashboard with its widgets; a person owns what they make, a key owns nothing.

    :raises ValidationError: the name cannot be used, or there are too many.
    """
    _check_name(wanted.name)
    with org_scope(organization.pk):
        _one_at_a_time(organization)
        owner = actor if isinstance(actor, User) else None
        _check_room(owner, visibility)
        board = Board(organization=organization, owner=owner, visibility=visibility, created_at=now)
        _fill(board, wanted)
        _touch(board, actor, now)
        board.save()
        _put(board, wanted.widgets)
        if board.is_shared:
            audit.record("dashboard.created", actor=actor, target=board, name=board.name, widgets=len(wanted.widgets))
    return board


@transaction.atomic
def change_board(
    *,
    organization: Organization,
    actor: Actor,
    board: Board,
    seen: int,
    visibility: str,
    wanted: BoardTerms,
    now: datetime,
) -> Board:
    """Change everything about a dashboard but its widgets.

    :raises ValidationError: the name cannot be used, or there would be too many of such a visibility.
    :raises ChangedMeanwhileError: ``seen`` is an older version.
    """
    _check_name(wanted.name)
    with org_scope(organization.pk):
        locked = _locked(organization, board, seen)
        before = locked.visibility
        if visibility != before:
            _one_at_a_time(organization)
            _check_room(locked.owner, visibility)
        _fill(locked, wanted)
        locked.visibility = visibility
        _save(locked, actor, now)
        _record(_what_happened(before, visibility), locked, actor, before=before)
    return locked


@transaction.atomic
def replace_board(
    *,
    organization: Organization,
    actor: Actor,
    board: Board,
    seen: int,
    visibility: str,
    wanted: BoardTerms,
    now: datetime,
) -> Board:
    """As ``change_board``, with other widgets in place of the ones there are."""
    with org_scope(organization.pk):
        locked = change_board(
            organization=organization,
            actor=actor,
            board=board,
            seen=seen,
            visibility=visibility,
            wanted=wanted,
            now=now,
        )
        Widget.objects.filter(board=locked).delete()
        _put(locked, wanted.widgets)
        _record("dashboard.widgets_replaced", locked, actor, widgets=len(wanted.widgets))
    return locked


@transaction.atomic
def delete_board(*, organization: Organization, actor: Actor, board: Board) -> None:
    """Delete a dashboard and its widgets."""
    with org_scope(organization.pk):
        locked = _locked(organization, board)
        _record("dashboard.deleted", locked, actor)
        locked.delete()


@transaction.atomic
def arrange(
    *,
    organization: Organization,
    actor: Actor,
    board: Board,
    seen: int,
    places: Mapping[int, Place],
    now: datetime,
) -> Board:
    """Put widgets at other places. Those that ``places`` leaves out stay near theirs; what is gone meanwhile is not
    missed. The same places again change nothing.

    :raises ChangedMeanwhileError: ``seen`` is an older version.
    """
    with org_scope(organization.pk):
        locked = _locked(organization, board, seen)
        widgets = _widgets(locked)
        if not _settle(widgets, places):
            return locked
        _save(locked, actor, now)
        _record("dashboard.arranged", locked, actor)
    return locked


@transaction.atomic
def add_widget(*, organization: Organization, actor: Actor, board: Board, wanted: WidgetTerms, now: datetime) -> Widget:
    """Put another widget on a dashboard, which disturbs nobody who changes something else there.

    :raises ValidationError: there are too many.
    """
    with org_scope(organization.pk):
        locked = _locked(organization, board)
        if Widget.objects.filter(board=locked).count() >= MOST_WIDGETS:
            raise ValidationError(TOO_MANY_WIDGETS)
        (widget,) = _put(locked, [wanted])
        _save(locked, actor, now)
        _record("dashboard.widget_added", locked, actor, kind=widget.kind, title=widget.title)
        widget.refresh_from_db()
    return widget


@transaction.atomic
def change_widget(
    *,
    organization: Organization,
    actor: Actor,
    board: Board,
    seen: int,
    widget_id: int,
    wanted: WidgetTerms,
    now: datetime,
) -> Widget:
    """Change what a widget shows, how and where.

    :raises ChangedMeanwhileError: ``seen`` is an older version of the dashboard.
    :raises GoneMeanwhileError: the widget was deleted.
    """
    with org_scope(organization.pk):
        locked = _locked(organization, board, seen)
        widget = Widget.objects.filter(board=locked, pk=widget_id).first()
        if widget is None:
            raise GoneMeanwhileError
        _say(widget, wanted)
        widget.save()
        if wanted.place is not None:
            _move(locked, widget, wanted.place)
        _save(locked, actor, now)
        _record("dashboard.widget_changed", locked, actor, kind=widget.kind, title=widget.title)
    return widget


@transaction.atomic
def delete_widget(*, organization: Organization, actor: Actor, board: Board, widget: Widget, now: datetime) -> None:
    """Take a widget away; what lies below it rises."""
    with org_scope(organization.pk):
        locked = _locked(organization, board)
        if not Widget.objects.filter(board=locked, pk=widget.pk).delete()[0]:
            return
        _settle(_widgets(locked), {})
        _save(locked, actor, now)
        _record("dashboard.widget_deleted", locked, actor, kind=widget.kind, title=widget.title)


# --- Inside a transaction ---


def _check_name(name: str) -> None:
    found: dict[str, str] = {}
    documents.name_of(name, "name", found)
    if found:
        raise ValidationError({place: [message] for place, message in found.items()})


def _one_at_a_time(organization: Organization) -> None:
    """Whoever counts and adds waits for whoever does the same."""
    OrganizationSettings.objects.select_for_update().get(organization=organization)


def _check_room(owner: User | None, visibility: str) -> None:
    if visibility == _SHARED:
        count, whose = Board.objects.filter(visibility=_SHARED).count(), "shared dashboards in an organization"
    else:
        count, whose = Board.objects.filter(visibility=visibility, owner=owner).count(), "dashboards of your own"
    if count >= MOST_BOARDS:
        raise ValidationError(f"There can be {MOST_BOARDS} {whose} at most. Delete one first.")


def _locked(organization: Organization, board: Board, seen: int | None = None) -> Board:
    """The dashboard as it is now, for nobody else to change.

    :raises ChangedMeanwhileError: ``seen`` is not its version.
    """
    found = Board.objects.select_for_update(of=("self",)).select_related("owner", "changed_by")
    locked = found.get(organization=organization, pk=board.pk)
    if seen is not None and seen != locked.version:
        raise ChangedMeanwhileError(locked)
    return locked


def _fill(board: Board, wanted: BoardTerms) -> None:
    board.name, board.description = wanted.name.strip(), wanted.description
    board.range, board.filters = wanted.range, stored(wanted.filters)


def _touch(board: Board, actor: Actor, now: datetime) -> None:
    board.changed_at = now
    board.changed_by = actor if isinstance(actor, User) else None
    board.changed_by_key = actor.name if isinstance(actor, KeyActor) else ""


def _save(board: Board, actor: Actor, now: datetime) -> None:
    _touch(board, actor, now)
    board.version += 1
    board.save()


def _what_happened(before: str, after: str) -> str:
    if before == after:
        return "dashboard.changed"
    return "dashboard.shared" if after == _SHARED else "dashboard.unshared"


def _record(action: str, board: Board, actor: Actor, *, before: str = "", **facts: Any) -> None:
    """What others see, or saw until now, is in the log; what somebody does with their own is theirs."""
    if board.is_shared or before == _SHARED:
        audit.record(action, actor=actor, target=board, name=board.name, **facts)


def _widgets(board: Board) -> list[Widget]:
    return list(Widget.objects.filter(board=board).order_by("y", "x", "pk"))


def _put(board: Board, wanted: Iterable[WidgetTerms]) -> list[Widget]:
    """New widgets, those without a place where there is room for them."""
    made: list[Widget] = []
    taken = [widget.place for widget in Widget.objects.filter(board=board)]
    listed = list(wanted)
    placed = [one.place for one in listed if one.place is not None]
    for one in listed:
        place = one.place or grid.first_free([*taken, *placed], *SIZES[one.kind])
        if one.place is None:
            taken.append(place)
        widget = Widget(organization_id=board.organization_id, board=board, **_columns(place))
        _say(widget, one)
        made.append(widget)
    Widget.objects.bulk_create(made)
    _settle(_widgets(board), {})
    return made


def _say(widget: Widget, wanted: WidgetTerms) -> None:
    widget.kind, widget.title = wanted.kind, wanted.title.strip()
    widget.question = wanted.question.to_json() if wanted.question else None
    widget.filters, widget.text = stored(_filters(wanted)), wanted.text if wanted.question is None else ""


def _filters(wanted: WidgetTerms) -> Pairs:
    return wanted.filters if wanted.question else ()


def _move(board: Board, widget: Widget, place: Place) -> None:
    """``widget`` to ``place``; the others give way."""
    widgets = _widgets(board)
    layout: dict[int, Place] = {one.pk: one.place for one in widgets}
    fitted = grid.fitted(place)
    if layout[widget.pk] == fitted:
        return
    sized = layout | {widget.pk: fitted}
    _settle(widgets, grid.moved(sized, widget.pk, fitted.x, fitted.y))


def _settle(widgets: list[Widget], places: Mapping[int, Place]) -> bool:
    """Give every widget its place in a settled layout; whether any moved."""
    asked = {one.pk: grid.fitted(places.get(one.pk, one.place)) for one in widgets}
    changed = []
    for pk, place in grid.settled(asked).items():
        widget = next(one for one in widgets if one.pk == pk)
        if widget.place != place:
            _lay(widget, place)
            changed.append(widget)
    Widget.objects.bulk_update(changed, ["x", "y", "w", "h"])
    return bool(changed)


def _lay(widget: Widget, place: Place) -> None:
    widget.x, widget.y, widget.w, widget.h = place.x, place.y, place.w, place.h


def _columns(place: Place) -> dict[str, Any]:
    return {"x": place.x, "y": place.y, "w": place.w, "h": place.h}
