"""An insight's life as a list of sentences, comments among them, the newest first. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils import timezone

from core import formats
from rules.engine.names import Severity
from rules.models import Insight, InsightChange

type Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened, when, and who did it; ``text`` is a comment's."""

    at: datetime
    who: str
    what: str
    text: str = ""


def entries(insight: Insight, *, names: Mapping[int, str]) -> list[Entry]:
    """The history of an insight whose changes and comments were read with it; ``names`` of people by id."""
    said = {comment.pk: comment.text for comment in insight.comments.all()}
    found = [
        Entry(change.created_at, _who(change), _what(change, names), said.get(change.facts.get("comment_id"), ""))
        for change in insight.changes.all()
    ]
    return found[::-1]


def _who(change: InsightChange) -> str:
    if change.actor is not None:
        return change.actor.name or change.actor.email
    if change.key_name:
        return f"API key {change.key_name}"
    return "TokenOps" if change.actor_kind == InsightChange.ActorKind.SYSTEM else "Somebody who left"


def _what(change: InsightChange, names: Mapping[int, str]) -> str:
    return _WORDS[change.kind](change.facts, names) if change.kind in _WORDS else change.kind


def _assigned(facts: Facts, names: Mapping[int, str]) -> str:
    assignee = facts.get("assignee_id")
    return "assigned it to nobody" if assignee is None else f"assigned it to {names.get(assignee, 'somebody who left')}"


def _muted(facts: Facts, names: Mapping[int, str]) -> str:
    until = timezone.localtime(datetime.fromisoformat(facts["until"]))
    return f"muted it until {formats.absolute_time(until)}"


def _severity(facts: Facts, names: Mapping[int, str]) -> str:
    rank = list(Severity)
    before, after = Severity(facts["before"]), Severity(facts["after"])
    return f"{'raised' if rank.index(after) > rank.index(before) else 'lowered'} its severity to {after}"


def _resolved(facts: Facts, names: Mapping[int, str]) -> str:
    return "resolved it: what the rule looks for is gone" if facts.get("reason") == "gone" else "resolved it by hand"


_WORDS: Final[Mapping[str, Callable[[Facts, Mapping[int, str]], str]]] = {
    "opened": lambda facts, names: "found it",
    "reopened": lambda facts, names: "found it again",
    "acknowledged": lambda facts, names: "acknowledged it",
    "unmuted": lambda facts, names: "unmuted it",
    "commented": lambda facts, names: "commented",
    "muted": _muted,
    "assigned": _assigned,
    "severity": _severity,
    "resolved": _resolved,
}
