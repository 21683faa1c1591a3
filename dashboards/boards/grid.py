"""Where widgets lie on the twelve columns of a dashboard: pure, and the same in ``static/js/grid.js``.

A layout is *settled*: nothing overlaps, and everything lies as high as what is above it lets it. CSS lays such a layout
out by itself from the order of the widgets, their columns and their spans; no rule names a row.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

COLUMNS: Final = 12
TALLEST: Final = 12
LOWEST: Final = 1_000  # far below what the most widgets of the tallest kind need
STEPS: Final[Mapping[str, tuple[int, int]]] = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}


@dataclass(frozen=True, slots=True)
class Place:
    """``w`` columns and ``h`` rows from column ``x`` and row ``y``, both counted from 0."""

    x: int
    y: int
    w: int
    h: int

    @property
    def right(self) -> int:
        return self.x + self.w

    @property
    def bottom(self) -> int:
        return self.y + self.h

    def overlaps(self, other: Self) -> bool:
        return self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom

    def at_row(self, y: int) -> Self:
        return replace(self, y=y)


type Layout[K: Hashable] = Mapping[K, Place]


def faults(place: Place) -> dict[str, str]:
    """What keeps a place from being on the grid, by the field that is to blame."""
    found = {
        "x": "" if 0 <= place.x < COLUMNS else f"Use 0 to {COLUMNS - 1}.",
        "y": "" if 0 <= place.y <= LOWEST else f"Use 0 to {LOWEST}.",
        "w": "" if 1 <= place.w <= COLUMNS else f"Use 1 to {COLUMNS}.",
        "h": "" if 1 <= place.h <= TALLEST else f"Use 1 to {TALLEST}.",
    }
    if not found["x"] and not found["w"] and place.right > COLUMNS:
        found["w"] = f"From column {place.x} on there is room for {COLUMNS - place.x}."
    return {name: message for name, message in found.items() if message}


def fitted(place: Place) -> Place:
    """The nearest place that is on the grid."""
    w, h = _within(place.w, 1, COLUMNS), _within(place.h, 1, TALLEST)
    return Place(_within(place.x, 0, COLUMNS - w), _within(place.y, 0, LOWEST), w, h)


def in_order[K: Hashable](layout: Layout[K]) -> list[K]:
    """As they are read: row by row, from the left."""
    return sorted(layout, key=lambda key: (layout[key].y, layout[key].x))


def settled[K: Hashable](layout: Layout[K]) -> dict[K, Place]:
    """The same widgets without an overlap and without a gap, in reading order."""
    done: dict[K, Place] = {}
    for key in in_order(layout):
        done[key] = _risen(_below(layout[key], done.values()), done.values())
    return {key: done[key] for key in in_order(done)}


def moved[K: Hashable](layout: Layout[K], held: K, x: int, y: int) -> dict[K, Place]:
    """``held`` at another place. What lies there goes above it where there is room, and below it otherwise."""
    target = fitted(replace(layout[held], x=x, y=y))

    def give_way(place: Place, others: Sequence[Place]) -> Place:
        above = _risen(place, others)
        return above if above.bottom <= target.y else place.at_row(target.bottom)

    return _around(layout, held, target, give_way)


def resized[K: Hashable](layout: Layout[K], held: K, w: int, h: int) -> dict[K, Place]:
    """``held`` in another size, its upper left corner where it was. What is in its way goes below it."""
    old = layout[held]
    target = replace(old, w=_within(w, 1, COLUMNS - old.x), h=_within(h, 1, TALLEST))
    return _around(layout, held, target, lambda place, _others: place.at_row(target.bottom))


def stepped[K: Hashable](layout: Layout[K], held: K, direction: str) -> dict[K, Place]:
    """``held`` moved by an arrow key (of ``STEPS``): a column aside, or up or down past what lies there."""
    across, down = STEPS[direction]
    old = layout[held]
    lowest = max(place.bottom for place in layout.values())
    for distance in range(1, lowest + 1 if down else 2):
        changed = moved(layout, held, old.x + across * distance, old.y + down * distance)
        if changed[held] != old:
            return changed
    return dict(layout)


def grown[K: Hashable](layout: Layout[K], held: K, direction: str) -> dict[K, Place]:
    """``held`` made wider, narrower, lower or taller by one, by an arrow key."""
    across, down = STEPS[direction]
    return resized(layout, held, layout[held].w + across, layout[held].h + down)


def first_free(places: Iterable[Place], w: int, h: int) -> Place:
    """The first place of that size, row by row, that nothing overlaps."""
    taken = list(places)
    lowest = max((place.bottom for place in taken), default=0)
    spots = (Place(x, y, w, h) for y in range(lowest + 1) for x in range(COLUMNS - w + 1))
    return next(spot for spot in spots if not any(spot.overlaps(place) for place in taken))


def _around[K: Hashable](
    layout: Layout[K], held: K, target: Place, give_way: Callable[[Place, Sequence[Place]], Place]
) -> dict[K, Place]:
    """A settled layout with ``held`` at ``target``, as near as gravity allows."""
    done = {held: target}
    for key in in_order(layout):
        if key == held:
            continue
        place = layout[key]
        others = [other for name, other in done.items() if name != held]
        done[key] = _below(give_way(place, others) if place.overlaps(target) else place, done.values())
    return settled(done)


def _below(place: Place, others: Iterable[Place]) -> Place:
    """``place`` moved down until it overlaps none of ``others``."""
    taken = list(others)
    while hit := [other for other in taken if other.overlaps(place)]:
        place = place.at_row(max(other.bottom for other in hit))
    return place


def _risen(place: Place, others: Iterable[Place]) -> Place:
    """``place`` moved up until something of ``others`` stops it."""
    taken = list(others)
    while place.y and not any(other.overlaps(place.at_row(place.y - 1)) for other in taken):
        place = place.at_row(place.y - 1)
    return place


def _within(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)
