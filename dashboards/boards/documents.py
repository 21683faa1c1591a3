"""A dashboard as a JSON document: what exports hold, imports read and the API speaks. Pure.

Reading is strict and says of every fault where it is. Ids, owners and dates are no part of it, and neither are the
names of projects that whoever reads it may not see.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from dashboards.boards.grid import Place, faults
from dashboards.boards.types import (
    FILTERS,
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_WIDGETS,
    OPENING_RANGES,
    BoardTerms,
    Kind,
    Pairs,
    WidgetTerms,
)
from dashboards.explore.question import Question
from dashboards.filters import Filter

FORMAT: Final = "tokenops.dashboard"
VERSION: Final = 1
HIDDEN: Final = "(hidden)"  # stands for a project that the reader may not see; no slug has parentheses
_MEMBERS: Final = ("format", "version", "name", "description", "range", "filters", "widgets")
_OF_WIDGETS: Final = ("kind", "title", "question", "filters", "text", "place")
_SOME_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)  # filters without a range do not depend on it

type Faults = dict[str, str]


class DocumentError(ValueError):
    """The document cannot be read; ``faults`` say why by place (``widgets.2.question``), '' for the whole."""

    def __init__(self, found: Faults) -> None:
        super().__init__("; ".join(f"{place}: {message}" if place else message for place, message in found.items()))
        self.faults = found


def write(board: BoardTerms, *, hidden: Collection[str] = ()) -> dict[str, Any]:
    """The document of a dashboard for a reader who may not see the projects with the slugs ``hidden``."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "name": board.name,
        "description": board.description,
        "range": board.range or None,
        "filters": _grouped(without(board.filters, hidden)),
        "widgets": [_widget(widget, hidden) for widget in board.widgets],
    }


def without(pairs: Pairs, hidden: Collection[str]) -> Pairs:
    """The same with one placeholder for all projects of ``hidden``."""
    shown = ((name, HIDDEN if name == "project" and value in hidden else value) for name, value in pairs)
    return tuple(dict.fromkeys(shown))


def names_any(board: BoardTerms, slugs: Collection[str]) -> bool:
    """Whether a filter of the dashboard names one of these projects."""
    found = [*board.filters, *(pair for widget in board.widgets for pair in widget.filters)]
    return any(name == "project" and value in slugs for name, value in found)


def read(document: object) -> BoardTerms:
    """What a document describes.

    :raises DocumentError: it is not one, with every fault that was found.
    """
    found: Faults = {}
    members = _object(document, "", _MEMBERS, found)
    if members is None:
        raise DocumentError(found)
    version = members.get("version")
    if members.get("format", FORMAT) != FORMAT or isinstance(version, bool) or version != VERSION:
        raise DocumentError({"version": f"This reads dashboards of the format {FORMAT} in version {VERSION}."})
    board = BoardTerms(
        name=name_of(members.get("name"), "name", found),
        description=_text(members.get("description", ""), "description", LONGEST_DESCRIPTION, found),
        range=_range(members.get("range"), found),
        filters=_filters(members.get("filters", {}), "filters", found),
        widgets=tuple(_widgets(members.get("widgets", []), found)),
    )
    if found:
        raise DocumentError(found)
    return board


def name_of(value: object, place: str, found: Faults) -> str:
    """A usable name, stripped; what is wrong with it goes to ``found``."""
    name = value.strip() if isinstance(value, str) else ""
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        found[place] = f"Use 1 to {LONGEST_NAME} visible characters."
    return name


def question_for(kind: Kind, members: Mapping[str, Any]) -> Question:
    """The question of a widget of this kind; what its kind decides need not be said.

    :raises ValueError: with one sentence that names the field.
    """
    decided: dict[str, Any] = {"shape": str(kind.shape)} | ({} if kind.most_groupings else {"by": []})
    question = Question.from_json(decided | dict(members))
    if question.shape is not kind.shape:
        raise ValueError(f"shape must be {kind.shape} for this kind.")
    if len(question.by) > kind.most_groupings:
        raise ValueError(f"by can name {kind.most_groupings} for this kind.")
    if kind is Kind.DONUT and not question.measures.is_summable:
        raise ValueError("metric must be one whose parts add up to a whole for this kind.")
    return question


