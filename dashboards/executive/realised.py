"""What acting on insights has saved: measured on the calls that came afterwards, never more than was estimated."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from dashboards.executive.month import Month
from dashboards.groups.selectors import read
from dashboards.numbers import NOTHING
from dashboards.rollups import Statement
from ingestion.pricing.calculator import EXACT
from rules import selectors
from rules.engine.savings import DAYS_A_MONTH
from rules.models import Insight
from tenants.models import Organization

BEFORE_DAYS: Final = 30
WITHIN: Final = timedelta(days=365)
MOST_INSIGHTS: Final = 200
_PLACES: Final = Decimal("1e-12")

_COSTS: Final = """
select p.place, coalesce(sum(r.cost_usd) filter (where r.bucket_date < p.after_from), 0) as before_usd,
       coalesce(sum(r.calls - r.unpriced_calls) filter (where r.bucket_date < p.after_from), 0)::bigint as before_calls,
       coalesce(sum(r.cost_usd) filter (where r.bucket_date >= p.after_from), 0) as after_usd,
       coalesce(sum(r.calls - r.unpriced_calls) filter (where r.bucket_date >= p.after_from), 0)::bigint as after_calls
from unnest(%(places)s::int[], %(projects)s::bigint[], %(teams)s::text[], %(features)s::text[], %(before_from)s::date[],
            %(before_to)s::date[], %(after_from)s::date[], %(after_to)s::date[])
     as p (place, project_id, team, feature, before_from, before_to, after_from, after_to)
join call_rollups_daily r on r.organization_id = %(organization_id)s and r.project_id = p.project_id
     and r.team = p.team and r.feature = p.feature
     and (r.bucket_date between p.before_from and p.before_to or r.bucket_date between p.after_from and p.after_to)
group by p.place"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An insight that was acted on says: at this place a month costs ``month_usd`` less than before.

    ``before`` and ``after`` are first and last local days that are compared.
    """

    insight_id: int
    project_id: int
    team: str
    feature: str
    month_usd: Decimal
    before: tuple[date, date]
    after: tuple[date, date]

    @property
    def place(self) -> tuple[int, str, str]:
        return self.project_id, self.team, self.feature


@dataclass(frozen=True, slots=True)
class Measured:
    """Known costs and priced calls of a place, before and after."""

    before_usd: Decimal = NOTHING
    before_calls: int = 0
    after_usd: Decimal = NOTHING
    after_calls: int = 0


@dataclass(frozen=True, slots=True)
class Realised:
    """The saving of one month, and how many insights it was made by."""

    month_usd: Decimal
    insights: int


def saved(claim: Claim, measured: Measured) -> Decimal:
    """What a place really saved in the days ``after``.

    (cost per call before − cost per call after) × calls after, where the cost per call is of priced calls of every
    model, so that calls that moved to a cheaper model count, and fewer calls alone do not. At most the estimate,
    ``month_usd × days after ÷ 30``: what else became cheaper meanwhile is not the insight's merit. At least 0.
    """
    if not measured.before_calls or not measured.after_calls:
        return NOTHING
    before = EXACT.divide(EXACT.multiply(measured.before_usd, Decimal(measured.after_calls)), measured.before_calls)
    days = (claim.after[1] - claim.after[0]).days + 1
    estimate = EXACT.divide(EXACT.multiply(claim.month_usd, Decimal(days)), Decimal(DAYS_A_MONTH))
    return EXACT.quantize(max(min(EXACT.subtract(before, measured.after_usd), estimate), NOTHING), _PLACES)


def total(claims: Sequence[Claim], measured: Sequence[Measured]) -> Realised:
    """All claims together; of several at one place only the largest counts, because one cost is saved once."""
    best: dict[tuple[int, str, str], tuple[Decimal, int]] = {}
    for claim, found in zip(claims, measured, strict=True):
        amount = saved(claim, found)
        if amount > best.get(claim.place, (NOTHING, 0))[0]:
            best[claim.place] = amount, claim.insight_id
    together = NOTHING
    for amount, _ in best.values():
        together = EXACT.add(together, amount)
    return Realised(together, len({insight_id for _, insight_id in best.values()}))


def claims(found: Iterable[Insight], month: Month) -> list[Claim]:
    """What resolved insights claim for the days of ``month`` after they were resolved.

    A rule sees that it was acted on only when its window is over, so the 30 days before end ``window_days`` before
    the insight was resolved.
    """
    return [claim for insight in found for claim in _claims(insight, month)]


def _claims(insight: Insight, month: Month) -> list[Claim]:
    if insight.resolved_at is None:
        return []
    resolved = insight.resolved_at.astimezone(month.zone).date()
    last_before = resolved - timedelta(days=max(insight.window_days, 1))
    after = (
        max(resolved + timedelta(days=1), month.first_day),
        min(month.last_day, month.now.astimezone(month.zone).date()),
    )
    if after[0] > after[1]:
        return []
    by_place: dict[tuple[int, str, str], Decimal] = {}
    for part in selectors.parts(insight):
        if part.project_id is not None:
            place = part.project_id, part.team, part.feature
            by_place[place] = by_place.get(place, NOTHING) + part.month_usd
    return [
        Claim(
            insight_id=insight.pk,
            project_id=project_id,
            team=team,
            feature=feature,
            month_usd=amount,
            before=(last_before - timedelta(days=BEFORE_DAYS - 1), last_before),
            after=after,
        )
        for (project_id, team, feature), amount in by_place.items()
    ]


def realised(*, organization: Organization, month: Month, project_ids: Sequence[int]) -> Realised:
    """What was saved in ``month`` by insights of these projects that were resolved in the year before its end.

    Resolved means resolved: one that a person closed and that its rule still finds (``is_firing``) has saved nothing.
    """
    acted_on = Insight.objects.filter(
        organization=organization,
        project_id__in=project_ids,
        status=Insight.Status.RESOLVED,
        is_firing=False,
        saving_month_usd__gt=0,
        resolved_at__lt=month.period.end,
        resolved_at__gte=month.period.end - WITHIN,
    ).order_by("-saving_month_usd", "pk")[:MOST_INSIGHTS]
    claimed = claims(acted_on, month)
    return total(claimed, _measured(organization, claimed)) if claimed else Realised(NOTHING, 0)


def _measured(organization: Organization, claimed: Sequence[Claim]) -> list[Measured]:
    """In the order of the claims, in one query."""
    statement = Statement(
        _COSTS,
        {
            "organization_id": organization.pk,
            "places": list(range(len(claimed))),
            "projects": [claim.project_id for claim in claimed],
            "teams": [claim.team for claim in claimed],
            "features": [claim.feature for claim in claimed],
            "before_from": [claim.before[0] for claim in claimed],
            "before_to": [claim.before[1] for claim in claimed],
            "after_from": [claim.after[0] for claim in claimed],
            "after_to": [claim.after[1] for claim in claimed],
        },
    )
    found = {
        row["place"]: Measured(row["before_usd"], row["before_calls"], row["after_usd"], row["after_calls"])
        for row in read(statement)
    }
    return [found.get(place, Measured()) for place in range(len(claimed))]
