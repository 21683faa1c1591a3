"""Writes about dashboards: what is there afterwards, what the audit log says, and what a refusal leaves alone."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from core.scope import org_scope
from dashboards.boards import services, types
from dashboards.boards.grid import Place
from dashboards.boards.models import Board, Widget, terms
from dashboards.boards.services import ChangedMeanwhileError, GoneMeanwhileError
from dashboards.boards.tests.factories import BY_MODEL, NOTE, NOW, SPEND, make_board, widgets_of
from dashboards.boards.types import BoardTerms, Kind, WidgetTerms
from tenants.audit import KeyActor
from tenants.models import AuditEntry, Membership, User

LATER = NOW + timedelta(minutes=5)


def entries(organization):
    """(action, name) of what the audit log says of dashboards, in order."""
    with org_scope(organization.pk):
        found = AuditEntry.objects.filter(target_kind="board").order_by("pk")
        return [(entry.action, entry.facts["name"]) for entry in found]


def reloaded(board):
    with org_scope(board.organization_id):
        return Board.objects.get(pk=board.pk)


def places_of(board):
    return {widget.title: widget.place for widget in widgets_of(board)}


def test_a_dashboard_is_made_with_its_widgets(acme, ana):
    board = make_board(acme, ana, range="30d", filters=(("team", "search"),), description="All of it")

    stored = reloaded(board)
    assert terms(stored, widgets_of(board)) == BoardTerms(
        name="Costs",
        description="All of it",
        range="30d",
        filters=(("team", "search"),),
        widgets=(SPEND, BY_MODEL, NOTE),
    )
    assert (stored.owner, stored.version, stored.changed_by, stored.changed_at) == (ana, 1, ana, NOW)
    assert entries(acme) == [("dashboard.created", "Costs")]


def test_what_somebody_does_with_a_dashboard_of_their_own_is_not_told(acme, ana):
    board = make_board(acme, ana, visibility="private")
    (widget, *_) = widgets_of(board)
    context = {"organization": acme, "actor": ana, "board": board}

    services.add_widget(**context, wanted=NOTE, now=LATER)
    services.arrange(**context, seen=2, places={widget.pk: Place(0, 9, 3, 2)}, now=LATER)
    services.delete_widget(**context, widget=widget, now=LATER)
    services.delete_board(**context)

    assert entries(acme) == []


def test_a_key_owns_nothing_and_is_named_as_who_changed_it(acme):
    board = make_board(acme, KeyActor(7, "terraform"))

    assert (board.owner, board.changed_by, board.changed_by_key) == (None, None, "terraform")


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\nb", "a\0b"])
def test_a_name_that_cannot_be_used(acme, ana, name):
    with pytest.raises(ValidationError) as caught:
        make_board(acme, ana, name=name)

    assert caught.value.message_dict == {"name": ["Use 1 to 100 visible characters."]}
    with org_scope(acme.pk):
        assert not Board.objects.exists()


def test_widgets_without_a_place_go_where_there_is_room(acme, ana):
    wanted = tuple(WidgetTerms(kind=Kind.STAT, title=str(n), question=SPEND.question) for n in range(5))

    board = make_board(acme, ana, widgets=(*wanted, BY_MODEL))

    assert places_of(board) == {
        "By model": Place(3, 0, 6, 4),
        "0": Place(0, 0, 3, 2),
        "1": Place(9, 0, 3, 2),
        "2": Place(0, 2, 3, 2),
        "3": Place(9, 2, 3, 2),
        "4": Place(0, 4, 3, 2),
    }


def test_what_overlaps_is_settled(acme, ana):
    board = make_board(
        acme, ana, widgets=(SPEND, BY_MODEL.__class__(kind=Kind.TEXT, title="T", place=Place(0, 0, 9, 1)))
    )

    assert places_of(board) == {"Spend": Place(0, 0, 3, 2), "T": Place(0, 2, 9, 1)}


def test_everything_but_the_widgets_is_changed_at_once(acme, ana):
    board = make_board(acme, ana)

    services.change_board(
        organization=acme,
        actor=ana,
        board=board,
        seen=1,
        visibility="shared",
        wanted=BoardTerms(name=" Money ", range="90d", filters=(("model", "gpt-4o"),)),
        now=LATER,
    )

    stored = reloaded(board)
    assert (stored.name, stored.range, stored.pairs, stored.version) == ("Money", "90d", (("model", "gpt-4o"),), 2)
    assert stored.changed_at == LATER
    assert len(widgets_of(board)) == 3
    assert entries(acme)[1:] == [("dashboard.changed", "Money")]


@pytest.mark.parametrize(
    ("before", "after", "actions"),
    [
        ("private", "shared", ["dashboard.shared"]),
        ("shared", "private", ["dashboard.created", "dashboard.unshared"]),
        ("private", "private", []),
    ],
)
def test_sharing_and_its_end_are_told(acme, ana, before, after, actions):
    board = make_board(acme, ana, visibility=before)
    wanted = BoardTerms(name="Costs")

    services.change_board(organization=acme, actor=ana, board=board, seen=1, visibility=after, wanted=wanted, now=LATER)

    assert reloaded(board).visibility == after
    assert [action for action, _ in entries(acme)] == actions


def test_a_replaced_dashboard_is_the_same_one_with_other_widgets(acme, ana):
    board = make_board(acme, ana)

    services.replace_board(
        organization=acme,
        actor=ana,
        board=board,
        seen=1,
        visibility="shared",
        wanted=BoardTerms(name="New", widgets=(NOTE,)),
        now=LATER,
    )

    assert (reloaded(board).name, reloaded(board).version) == ("New", 2)
    assert places_of(board) == {"Read me": Place(0, 0, 3, 2)}
    assert [action for action, _ in entries(acme)][1:] == ["dashboard.changed", "dashboard.widgets_replaced"]


# --- Two people at once ---


@pytest.mark.parametrize("write", ["change_board", "replace_board", "arrange", "change_widget"])
def test_the_second_of_two_saves_changes_nothing_and_says_whose_was_first(acme, ana, ben, write):
    board = make_board(acme, ana)
    (widget, *_) = widgets_of(board)
    services.arrange(
        organization=acme, actor=ben, board=board, seen=1, places={widget.pk: Place(0, 9, 3, 2)}, now=LATER
    )
    before = (reloaded(board).version, places_of(board))
    more = {
        "change_board": {"visibility": "shared", "wanted": BoardTerms(name="Mine")},
        "replace_board": {"visibility": "shared", "wanted": BoardTerms(name="Mine")},
        "arrange": {"places": {widget.pk: Place(6, 0, 3, 2)}},
        "change_widget": {"widget_id": widget.pk, "wanted": NOTE},
    }[write]

    with pytest.raises(ChangedMeanwhileError) as caught:
        getattr(services, write)(organization=acme, actor=ana, board=board, seen=1, now=LATER, **more)

    assert (caught.value.board.changed_by, caught.value.board.changed_at) == (ben, LATER)
    assert (reloaded(board).version, places_of(board)) == before
    assert reloaded(board).name == "Costs"


def test_who_adds_a_widget_disturbs_nobody_and_is_disturbed_by_nobody(acme, ana, ben):
    board = make_board(acme, ana)
    services.add_widget(organization=acme, actor=ben, board=board, wanted=NOTE, now=LATER)

    services.add_widget(organization=acme, actor=ana, board=board, wanted=NOTE, now=LATER)

    assert len(widgets_of(board)) == 5
    assert reloaded(board).version == 3


def test_a_widget_that_was_deleted_meanwhile(acme, ana, ben):
    board = make_board(acme, ana)
    (widget, *_) = widgets_of(board)
    services.delete_widget(organization=acme, actor=ben, board=board, widget=widget, now=LATER)

    with pytest.raises(GoneMeanwhileError):
        services.change_widget(
            organization=acme, actor=ana, board=board, seen=2, widget_id=widget.pk, wanted=NOTE, now=LATER
        )

    services.delete_widget(organization=acme, actor=ana, board=board, widget=widget, now=LATER)
    assert len(widgets_of(board)) == 2
    assert reloaded(board).version == 2


# --- Layout ---


def test_arranging_settles_and_leaves_alone_what_is_not_named(acme, ana):
    board = make_board(acme, ana)
    by_title = {widget.title: widget.pk for widget in widgets_of(board)}

    services.arrange(
        organization=acme,
        actor=ana,
        board=board,
        seen=1,
        places={by_title["Spend"]: Place(9, 500, 3, 2), 10**9: Place(0, 0, 1, 1)},
        now=LATER,
    )

    assert places_of(board) == {
        "Read me": Place(0, 0, 3, 2),
        "By model": Place(3, 0, 6, 4),
        "Spend": Place(9, 0, 3, 2),
    }
    assert entries(acme)[1:] == [("dashboard.arranged", "Costs")]


def test_the_same_places_change_nothing(acme, ana):
    board = make_board(acme, ana)
    places = {widget.pk: widget.place for widget in widgets_of(board)}

    services.arrange(organization=acme, actor=ana, board=board, seen=1, places=places, now=LATER)

    assert (reloaded(board).version, reloaded(board).changed_at) == (1, NOW)
    assert len(entries(acme)) == 1


def test_a_place_off_the_grid_is_brought_onto_it(acme, ana):
    board = make_board(acme, ana, widgets=(SPEND,))
    (widget,) = widgets_of(board)

    services.arrange(
        organization=acme, actor=ana, board=board, seen=1, places={widget.pk: Place(50, -5, 99, 99)}, now=LATER
    )

    assert places_of(board) == {"Spend": Place(0, 0, 12, 12)}


def test_a_widget_is_changed_and_the_others_give_way(acme, ana):
    board = make_board(acme, ana)
    by_title = {widget.title: widget for widget in widgets_of(board)}
    wanted = WidgetTerms(kind=Kind.TEXT, title="Wide", text="Hello", place=Place(0, 0, 12, 1))

    services.change_widget(
        organization=acme,
        actor=ana,
        board=board,
        seen=1,
        widget_id=by_title["Spend"].pk,
        wanted=wanted,
        now=LATER,
    )

    assert places_of(board) == {
        "Wide": Place(0, 0, 12, 1),
        "By model": Place(3, 1, 6, 4),
        "Read me": Place(0, 1, 3, 2),
    }
    (changed,) = [widget for widget in widgets_of(board) if widget.title == "Wide"]
    assert (changed.kind, changed.question, changed.text) == ("text", None, "Hello")


def test_what_lies_below_a_deleted_widget_rises(acme, ana):
    board = make_board(acme, ana)
    (spend, *_) = widgets_of(board)

    services.delete_widget(organization=acme, actor=ana, board=board, widget=spend, now=LATER)

    assert places_of(board) == {"Read me": Place(0, 0, 3, 2), "By model": Place(3, 0, 6, 4)}


# --- Limits ---


def test_a_dashboard_has_so_many_widgets_and_no_more(acme, ana):
    board = make_board(acme, ana, widgets=tuple([NOTE] * types.MOST_WIDGETS))

    with pytest.raises(ValidationError, match="50 widgets at most"):
        services.add_widget(organization=acme, actor=ana, board=board, wanted=NOTE, now=LATER)

    assert len(widgets_of(board)) == types.MOST_WIDGETS


@pytest.mark.parametrize("visibility", ["private", "shared"])
def test_there_are_so_many_dashboards_of_a_kind_and_no_more(acme, ana, ben, visibility):
    with org_scope(acme.pk):
        Board.objects.bulk_create(
            Board(organization=acme, owner=ana, name=f"B{number}", visibility=visibility)
            for number in range(types.MOST_BOARDS)
        )
    other = {"private": "shared", "shared": "private"}[visibility]

    with pytest.raises(ValidationError, match="200"):
        make_board(acme, ana, visibility=visibility)
    board = make_board(acme, ana, visibility=other)
    with pytest.raises(ValidationError, match="200"):
        services.change_board(
            organization=acme,
            actor=ana,
            board=board,
            seen=1,
            visibility=visibility,
            wanted=BoardTerms(name="Costs"),
            now=LATER,
        )

    assert reloaded(board).visibility == other
    if visibility == "private":
        assert make_board(acme, ben, visibility="private").owner == ben  # everybody has their own two hundred


# --- The end of an account ---


def test_with_an_account_its_own_dashboards_go_and_the_shared_ones_stay(acme, ana):
    private = make_board(acme, ana, visibility="private", name="Mine")
    shared = make_board(acme, ana, name="Ours")
    Membership.objects.filter(user=ana).delete()

    with connection.cursor() as cursor:
        cursor.execute("select forget_person(%s)", [ana.pk])

    assert not User.objects.filter(pk=ana.pk).exists()
    assert reloaded(shared).owner is None
    with org_scope(acme.pk):
        assert not Board.objects.filter(pk=private.pk).exists()
        assert Widget.objects.count() == 3
