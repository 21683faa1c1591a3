"""What passed, counted from the records of calls: one line a project, hour and provider. Pure."""

from collections import Counter
from datetime import datetime
from typing import Final, NamedTuple

from gateway.types import End, Outcome

_TOO_MANY, _FIRST_CLIENT_ERROR, _FIRST_SERVER_ERROR = 429, 400, 500
_WITHIN_MS: Final = (1, 5, 25, 100)
_OUTCOMES: Final = {
    Outcome.UNREACHABLE: "unreachable",
    Outcome.TIMEOUT: "timeouts",
    Outcome.BROKEN: "broken",
    Outcome.CLIENT_LEFT: "client_left",
    Outcome.INTERRUPTED: "interrupted",
}
COLUMNS: Final = (
    *("requests", "calls", "written", "client_errors", "throttled", "server_errors"),
    *_OUTCOMES.values(),
    "added_us",
    *(f"within_{limit}_ms" for limit in _WITHIN_MS),
)


class Place(NamedTuple):
    """The row that something is counted in."""

    organization_id: int
    hour: datetime
    project_id: int
    provider: str


class Counts:
    """Sums by place and column."""

    def __init__(self) -> None:
        self.of: dict[Place, Counter[str]] = {}

    def began(self, place: Place, *, is_call: bool) -> None:
        self._add(place, "requests")
        if is_call:
            self._add(place, "calls")

    def ended(self, place: Place, end: End) -> None:
        column = _OUTCOMES.get(end.outcome) or _status_column(end.http_status)
        if column:
            self._add(place, column)
        if end.outcome is Outcome.INTERRUPTED:
            return
        self._add(place, "added_us", end.added_us)
        for limit in _WITHIN_MS:
            if end.added_us <= limit * 1_000:
                self._add(place, f"within_{limit}_ms")

    def written(self, place: Place, calls: int) -> None:
        if calls:
            self._add(place, "written", calls)

    def rows(self) -> list[tuple[object, ...]]:
        """Place and columns, in the order in which every process locks them."""
        return [(*place, *(self.of[place][column] for column in COLUMNS)) for place in sorted(self.of)]

    def _add(self, place: Place, column: str, by: int = 1) -> None:
        self.of.setdefault(place, Counter())[column] += by


def _status_column(status: int) -> str:
    if status == _TOO_MANY:
        return "throttled"
    if status >= _FIRST_SERVER_ERROR:
        return "server_errors"
    return "client_errors" if status >= _FIRST_CLIENT_ERROR else ""
