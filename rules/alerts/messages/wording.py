"""The words of each kind of event, from its facts. Facts are read with tolerance: one that is missing is left out.

An insight brings its own words, because alerts know no rules: ``title`` (what happened), ``summary``, ``figures`` (a
list of ``label``, ``value`` and ``normal``, ready to read), ``advice`` (what to do) and ``saving_usd_month``; its end
has a ``reason``, ``gone`` or ``by hand``.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from core import formats
from rules.alerts.messages.message import Facts, Figure, Message, Origin, clip

_SCOPES: Final = {"ingest": "send telemetry", "read": "read", "manage": "change settings", "gateway": "use the gateway"}
_REASONS: Final = {"gone": "What the rule looks for is not there any more.", "by hand": "Somebody resolved it."}
_MOST_CHANGES: Final = 4


def write(origin: Origin, *, note: str = "") -> Message:
    """The message about an event; a kind that nobody wrote words for still says what is known."""
    message = _WRITERS.get(origin.kind, _unknown)(origin)
    return Message(
        origin=origin,
        title=message.title,
        summary=message.summary,
        figures=message.figures,
        advice=message.advice,
        is_over=message.is_over,
        note=note,
    ).bounded()


# --- Insights ---


def _insight(origin: Origin) -> Message:
    facts = origin.facts
    title = _text(facts, "title") or f"{_rule_name(origin)}: an insight opened"
    if origin.kind == "insight.reopened":
        title = f"Again: {title}"
    return Message(
        origin=origin,
        title=title,
        summary=_text(facts, "summary"),
        figures=[*_figures(facts), *_saving(facts)],
        advice=_text(facts, "advice") or "Open the insight to see its evidence and what to do.",
    )


def _resolved(origin: Origin) -> Message:
    title = _text(origin.facts, "title") or _rule_name(origin)
    return Message(
        origin=origin,
        title=f"Resolved: {title}",
        summary=_text(origin.facts, "summary") or _REASONS.get(_text(origin.facts, "reason"), _REASONS["gone"]),
        figures=_figures(origin.facts),
        advice="Nothing is to be done.",
        is_over=True,
    )


def _rule_name(origin: Origin) -> str:
    return clip(origin.rule or origin.facts.get("rule") or "Insight").replace("_", " ").capitalize()


def _figures(facts: Facts) -> list[Figure]:
    found = facts.get("figures")
    rows = found if isinstance(found, list) else []
    return [
        Figure(_text(row, "label"), _text(row, "value"), _text(row, "normal"))
        for row in rows
        if isinstance(row, dict) and "label" in row and "value" in row
    ]


def _saving(facts: Facts) -> Iterator[Figure]:
    saving = _number(facts, "saving_usd_month")
    if saving is not None:
        yield Figure("Possible saving", f"{formats.usd(saving)} a month", "")


# --- Budgets and quotas ---


def _budget(origin: Origin) -> Message:
    facts = origin.facts
    name, reached = _text(facts, "name") or "A budget", _percentage(facts, "percent")
    spent, limit = _amount(facts, "spent"), _amount(facts, "limit")
    figures = [
        Figure("Spent", spent, f"limit {limit}" if limit else ""),
        Figure("Threshold", _percentage(facts, "threshold"), ""),
        Figure("Forecast for the period", _amount(facts, "forecast"), ""),
        Figure("Unpriced calls, not included", _count(facts, "unpriced_calls"), ""),
    ]
    return Message(
        origin=origin,
        title=f"Budget “{name}” is at {reached}" if reached else f"Budget “{name}” reached a threshold",
        summary=_join("Period:", _text(facts, "period")),
        figures=[figure for figure in figures if figure.value and figure.value != "0"],
        advice="Open the budget to see what it is spent on; lower the traffic or raise the limit.",
    )


def _quota(origin: Origin) -> Message:
    facts = origin.facts
    percent = _number(facts, "percent") or Decimal(0)
    is_used_up = percent >= 100  # noqa: PLR2004 - all of it
    return Message(
        origin=origin,
        title="The monthly quota of events is used up"
        if is_used_up
        else f"{percent:f}% of the monthly quota of events is used",
        summary="Further events are refused until the month is over." if is_used_up else "",
        figures=[Figure("Events this month", _count(facts, "events"), f"quota {_count(facts, 'quota')}")],
        advice="Ask whoever runs this installation for more, or send less: sample, or switch off what nobody reads.",
    )


def _spool(origin: Origin) -> Message:
    facts = origin.facts
    used, most = _number(facts, "used_bytes"), _number(facts, "limit_bytes")
    figures = []
    if used is not None:
        limit = f"limit {formats.megabytes(most / 1_048_576)}" if most else ""
        figures.append(Figure("Waiting on disk", formats.megabytes(used / 1_048_576), limit))
    return Message(
        origin=origin,
        title="The gateway’s spool is filling up",
        summary="Calls are written to disk faster than they are stored.",
        figures=figures,
        advice="Look whether the edge process runs and reaches the database. Nothing is lost until the spool is full.",
    )


# --- API keys ---


def _key_created(origin: Origin) -> Message:
    return _key(origin, "was created", "If nobody of you meant this, revoke the key and look into the audit log.")


def _key_rotated(origin: Origin) -> Message:
    until = _moment(origin.facts, "until")
    advice = "Bring the new key to everything that uses the old one"
    return _key(origin, "is being replaced", f"{advice}, until {until}." if until else f"{advice}.")


def _key_revoked(origin: Origin) -> Message:
    return _key(origin, "was revoked", "Whatever still uses it is refused: give it another key.")


def _key_expiring(origin: Origin) -> Message:
    days = _number(origin.facts, "days")
    soon = "expires soon" if days is None else f"expires within {formats.count(days)} {'day' if days == 1 else 'days'}"
    message = _key(origin, soon, "Replace it before then: both keys work for a while.")
    expires = Figure("Expires", _moment(origin.facts, "expires_at"), "")
    return Message(origin=origin, title=message.title, figures=[*message.figures, expires], advice=message.advice)


def _key(origin: Origin, what: str, advice: str) -> Message:
    facts = origin.facts
    scopes = facts.get("scopes")
    may = ", ".join(_SCOPES.get(str(scope), clip(scope, 30)) for scope in scopes) if isinstance(scopes, list) else ""
    figures = [
        Figure("Key", f"tko_{_text(facts, 'prefix')}…" if facts.get("prefix") else "", ""),
        Figure("May", may, ""),
    ]
    return Message(
        origin=origin,
        title=f"API key “{_text(facts, 'name')}” {what}",
        figures=[figure for figure in figures if figure.value],
        advice=advice,
    )


# --- Prices and channels ---


def _catalogue(origin: Origin) -> Message:
    facts = origin.facts
    models = _number(facts, "models")
    changes = facts.get("changes")
    rows = changes if isinstance(changes, list) else []
    figures = [
        Figure(_join(_text(row, "provider"), _text(row, "model")), "; ".join(map(clip, _list(row, "what")[:2])), "")
        for row in rows[:_MOST_CHANGES]
        if isinstance(row, dict)
    ]
    how_many = f"{formats.count(models)} {'model' if models == 1 else 'models'}" if models else "models"
    return Message(
        origin=origin,
        title=f"Prices changed for {how_many} that you use",
        summary=_join("Catalogue version", _text(facts, "version")) if facts.get("version") else "",
        figures=[figure for figure in figures if figure.label and figure.value],
        advice="Calls from now on cost the new price. Where your contract says otherwise, enter your own price.",
    )


def _channel(origin: Origin) -> Message:
    facts = origin.facts
    return Message(
        origin=origin,
        title=f"The channel “{_text(facts, 'name')}” was turned off",
        summary=_text(facts, "reason"),
        figures=[Figure("Messages given up in a row", _count(facts, "failures"), "")] if facts.get("failures") else [],
        advice="Correct its settings, send a test and turn it on again: until then nobody is told there.",
    )


def _report(origin: Origin) -> Message:
    return Message(
        origin=origin,
        title=f"The report “{_text(origin.facts, 'name')}” could not be sent",
        summary=_text(origin.facts, "reason"),
        advice="Open its schedule, correct what is said there and send it, or resume it if it is paused.",
    )


def _unknown(origin: Origin) -> Message:
    return Message(
        origin=origin, title=_text(origin.facts, "title") or clip(origin.kind), summary=_text(origin.facts, "summary")
    )


_WRITERS: Final[dict[str, Callable[[Origin], Message]]] = {
    "insight.opened": _insight,
    "insight.reopened": _insight,
    "insight.resolved": _resolved,
    "budget.threshold": _budget,
    "quota.reached": _quota,
    "gateway.spool_filling": _spool,
    "key.created": _key_created,
    "key.rotated": _key_rotated,
    "key.revoked": _key_revoked,
    "key.expiring": _key_expiring,
    "catalogue.changed": _catalogue,
    "channel.disabled": _channel,
    "report.not_sent": _report,
}


# --- Facts, whatever they hold ---


def _text(facts: Facts, name: str) -> str:
    value = facts.get(name)
    return "" if value is None or isinstance(value, dict | list) else clip(value, 600)


def _list(facts: Facts, name: str) -> list[Any]:
    value = facts.get(name)
    return value if isinstance(value, list) else []


def _number(facts: Facts, name: str) -> Decimal | None:
    value = facts.get(name)
    if value is None or isinstance(value, bool | dict | list):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 30 else None  # noqa: PLR2004 - no such amounts


def _count(facts: Facts, name: str) -> str:
    number = _number(facts, name)
    return "" if number is None else formats.count(number)


def _percentage(facts: Facts, name: str) -> str:
    number = _number(facts, name)
    return "" if number is None else formats.percent(number / 100)


def _amount(facts: Facts, name: str) -> str:
    """Money, or tokens where the facts say that it is about tokens."""
    number = _number(facts, name)
    if number is None:
        return ""
    return f"{formats.tokens(number)} tokens" if facts.get("metric") == "tokens" else formats.usd(number)


def _moment(facts: Facts, name: str) -> str:
    try:
        moment = datetime.fromisoformat(str(facts.get(name)))
    except ValueError:
        return ""
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _join(*parts: str) -> str:
    return " ".join(part for part in parts if part)
