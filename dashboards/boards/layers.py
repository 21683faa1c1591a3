"""Filters on top of each other: a dashboard's, a widget's own, and what whoever looks has chosen. Pure."""

from collections.abc import Collection, Iterable, Sequence

from dashboards.boards.types import Pairs
from dashboards.filters import LABELS


def combined(layers: Sequence[Pairs]) -> Pairs | None:
    """The pairs that keep just what every layer keeps; None where no call can be in all of them.

    Several values of one name in a layer are alternatives, so a second layer leaves those that both have.
    """
    kept: dict[str, list[str]] = {}
    for layer in layers:
        for name in dict(layer):
            values = [value for label, value in layer if label == name]
            kept[name] = [value for value in kept.get(name, values) if value in values]
    if not all(kept.values()):
        return None
    return tuple((name, value) for name in LABELS for value in kept.get(name, ()))


def projects_of(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """The slugs of projects that the pairs name."""
    return [value for name, value in pairs if name == "project"]


def missing(pairs: Iterable[tuple[str, str]], visible: Collection[str]) -> tuple[int, int]:
    """How many projects the pairs name that are not ``visible``, and how many they name at all."""
    named = projects_of(pairs)
    return sum(slug not in visible for slug in named), len(named)
