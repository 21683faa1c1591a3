"""Realised savings: the formula at its edges, and measured on stored calls."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.scope import org_scope
from dashboards.executive.month import Month
from dashboards.executive.realised import Claim, Measured, Realised, claims, realised, saved, total
from dashboards.tests.factories import make_rollup
from rules.models import Insight
from tenants.models import Organization, Project

NOW = datetime(2026, 7, 14, 10, tzinfo=UTC)
JULY = Month(date(2026, 7, 1), NOW, ZoneInfo("UTC"))


def claim(month_usd: str = "30", days: int = 10, **more: Any) -> Claim:
    given: dict[str, Any] = {"insight_id": 1, "project_id": 1, "team": "red", "feature": "chat"} | more
    after = date(2026, 7, 1), date(2026, 7, days)
    return Claim(month_usd=Decimal(month_usd), before=(date(2026, 5, 1), date(2026, 5, 30)), after=after, **given)


def measured(before: str, before_calls: int, after: str, after_calls: int) -> Measured:
    return Measured(Decimal(before), before_calls, Decimal(after), after_calls)


@pytest.mark.parametrize(
    ("found", "amount"),
    [
        (measured("100", 100, "45", 50), "5"),  # 1 → 0.90 a call, 50 calls
        (measured("100", 100, "40", 50), "10"),  # exactly the estimate of ten days: 30 × 10 ÷ 30
        (measured("100", 100, "10", 50), "10"),  # more than was estimated: not more than that
        (measured("100", 100, "50", 50), "0"),  # half the calls at the same price save nothing
        (measured("100", 100, "90", 50), "0"),  # dearer than before
        (measured("0", 0, "1", 50), "0"),  # nothing to compare with
        (measured("100", 100, "0", 0), "0"),  # nothing came afterwards
    ],
)
def test_what_a_place_saved(found: Measured, amount: str) -> None:
    assert saved(claim(), found) == Decimal(amount)


def test_one_cost_is_saved_once() -> None:
    both = [claim(insight_id=1), claim("60", insight_id=2), claim(insight_id=3, feature="search")]
    found = [measured("100", 100, "35", 50)] * 2 + [measured("100", 100, "49", 50)]

    assert total(both, found) == Realised(Decimal(16), 2)  # 15 of the larger estimate, and 1 elsewhere


def insight(project: Project, *, resolved_at: datetime | None, **more: Any) -> Insight:
    parts = [
        {"team": "red", "feature": "chat", "provider": "openai", "model": name, "month_usd": amount}
        for name, amount in (("gpt-4o", "20"), ("gpt-5", "10"))
    ]
    given: dict[str, Any] = {
        "organization_id": project.organization_id,
        "project": project,
        "rule": "MODEL_DOWNGRADE",
        "severity": "low",
        "fingerprint": str(more.get("fingerprint", "f")),
        "evidence": {},
        "window_days": 7,
        "status": "resolved" if resolved_at else "open",
        "resolved_at": resolved_at,
        "is_firing": False,
        "saving_month_usd": Decimal(30),
        "saving_parts": parts,
    }
    return Insight(**given | more)


def test_the_days_before_end_when_the_rule_began_to_see_nothing(acme_project: Project) -> None:
    (found,) = claims([insight(acme_project, resolved_at=datetime(2026, 7, 9, 12, tzinfo=UTC))], JULY)

    assert found.before == (date(2026, 6, 3), date(2026, 7, 2))
    assert found.after == (date(2026, 7, 10), date(2026, 7, 14))
    assert (found.place, found.month_usd) == ((acme_project.pk, "red", "chat"), Decimal(30))


def test_of_an_earlier_insight_only_the_months_own_days_count(acme_project: Project) -> None:
    (found,) = claims([insight(acme_project, resolved_at=datetime(2026, 3, 9, tzinfo=UTC))], JULY)

    assert found.after == (date(2026, 7, 1), date(2026, 7, 14))


@pytest.mark.parametrize("resolved_at", [None, NOW])
def test_what_is_open_or_was_resolved_today_claims_nothing_yet(
    acme_project: Project, resolved_at: datetime | None
) -> None:
    assert claims([insight(acme_project, resolved_at=resolved_at)], JULY) == []


@pytest.fixture
def cheaper(acme: Organization, acme_project: Project) -> Project:
    """A call costs 2 dollars until June, by an expensive model, and 1.90 in July, by a cheap one."""
    with org_scope(acme.pk):
        dear = {"team": "red", "feature": "chat", "model_key": "gpt-4o"}
        make_rollup(acme_project, date(2026, 6, 20), calls=10, cost_usd=Decimal(20), **dear)
        make_rollup(acme_project, date(2026, 7, 10), calls=11, unpriced_calls=1, cost_usd=Decimal(19), **dear)
        make_rollup(acme_project, date(2026, 7, 10), calls=5, cost_usd=Decimal(500), team="blue", feature="chat")
    return acme_project


@pytest.mark.parametrize(
    ("changes", "amount", "insights"),
    [
        ({}, "1", 1),
        ({"is_firing": True}, "0", 0),  # closed by hand, found again
        ({"status": "open", "resolved_at": None}, "0", 0),
        ({"saving_month_usd": None}, "0", 0),
        ({"resolved_at": datetime(2025, 7, 31, tzinfo=UTC)}, "0", 0),  # more than a year ago
        ({"resolved_at": datetime(2026, 8, 1, tzinfo=UTC)}, "0", 0),  # later than the month
    ],
)
def test_only_resolved_insights_have_saved_something(
    acme: Organization, cheaper: Project, changes: dict[str, Any], amount: str, insights: int
) -> None:
    with org_scope(acme.pk):
        insight(cheaper, **{"resolved_at": datetime(2026, 7, 1, 12, tzinfo=UTC)} | changes).save()

        found = realised(organization=acme, month=JULY, project_ids=[cheaper.pk])

    assert found == Realised(Decimal(amount), insights)


def test_a_hidden_projects_savings_are_not_told(acme: Organization, cheaper: Project) -> None:
    with org_scope(acme.pk):
        insight(cheaper, resolved_at=datetime(2026, 7, 1, 12, tzinfo=UTC)).save()

        assert realised(organization=acme, month=JULY, project_ids=[]) == Realised(Decimal(0), 0)


def test_a_later_look_at_the_month_sees_all_of_it(acme: Organization, cheaper: Project) -> None:
    with org_scope(acme.pk):
        insight(cheaper, resolved_at=datetime(2026, 7, 1, 12, tzinfo=UTC)).save()
        later = Month(date(2026, 7, 1), NOW + timedelta(days=60), ZoneInfo("UTC"))

        assert realised(organization=acme, month=later, project_ids=[cheaper.pk]).month_usd == Decimal(1)