def pairs_of(filters: Mapping[str, list[str]]) -> Pairs:
    """(name, value) pairs as the filter bar keeps them.

    :raises ValueError: a value cannot be used, with one sentence.
    """
    chosen = Filter.parse(filters, now=_SOME_DAY, zone=ZoneInfo("UTC"))
    if chosen.problems or len(chosen.narrowed_by) != sum(len(values) for values in filters.values()):
        raise ValueError(next(iter(chosen.problems), "A value is empty, is there twice or is one too many."))
    return chosen.narrowed_by


def _widget(widget: WidgetTerms, hidden: Collection[str]) -> dict[str, Any]:
    place = widget.place
    common: dict[str, Any] = {"kind": str(widget.kind), "title": widget.title}
    if widget.question is None:
        common["text"] = widget.text
    else:
        common |= {"question": widget.question.to_json(), "filters": _grouped(without(widget.filters, hidden))}
    return common | ({"place": {"x": place.x, "y": place.y, "w": place.w, "h": place.h}} if place else {})


def _grouped(pairs: Pairs) -> dict[str, list[str]]:
    return {name: [value for label, value in pairs if label == name] for name in dict(pairs)}


def _object(value: object, place: str, members: tuple[str, ...], found: Faults) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        found[place] = "Must be an object."
        return None
    if value.keys() - set(members):
        found[place] = f"Has a member that is none of {', '.join(members)}."
    return value


def _text(value: object, place: str, longest: int, found: Faults) -> str:
    if not isinstance(value, str) or len(value) > longest or "\0" in value:
        found[place] = f"Must be a text of at most {longest:,} characters."
        return ""
    return value.strip()


def _range(value: object, found: Faults) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or value not in OPENING_RANGES:
        found["range"] = f"Must be one of {', '.join(OPENING_RANGES)}, or null."
        return ""
    return value


def _filters(value: object, place: str, found: Faults) -> Pairs:
    if not isinstance(value, dict) or not value.keys() <= set(FILTERS):
        found[place] = f"Must be an object with lists of values by some of {', '.join(FILTERS)}."
        return ()
    for name, values in value.items():
        if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            found[f"{place}.{name}"] = "Must be a list of texts."
            return ()
    try:
        return pairs_of(value)
    except ValueError as error:
        found[place] = str(error)
        return ()


def _widgets(value: object, found: Faults) -> Iterator[WidgetTerms]:
    if not isinstance(value, list) or len(value) > MOST_WIDGETS:
        found["widgets"] = f"Must be a list of at most {MOST_WIDGETS} widgets."
        return
    for number, one in enumerate(value):
        widget = _read_widget(one, f"widgets.{number}", found)
        if widget is not None:
            yield widget


def _read_widget(value: object, place: str, found: Faults) -> WidgetTerms | None:
    members = _object(value, place, _OF_WIDGETS, found)
    if members is None:
        return None
    if members.get("kind") not in tuple(Kind):
        found[f"{place}.kind"] = f"Must be one of {', '.join(Kind)}."
        return None
    kind = Kind(members["kind"])
    return WidgetTerms(
        kind=kind,
        title=_text(members.get("title", ""), f"{place}.title", LONGEST_NAME, found),
        question=_question(kind, members, place, found),
        filters=_filters(members.get("filters", {}), f"{place}.filters", found),
        text=_text(members.get("text", ""), f"{place}.text", LONGEST_TEXT, found),
        place=_place(members.get("place"), f"{place}.place", found),
    )


def _question(kind: Kind, members: Mapping[str, Any], place: str, found: Faults) -> Question | None:
    question = members.get("question")
    if kind is Kind.TEXT:
        if question is not None:
            found[f"{place}.question"] = "A text has no question."
        return None
    if not isinstance(question, dict):
        found[f"{place}.question"] = "Must be an object: this kind shows the answer to a question."
        return None
    try:
        return question_for(kind, question)
    except ValueError as error:
        found[f"{place}.question"] = str(error)
        return None


def _place(value: object, place: str, found: Faults) -> Place | None:
    if value is None:
        return None
    members = _object(value, place, ("x", "y", "w", "h"), found)
    if members is None:
        return None
    numbers = [members.get(name) for name in ("x", "y", "w", "h")]
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in numbers):
        found[place] = "Must have the whole numbers x, y, w and h."
        return None
    made = Place(*(int(number) for number in numbers if number is not None))
    for name, message in faults(made).items():
        found[f"{place}.{name}"] = message
    return made
