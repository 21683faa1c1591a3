"""Reports and schedules for tests. Call what writes outside of the organization's scope."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from core.scope import org_scope
from dashboards.reports import making, schedule_services, services
from dashboards.reports.models import Report, Schedule
from dashboards.reports.numbers import (
    SECTIONS,
    Budget,
    Day,
    Findings,
    Forecast,
    Group,
    Insight,
    Numbers,
    Range,
    Ranking,
    Resource,
    Resources,
    Saving,
    Sums,
)
from dashboards.reports.schedule_services import Wanted
from dashboards.reports.spans import Days, Span
from rules.alerts.models import Channel
from tenants.audit import Actor
from tenants.models import Organization, Project, User

# A Wednesday.
NOW: Final = datetime(2026, 7, 15, 12, 0, tzinfo=UTC)
TODAY: Final = NOW.date()
WEEK: Final = Days(date(2026, 7, 9), TODAY)


def owner_of(organization: Organization) -> User:
    return User.objects.get(memberships__organization=organization, memberships__role="owner")


def order(organization: Organization, actor: Actor = None, **given: Any) -> Report:
    """A report of the last week, ordered by the owner where nobody else is named."""
    wanted: dict[str, Any] = {"project": None, "span": Span.LAST_7_DAYS, "days": WEEK, "sections": (), "now": NOW}
    who = actor or owner_of(organization)
    return services.order_report(organization=organization, actor=who, **wanted | given)


def make(report: Report, now: datetime = NOW) -> Report:
    """What a worker does; the report as it is then."""
    making.make(organization_id=report.organization_id, report_id=report.pk, now=now)
    return stored(report)


def stored(report: Report) -> Report:
    with org_scope(report.organization_id):
        return Report.objects.select_related("schedule", "bulletin", "organization", "project").get(pk=report.pk)


def wanted(*channels: Channel, **given: Any) -> Wanted:
    terms: dict[str, Any] = {
        "name": "Weekly costs",
        "cadence": "weekly",
        "at": time(8),
        "span": Span.WEEK_BEFORE,
        "channels": channels,
    }
    return Wanted(**terms | given)


def make_schedule(
    organization: Organization, *channels: Channel, actor: Actor = None, now: datetime = NOW, **given: Any
) -> Schedule:
    """Every Monday at eight, for the owner where nobody else is named."""
    return schedule_services.create_schedule(
        organization=organization, actor=actor or owner_of(organization), wanted=wanted(*channels, **given), now=now
    )


def project_of(organization: Organization, slug: str = "web") -> Project:
    with org_scope(organization.pk):
        return Project.objects.get(slug=slug)


# --- Numbers, for what is pure ---


def sums(calls: int, cost: str, **more: Any) -> Sums:
    return Sums(calls=calls, cost_usd=Decimal(cost), input_tokens=calls * 900, output_tokens=calls * 100, **more)


def insight(**given: Any) -> Insight:
    known: dict[str, Any] = {
        "id": 1,
        "rule": "MODEL_MISUSE",
        "title": "Premium model for short answers",
        "place": "gpt-4o in titles",
        "severity": "high",
        "team": "search",
        "project": "Web",
        "evidence": "Output a call: 9.50 tokens a call, fires below 100 tokens a call",
        "path": "/o/acme/p/web/insights/1/",
        "saving_month_usd": Decimal("12.5"),
    }
    return Insight(**known | given)


def nothing(**given: Any) -> Numbers:
    """A report about an organization without a call."""
    known: dict[str, Any] = {
        "made_at": NOW,
        "organization": "Acme",
        "project": "",
        "zone": "UTC",
        "first_day": WEEK.first,
        "last_day": WEEK.last,
        "sections": tuple(SECTIONS),
        "total": Sums(),
    }
    return Numbers(**known | given)


def everything(**given: Any) -> Numbers:
    """A report that has something of all there is."""
    days = tuple(Day(day=WEEK.first + n * timedelta(days=1), sums=sums(100, str(n))) for n in range(7))
    groups = (
        Group(name="support", sums=sums(500, "18", unpriced_calls=2)),
        Group(name="", sums=sums(200, "3", estimated_calls=4)),
    )
    known: dict[str, Any] = {
        "total": sums(700, "21", errors=7, unpriced_calls=2, estimated_calls=4),
        "before": sums(350, "20", errors=7),
        "before_words": "2 – 8 Jul, up to the same hour",
        "days": days,
        "models": Ranking(groups=(Group(name="gpt-4o", within="openai", sums=groups[0].sums),), count=3),
        "teams": Ranking(groups=groups, count=2),
        "features": Ranking(groups=groups, count=2),
        "findings": Findings(
            open=(insight(), insight(id=2, severity="low", team="", saving_month_usd=None, rule="SPIKE")),
            counts={"high": 1, "low": 1},
            potential=Saving(month_usd=Decimal("12.5"), year_usd=Decimal(150), is_upper_bound=True, insights=2),
            found=Saving(month_usd=Decimal(4), year_usd=Decimal(48), insights=1),
            realised=Saving(month_usd=Decimal(2), year_usd=Decimal(24), insights=1),
        ),
        "forecast": Forecast(
            month=date(2026, 7, 1),
            spent=sums(1_500, "45"),
            forecast=Range(Decimal(93), Decimal(80), Decimal(110)),
            budgets=(
                Budget(
                    name="All of it",
                    scope="The whole organization",
                    period="month",
                    is_tokens=False,
                    limit=Decimal(100),
                    spent=Decimal(45),
                    unpriced_calls=2,
                    standing="Within budget",
                    forecast=Range(Decimal(93), Decimal(80), Decimal(110)),
                ),
            ),
        ),
        "resources": Resources(
            entries=12,
            count=1,
            cost_usd=Decimal("1.5"),
            without_cost=2,
            largest=(
                Resource(
                    name="resize",
                    kind="lambda",
                    team="media",
                    samples=12,
                    allocated_mb=Decimal(1024),
                    peak_mb=Decimal(200),
                    cost_usd=Decimal("1.5"),
                ),
            ),
        ),
    }
    return nothing(**known | given)
