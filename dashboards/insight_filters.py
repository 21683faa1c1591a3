"""Which insights a page shows, read from its query string and written back to it: pure, and never an error page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlencode

from rules.engine.names import Rule, Severity
from rules.engine.thresholds import CATALOGUE

NONE: Final = "(none)"  # how a URL says "has no team"
STATUSES: Final[dict[str, str]] = {
    "open": "Open",
    "acknowledged": "Acknowledged",
    "muted": "Muted",
    "resolved": "Resolved",
}
SEVERITIES: Final[dict[str, str]] = {severity.value: severity.capitalize() for severity in reversed(Severity)}
RULES: Final[dict[str, str]] = {rule.value: CATALOGUE[rule].title for rule in Rule}
# What can be chosen; each may have several values, any of which matches.
FACETS: Final[dict[str, str]] = {
    "status": "Status",
    "severity": "Severity",
    "rule": "Rule",
    "project": "Project",
    "team": "Team",
    "assignee": "Assigned to",
}
DEFAULT_STATUSES: Final = ("open", "acknowledged")
EVERY_STATUS: Final = tuple(STATUSES)
# Shortcuts above the list: what to show, by which statuses.
VIEWS: Final[dict[str, tuple[str, ...]]] = {
    "Open": DEFAULT_STATUSES,
    "Muted": ("muted",),
    "Resolved": ("resolved",),
    "All": EVERY_STATUS,
}
ME: Final = "me"
_CHOICES: Final[dict[str, Iterable[str]]] = {
    "status": STATUSES, "severity": SEVERITIES, "rule": RULES, "assignee": (ME,)
}  # fmt: skip
_MOST_VALUES, _LONGEST_VALUE = 50, 255
TEXT: Final = "q"

type Query = Mapping[str, Iterable[str]]


@dataclass(frozen=True, slots=True)
class InsightQuery:
    """Chosen values by name of ``FACETS``, in its order, and a ``text``. ``problems`` say what was left out."""

    chosen: tuple[tuple[str, tuple[str, ...]], ...] = ()
    text: str = ""
    problems: tuple[str, ...] = ()

    @classmethod
    def parse(cls, query: Query) -> Self:
        """Read a query string (name to its values). What cannot be used becomes a problem."""
        chosen, problems = [], []
        for name, label in FACETS.items():
            given = _texts(query.get(name, ()))
            usable = tuple(value for value in given if value in _CHOICES.get(name, given))[:_MOST_VALUES]
            if len(usable) < len(given):
                problems.append(f"The {label.lower()} filter has values that do not exist; they were left out.")
            if usable and not (name == "status" and set(usable) == set(DEFAULT_STATUSES)):
                chosen.append((name, usable))
        return cls(tuple(chosen), next(iter(_texts(query.get(TEXT, ()))), ""), tuple(problems))

    def values(self, name: str) -> tuple[str, ...]:
        return dict(self.chosen).get(name, ())

    @property
    def statuses(self) -> tuple[str, ...]:
        return self.values("status") or DEFAULT_STATUSES

    @property
    def view(self) -> str:
        """The one of ``VIEWS`` this is; '' for other statuses."""
        return next((name for name, statuses in VIEWS.items() if set(statuses) == set(self.statuses)), "")

    @property
    def is_narrowed(self) -> bool:
        """Whether it asks for more than a status."""
        return bool(self.text) or any(name != "status" for name, _ in self.chosen)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The canonical query string as pairs; parsing it again gives the same."""
        found = [(name, value) for name, values in self.chosen for value in values]
        return [*found, (TEXT, self.text)] if self.text else found

    def with_statuses(self, statuses: Sequence[str]) -> Self:
        kept = [pair for pair in self.pairs if pair[0] != "status"]
        return self._of([*(("status", status) for status in statuses), *kept])

    def without(self, name: str, value: str) -> Self:
        return self._of([pair for pair in self.pairs if pair != (name, value)])

    def without_all(self, name: str) -> Self:
        return self._of([pair for pair in self.pairs if pair[0] != name])

    def cleared(self) -> Self:
        """Only the statuses."""
        return self._of([pair for pair in self.pairs if pair[0] == "status"])

    def address(self, path: str, *more: tuple[str, str]) -> str:
        """The page at ``path`` narrowed to this."""
        query = urlencode([*self.pairs, *more])
        return f"{path}?{query}" if query else path

    def _of(self, pairs: Iterable[tuple[str, str]]) -> Self:
        query: dict[str, list[str]] = {}
        for name, value in pairs:
            query.setdefault(name, []).append(value)
        return self.parse(query)


def shown(name: str, value: str) -> str:
    """A chosen value as people read it."""
    words = {"status": STATUSES, "severity": SEVERITIES, "rule": RULES, "assignee": {ME: "Me"}}
    return words.get(name, {}).get(value, "None" if value == NONE else value)


def _texts(values: Iterable[str]) -> list[str]:
    found = dict.fromkeys(text for value in values if (text := value.strip()))
    return [text for text in found if len(text) <= _LONGEST_VALUE and "\0" not in text]
