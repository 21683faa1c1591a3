"""Writes down what an evaluation found: insights open, change, end and come again, each step with its history.

Everything happens in the transaction of the evaluation, whose caller holds the cursor's lock: two workers never
write the same finding twice.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet

from core.fields import decimal_text
from rules import news
from rules.engine import insights as engine
from rules.engine import savings
from rules.engine.names import Rule
from rules.models import Insight, InsightChange
from tenants.models import Organization, Project

Status = Insight.Status
GONE = "gone"  # why an insight ended by itself: what the rule looks for is not there any more


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many insights an evaluation opened, opened again, ended, and found as they were."""

    opened: int = 0
    reopened: int = 0
    resolved: int = 0
    still: int = 0

    def plus(self, step: str) -> "Outcome":
        counts = {name: getattr(self, name) for name in ("opened", "reopened", "resolved", "still")}
        return Outcome(**counts | {step: counts[step] + 1})


def store(
    *,
    organization: Organization,
    project: Project | None,
    rules: Iterable[Rule],
    found: Sequence[engine.Insight],
    now: datetime,
) -> Outcome:
    """Make the insights of ``project`` (None: of the organization's budgets) and ``rules`` what was ``found``."""
    fingerprints = [one.fingerprint for one in found]
    known = {insight.fingerprint: insight for insight in _known(organization, project, rules, fingerprints)}
    outcome = Outcome()
    for one in found:
        insight = known.pop(one.fingerprint, None)
        outcome = outcome.plus(_take(organization, insight, one, now) if insight else _open(organization, one, now))
    for insight in known.values():
        outcome = outcome.plus(_gone(organization, insight, now))
    return outcome


def _known(
    organization: Organization, project: Project | None, rules: Iterable[Rule], fingerprints: Sequence[str]
) -> QuerySet[Insight]:
    """What may have to change, locked in one order: never all that ever ended."""
    of_project = Q(project=project) if project else Q()
    moving = Q(is_firing=True) | ~Q(status=Status.RESOLVED) | Q(fingerprint__in=fingerprints)
    found = Insight.objects.filter(
        of_project, moving, organization=organization, rule__in=[rule.value for rule in rules]
    )
    return found.select_for_update(of=("self",)).select_related("project", "budget").order_by("pk")


def _open(organization: Organization, found: engine.Insight, now: datetime) -> str:
    insight = Insight(
        organization=organization,
        project_id=found.project_id,
        budget_id=int(found.column("budget")) if found.column("budget") else None,
        rule=found.rule.value,
        fingerprint=found.fingerprint,
        subject=dict(found.subject),
        first_seen_at=now,
        opened_at=now,
        feature=found.column("feature"),
        provider=found.column("provider"),
        model=found.column("model"),
        resource=found.column("resource"),
        **_numbers(found, now),
    )
    insight.save()
    _note(insight, "opened", now, severity=insight.severity)
    news.tell_found(organization=organization, insight=insight, found=found, kind=news.OPENED)
    return "opened"


def _take(organization: Organization, insight: Insight, found: engine.Insight, now: datetime) -> str:
    """The insight with newer numbers; what ended and came back opens again."""
    is_back = insight.is_resolved and _is_news(insight, found)
    before = insight.severity
    for name, value in _numbers(found, now).items():
        setattr(insight, name, value)
    if is_back:
        _reopen(organization, insight, found, now)
    elif insight.status == Status.MUTED and insight.muted_until and insight.muted_until <= now:
        insight.status, insight.muted_until = Status.OPEN, None
        _note(insight, "unmuted", now)
    if insight.severity != before and not is_back:
        _note(insight, "severity", now, before=before, after=insight.severity)
    insight.save()
    return "reopened" if is_back else "still"


def _is_news(insight: Insight, found: engine.Insight) -> bool:
    """Whether it came back after its end: it was gone in between, or all of its window is later.

    Who resolves by hand what is still in the window is not told the same again a minute later.
    """
    if not insight.is_firing or insight.resolved_at is None:
        return True
    return found.evidence.window.since >= insight.resolved_at


def _reopen(organization: Organization, insight: Insight, found: engine.Insight, now: datetime) -> None:
    is_muted = insight.muted_until is not None and insight.muted_until > now
    insight.status = Status.MUTED if is_muted else Status.OPEN
    insight.muted_until = insight.muted_until if is_muted else None
    insight.resolved_at, insight.opened_at = None, now
    insight.times_reopened += 1
    _note(insight, "reopened", now, severity=insight.severity)
    if not is_muted:
        news.tell_found(organization=organization, insight=insight, found=found, kind=news.REOPENED)


def _gone(organization: Organization, insight: Insight, now: datetime) -> str:
    insight.is_firing = False
    was_open = not insight.is_resolved
    if was_open:
        insight.status, insight.resolved_at = Status.RESOLVED, now
        _note(insight, "resolved", now, reason=GONE)
        news.tell_resolved(organization=organization, insight=insight, reason=GONE)
    insight.save(update_fields=["is_firing", "status", "resolved_at"])
    return "resolved" if was_open else "still"


def _numbers(found: engine.Insight, now: datetime) -> dict[str, Any]:
    """The columns that every evaluation writes anew."""
    saving = found.saving or savings.unknown("")
    return {
        "team": found.team,
        "severity": found.severity.value,
        "is_firing": True,
        "last_seen_at": now,
        "evidence": engine.evidence_json(found.evidence),
        "window_days": found.evidence.window.days,
        "saving_window_usd": saving.window_usd,
        "saving_month_usd": saving.month_usd,
        "saving_year_usd": saving.year_usd,
        "saving_is_upper_bound": saving.is_upper_bound,
        "saving_note": saving.note,
        "saving_prices": [_price(price) for price in saving.prices[:_MOST_PRICES]],
        "saving_parts": _parts(saving, found.evidence.window.days),
    }


_MOST_PRICES = 20
_MOST_PARTS_BYTES = 24_000  # names may be long; the database takes 32 KB


def _price(price: savings.Price) -> dict[str, str | None]:
    return {
        "model": price.model,
        "input_usd": _text(price.input_usd),
        "output_usd": _text(price.output_usd),
        "cached_input_usd": _text(price.cached_input_usd),
    }


def _parts(saving: savings.Saving, days: int) -> list[dict[str, str]]:
    """Where a month's saving is made, the largest first; many small ones would make a row without an end."""
    parts: list[dict[str, str]] = []
    size = 0
    for part in sorted(saving.parts, key=lambda part: (-part.window_usd, part.where)):
        written = {
            "team": part.where.team,
            "feature": part.where.feature,
            "provider": part.where.model.provider,
            "model": part.where.model.key,
            "month_usd": decimal_text(savings.month_of(part.window_usd, days)),
        }
        size += len(json.dumps(written, ensure_ascii=False).encode())
        if size > _MOST_PARTS_BYTES:
            break
        parts.append(written)
    return parts


def _text(value: Decimal | None) -> str | None:
    return None if value is None else decimal_text(value)


def _note(insight: Insight, kind: str, now: datetime, **facts: object) -> None:
    InsightChange.objects.create(
        organization_id=insight.organization_id, insight=insight, kind=kind, facts=facts, created_at=now
    )
