"""Match clauses: the catalogue's small language that says which model ids a card is for."""

import re
from collections.abc import Callable, Mapping
from typing import Any

type Predicate = Callable[[str], bool]

_SIMPLE: Mapping[str, Callable[[str], Predicate]] = {
    "equals": lambda wanted: lambda text: text == wanted,
    "starts_with": lambda wanted: lambda text: text.startswith(wanted),
    "ends_with": lambda wanted: lambda text: text.endswith(wanted),
    "contains": lambda wanted: lambda text: wanted in text,
}


def predicate(clause: Mapping[str, Any]) -> Predicate:
    """A function that tells whether a **lower-cased** text matches; everything but a regex ignores case.

    :raises ValueError: the clause is not of this language.
    """
    name = next(iter(clause)) if len(clause) == 1 else ""
    value: Any = clause.get(name)
    if name in {"or", "and"}:
        parts = [predicate(part) for part in value]
        every = all if name == "and" else any
        return lambda text: every(part(text) for part in parts)
    if name == "regex":
        search = re.compile(value).search
        return lambda text: search(text) is not None
    if name in _SIMPLE:
        return _SIMPLE[name](value.lower())
    raise ValueError("a match clause has exactly one of equals, starts_with, ends_with, contains, regex, or, and")


def literals(clause: Mapping[str, Any]) -> list[str]:
    """The lower-cased texts the clause matches by equality alone."""
    if "equals" in clause:
        return [clause["equals"].lower()]
    return [literal for part in clause.get("or", ()) for literal in literals(part)]


def without_literals(clause: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is left of the clause when ``literals`` are looked up in a dictionary, or None when nothing is."""
    if "equals" in clause:
        return None
    if "or" not in clause:
        return dict(clause)
    rest = [left for part in clause["or"] if (left := without_literals(part)) is not None]
    return {"or": rest} if rest else None


def has_regex(clause: Mapping[str, Any]) -> bool:
    """Whether a regular expression is inside: allowed in the catalogue's clauses, never in a tenant's."""
    return "regex" in clause or any(has_regex(part) for part in (*clause.get("or", ()), *clause.get("and", ())))
