"""The layout of a dashboard, as rules that hold for every layout, and as what a person sees."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.tests.browser_modules import evaluate, needs_node
from dashboards.boards import grid
from dashboards.boards.grid import COLUMNS, LOWEST, TALLEST, Place

DIRECTIONS = st.sampled_from(sorted(grid.STEPS))


@st.composite
def places(draw):
    w = draw(st.integers(1, COLUMNS))
    return Place(draw(st.integers(0, COLUMNS - w)), draw(st.integers(0, 30)), w, draw(st.integers(1, TALLEST)))


layouts = st.lists(places(), min_size=1, max_size=12).map(lambda found: dict(enumerate(found)))


def is_settled(layout):
    """Nothing overlaps, everything is on the grid, and whatever is not at the top lies on something."""
    found = list(layout.values())
    for number, place in enumerate(found):
        assert grid.faults(place) == {}
        assert not any(place.overlaps(other) for other in found[number + 1 :])
        assert place.y == 0 or any(
            other.bottom == place.y and other.x < place.right and place.x < other.right for other in found
        )
    return True


def as_css_lays_it_out(layout):
    """CSS Grid, auto-placement with a fixed column in sparse mode: from the order, the columns and the spans alone."""
    row, column, done = 0, 0, {}
    for key, place in layout.items():
        row += place.x < column
        column = place.x
        while any(place.at_row(row).overlaps(other) for other in done.values()):
            row += 1
        done[key] = place.at_row(row)
    return done


@given(layouts)
def test_settling_leaves_no_overlap_and_no_gap(layout):
    found = grid.settled(layout)

    assert is_settled(found)
    assert {key: (place.x, place.w, place.h) for key, place in found.items()} == {
        key: (place.x, place.w, place.h) for key, place in layout.items()
    }


@given(layouts)
def test_a_settled_layout_stays_as_it_is(layout):
    found = grid.settled(layout)

    assert list(grid.settled(found).items()) == list(found.items())


@given(layouts)
def test_css_needs_no_rows_to_lay_a_settled_layout_out(layout):
    found = grid.settled(layout)

    assert as_css_lays_it_out(found) == found


@given(layouts, st.integers(-20, 40), st.integers(-20, 40))
def test_moving_keeps_every_size_and_lands_in_the_asked_column(layout, x, y):
    before = grid.settled(layout)

    found = grid.moved(before, 0, x, y)

    assert is_settled(found)
    assert {key: (place.w, place.h) for key, place in found.items()} == {
        key: (place.w, place.h) for key, place in before.items()
    }
    assert found[0].x == min(max(x, 0), COLUMNS - before[0].w)
    assert {key: place.x for key, place in found.items() if key} == {
        key: place.x for key, place in before.items() if key
    }


@given(layouts, st.integers(-3, 20), st.integers(-3, 20))
def test_resizing_changes_one_and_keeps_its_corner_in_its_column(layout, w, h):
    before = grid.settled(layout)

    found = grid.resized(before, 0, w, h)

    assert is_settled(found)
    assert found[0].x == before[0].x
    assert (found[0].w, found[0].h) == (min(max(w, 1), COLUMNS - before[0].x), min(max(h, 1), TALLEST))
    assert {key: (place.x, place.w, place.h) for key, place in found.items() if key} == {
        key: (place.x, place.w, place.h) for key, place in before.items() if key
    }


@given(layouts, DIRECTIONS)
def test_a_key_moves_or_leaves_everything_as_it_is(layout, direction):
    before = grid.settled(layout)

    found = grid.stepped(before, 0, direction)

    assert is_settled(found)
    assert found[0] != before[0] or found == before


@given(layouts, DIRECTIONS)
def test_a_key_resizes_by_one_at_most(layout, direction):
    before = grid.settled(layout)

    found = grid.grown(before, 0, direction)

    assert is_settled(found)
    assert abs(found[0].w - before[0].w) + abs(found[0].h - before[0].h) <= 1


@given(layouts, st.integers(1, COLUMNS), st.integers(1, TALLEST))
def test_a_new_widget_overlaps_nothing(layout, w, h):
    taken = list(grid.settled(layout).values())

    spot = grid.first_free(taken, w, h)

    assert grid.faults(spot) == {}
    assert not any(spot.overlaps(place) for place in taken)


@given(st.builds(Place, st.integers(), st.integers(), st.integers(), st.integers()))
def test_whatever_is_asked_is_brought_onto_the_grid(place):
    found = grid.fitted(place)

    assert grid.faults(found) == {}
    assert found == place or grid.faults(place) != {}


@pytest.mark.parametrize(
    ("place", "faults"),
    [
        (Place(0, 0, 12, 1), {}),
        (Place(11, LOWEST, 1, 12), {}),
        (Place(12, 0, 1, 1), {"x": "Use 0 to 11."}),
        (Place(-1, 0, 1, 1), {"x": "Use 0 to 11."}),
        (Place(0, -1, 1, 1), {"y": "Use 0 to 1000."}),
        (Place(0, 0, 13, 1), {"w": "Use 1 to 12."}),
        (Place(0, 0, 1, 13), {"h": "Use 1 to 12."}),
        (Place(0, 0, 0, 0), {"w": "Use 1 to 12.", "h": "Use 1 to 12."}),
        (Place(7, 0, 6, 1), {"w": "From column 7 on there is room for 5."}),
    ],
)
def test_what_is_wrong_with_a_place(place, faults):
    assert grid.faults(place) == faults


# --- What a person sees ---

PAIR = {"a": Place(0, 0, 6, 4), "b": Place(0, 4, 6, 2)}


def test_up_goes_past_what_lies_above():
    assert grid.stepped(PAIR, "b", "up") == {"b": Place(0, 0, 6, 2), "a": Place(0, 2, 6, 4)}


def test_down_goes_past_what_lies_below():
    assert grid.stepped(PAIR, "a", "down") == {"b": Place(0, 0, 6, 2), "a": Place(0, 2, 6, 4)}


@pytest.mark.parametrize(("held", "direction"), [("a", "up"), ("a", "left"), ("b", "down"), ("b", "left")])
def test_nothing_happens_at_an_edge(held, direction):
    assert grid.stepped(PAIR, held, direction) == PAIR


def test_aside_goes_one_column_and_what_is_free_rises():
    layout = PAIR | {"a": Place(0, 0, 1, 4), "b": Place(0, 4, 1, 2)}

    assert grid.stepped(layout, "a", "right") == {"a": Place(1, 0, 1, 4), "b": Place(0, 0, 1, 2)}


def test_dropped_on_another_it_takes_its_place():
    layout = {"a": Place(0, 0, 6, 4), "b": Place(6, 0, 6, 4)}

    assert grid.moved(layout, "b", 0, 0) == {"b": Place(0, 0, 6, 4), "a": Place(0, 4, 6, 4)}


def test_what_grows_pushes_down_and_lets_nothing_jump_over_it():
    """Above the wide one there is a hole; what lies below it does not go there only because it grows."""
    layout = {"a": Place(0, 0, 6, 4), "wide": Place(0, 4, 12, 2), "b": Place(6, 6, 6, 2)}

    assert grid.grown(layout, "wide", "down")["b"] == Place(6, 7, 6, 2)


def test_dropped_far_below_it_lies_under_the_last():
    assert grid.moved(PAIR, "a", 0, 500) == {"b": Place(0, 0, 6, 2), "a": Place(0, 2, 6, 4)}


def test_the_first_free_place_is_beside_before_it_is_below():
    assert grid.first_free([Place(0, 0, 6, 4)], 6, 4) == Place(6, 0, 6, 4)
    assert grid.first_free([Place(0, 0, 6, 4)], 7, 4) == Place(0, 4, 7, 4)
    assert grid.first_free([], 3, 2) == Place(0, 0, 3, 2)


# --- The same in the browser ---


def as_json(layout):
    return [[str(key), {"x": place.x, "y": place.y, "w": place.w, "h": place.h}] for key, place in layout.items()]


CHANGES = (
    "given.map(([layout, x, y, direction]) => { const map = new Map(layout);"
    " return [settled(map), moved(settled(map), '0', x, y), resized(settled(map), '0', x, y),"
    " stepped(settled(map), '0', direction), grown(settled(map), '0', direction)].map((one) => [...one]); })"
)


@needs_node
@settings(max_examples=5, deadline=None)
@given(st.lists(st.tuples(layouts, st.integers(-3, 20), st.integers(-3, 20), DIRECTIONS), min_size=20, max_size=40))
def test_the_browser_comes_to_the_same_layouts(cases):
    imports = {"grid.js": "{ settled, moved, resized, stepped, grown }"}

    found = evaluate(CHANGES, imports=imports, given=[[as_json(layout), *rest] for layout, *rest in cases])

    for (layout, x, y, direction), answers in zip(cases, found, strict=True):
        before = grid.settled(layout)
        expected = (
            before,
            grid.moved(before, 0, x, y),
            grid.resized(before, 0, x, y),
            grid.stepped(before, 0, direction),
            grid.grown(before, 0, direction),
        )
        assert answers == [as_json(one) for one in expected]
