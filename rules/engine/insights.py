"""What a rule found: whose it is, how bad, by which numbers, and the calls that prove it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from rules.engine.days import Window
from rules.engine.names import Rule, Severity
from rules.engine.savings import Saving

OTHER: Final = "(other)"  # stands in rollups for values that are not kept apart; no filter finds its calls again

type Number = int | Decimal


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the evidence: ``value`` of ``unit``, and by what comparison with ``against`` the rule fired."""

    name: str
    value: Number
    unit: str
    comparison: str = ""
    against: Number | None = None


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls add up to the evidence: filters of ``ingestion.call_log``, within [since, until).

    ``project_id`` None is every project of the organization.
    """

    since: datetime
    until: datetime
    filters: tuple[tuple[str, tuple[str, ...]], ...]
    project_id: int | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A part of the evidence that is listed: a prompt's hash, a day of a chart."""

    name: str
    value: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The numbers behind an insight. ``calls`` is None where it is not calls that prove it (memory samples)."""

    window: Window
    figures: tuple[Figure, ...]
    calls: CallFilter | None = None
    items: tuple[Item, ...] = ()
    more_items: int = 0

    def figure(self, name: str) -> Figure:
        """:raises KeyError: there is no such figure."""
        for one in self.figures:
            if one.name == name:
                return one
        raise KeyError(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Insight:
    """A finding. ``subject`` are the columns the rule has one insight per, in the catalogue's order."""

    rule: Rule
    project_id: int | None
    subject: tuple[tuple[str, str], ...]
    severity: Severity
    evidence: Evidence
    team: str = ""
    saving: Saving | None = None

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.rule, self.project_id, self.subject)

    def column(self, name: str) -> str:
        """A column of the subject; '' where the rule does not tell its insights apart by it."""
        return dict(self.subject).get(name, "")


def fingerprint(rule: Rule, project_id: int | None, subject: tuple[tuple[str, str], ...]) -> str:
    """SHA-256 of rule, project and the columns there is one insight per: equal is the same insight."""
    parts = [rule.value, project_id, *(value for _, value in subject)]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


def evidence_json(evidence: Evidence) -> dict[str, Any]:
    """The evidence as JSON: exact numbers as text, moments in UTC."""
    return {
        "window": _window(evidence.window.since, evidence.window.until) | {"days": evidence.window.days},
        "figures": [_figure(figure) for figure in evidence.figures],
        "calls": _calls(evidence.calls),
        "items": [{"name": item.name, "value": _number(item.value)} for item in evidence.items],
        "more_items": evidence.more_items,
    }


def evidence_of(document: Mapping[str, Any]) -> Evidence:
    """The evidence that ``evidence_json`` was given."""
    calls = document["calls"]
    return Evidence(
        window=Window(*_moments(document["window"]), document["window"]["days"]),
        figures=tuple(_figure_of(figure) for figure in document["figures"]),
        calls=None if calls is None else _calls_of(calls),
        items=tuple(Item(item["name"], _number_of(item["value"])) for item in document["items"]),
        more_items=document["more_items"],
    )


def _moments(window: Mapping[str, str]) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(window["since"]), datetime.fromisoformat(window["until"])


def _figure_of(figure: Mapping[str, Any]) -> Figure:
    against = figure["against"]
    return Figure(
        figure["name"],
        _number_of(figure["value"]),
        figure["unit"],
        figure["comparison"],
        None if against is None else _number_of(against),
    )


def _calls_of(calls: Mapping[str, Any]) -> CallFilter:
    filters = tuple((name, tuple(values)) for name, values in calls["filters"].items())
    return CallFilter(*_moments(calls), filters, calls["project_id"])


def _number_of(value: int | str) -> Number:
    return value if isinstance(value, int) else Decimal(value)


def _calls(calls: CallFilter | None) -> dict[str, Any] | None:
    if calls is None:
        return None
    filters = {name: list(values) for name, values in calls.filters}
    return {**_window(calls.since, calls.until), "project_id": calls.project_id, "filters": filters}


def _window(since: datetime, until: datetime) -> dict[str, Any]:
    return {"since": since.isoformat(), "until": until.isoformat()}


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "value": _number(figure.value),
        "unit": figure.unit,
        "comparison": figure.comparison,
        "against": None if figure.against is None else _number(figure.against),
    }


def _number(value: Number) -> int | str:
    return value if isinstance(value, int) else f"{value:f}"
