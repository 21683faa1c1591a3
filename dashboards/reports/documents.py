"""Reports as JSON for programs: every number exact, money as text in US dollars, null for what is not known."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from core.fields import decimal_text, instant_text
from dashboards.reports import terminal
from dashboards.reports.models import Report, Schedule
from dashboards.reports.numbers import Budget, Day, Forecast, Group, Insight, Numbers, Range, Saving, Sums
from dashboards.reports.spans import Span
from dashboards.reports.timing import Cadence
from dashboards.reports.words import made_by


def report(found: Report) -> dict[str, Any]:
    """What is known of a report without what it says."""
    return {
        "id": found.pk,
        "state": found.state,
        "error": found.error,
        "project": found.project.slug if found.project else None,
        "schedule": found.schedule_id,
        "period": found.span,
        "from": found.first_day.isoformat(),
        "to": found.last_day.isoformat(),
        "sections": found.sections,
        "made_for": made_by(found),
        "pdf_bytes": found.pdf_bytes or None,
        "created_at": instant_text(found.created_at),
        "made_at": instant_text(found.made_at) if found.made_at else None,
    }


def whole_report(found: Report) -> dict[str, Any]:
    said = numbers(Numbers.of_stored(found.numbers)) if found.is_ready else None
    return report(found) | {"report": said}


def schedule(found: Schedule) -> dict[str, Any]:
    return {
        "id": found.pk,
        "name": found.name,
        "cadence": found.cadence,
        "weekday": found.weekday if found.cadence == Cadence.WEEKLY else None,
        "month_day": found.month_day if found.cadence == Cadence.MONTHLY else None,
        "at": found.at.isoformat("minutes"),
        "period": Span(found.span).value,
        "project": found.project.slug if found.project else None,
        "sections": found.sections,
        "channels": sorted(one.channel_id for one in found.recipients.all()),
        "attach_pdf": found.attaches_pdf,
        "active": found.is_active,
        "paused_reason": found.paused_reason,
        "next_at": instant_text(found.next_at) if found.next_at else None,
        "made_for": made_by(found),
        "created_at": instant_text(found.created_at),
    }


def numbers(found: Numbers) -> dict[str, Any]:
    """What a report says. ``text`` is the same for terminals."""
    findings = found.findings
    return {
        "made_at": instant_text(found.made_at),
        "organization": found.organization,
        "project": found.project or None,
        "time_zone": found.zone,
        "from": found.first_day.isoformat(),
        "to": found.last_day.isoformat(),
        "hidden_projects": found.hidden_projects,
        "calls": found.total.calls,
        "cloud_entries": found.resources.entries,
        "llm_spend_usd": _usd(found.total.known_cost_usd),
        "cloud_spend_usd": _usd(found.resources.cost_usd),
        "unpriced_calls": found.total.unpriced_calls,
        "estimated_calls": found.total.estimated_calls,
        "total": _sums(found.total),
        "before": _sums(found.before) if found.before else None,
        "issue_counts": {severity: findings.counts.get(severity, 0) for severity in ("high", "medium", "low")},
        "issues": [_issue(one, found) for one in findings.open],
        "savings": _saving(findings.potential),
        "savings_found": _saving(findings.found),
        "savings_realised": _saving(findings.realised),
        "top_models": [{"provider": one.within, "model": one.name} | _sums(one.sums) for one in found.models.groups],
        "top_features": _named("feature", found.features.groups),
        "teams": _named("team", found.teams.groups),
        "days": [_day(one) for one in found.days],
        "forecast": _forecast(found.forecast) if found.forecast else None,
        "text": terminal.render(found),
    }


def _named(kind: str, groups: Iterable[Group]) -> list[dict[str, Any]]:
    return [{kind: one.name} | _sums(one.sums) for one in groups]


def _sums(sums: Sums) -> dict[str, Any]:
    return {
        "calls": sums.calls,
        "errors": sums.errors,
        "unpriced_calls": sums.unpriced_calls,
        "estimated_calls": sums.estimated_calls,
        "input_tokens": sums.input_tokens,
        "output_tokens": sums.output_tokens,
        "cost_usd": _usd(sums.known_cost_usd),
    }


def _day(one: Day) -> dict[str, Any]:
    return {"day": one.day.isoformat()} | _sums(one.sums)


def _issue(one: Insight, found: Numbers) -> dict[str, Any]:
    return {
        "id": one.id,
        "severity": one.severity,
        "rule": one.rule,
        "team": one.team,
        "project": one.project or None,
        "title": one.title,
        "place": one.place,
        "evidence": one.evidence,
        "saving_month_usd": _usd(one.saving_month_usd),
        "is_upper_bound": one.is_upper_bound,
        "text": terminal.issue(one, found),
    }


def _saving(saving: Saving) -> dict[str, Any]:
    return {
        "month_usd": decimal_text(saving.month_usd),
        "year_usd": decimal_text(saving.year_usd),
        "is_upper_bound": saving.is_upper_bound,
        "insights": saving.insights,
    }


def _forecast(ahead: Forecast) -> dict[str, Any]:
    return {
        "month": ahead.month.isoformat(),
        "spent_usd": _usd(ahead.spent.known_cost_usd),
        "unpriced_calls": ahead.spent.unpriced_calls,
        **_range(ahead.forecast),
        "budgets": [_budget(one) for one in ahead.budgets],
    }


def _range(found: Range | None) -> dict[str, str | None]:
    return {
        "expected": decimal_text(found.expected) if found else None,
        "low": decimal_text(found.low) if found else None,
        "high": decimal_text(found.high) if found else None,
    }


def _budget(one: Budget) -> dict[str, Any]:
    return {
        "name": one.name,
        "counts": "tokens" if one.is_tokens else "cost_usd",
        "period": one.period,
        "limit": decimal_text(one.limit),
        "spent": decimal_text(one.spent),
        "unpriced_calls": one.unpriced_calls,
        "standing": one.standing,
        **_range(one.forecast),
    }


def _usd(value: Decimal | None) -> str | None:
    return None if value is None else decimal_text(value)
