"""Reads the numbers of a report inside the organization's scope: what pages say, by the selectors pages ask."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from core.periods import DAY, Period
from core.ranges import CUSTOM
from dashboards import pages, selectors
from dashboards.filters import Filter
from dashboards.numbers import Overview
from dashboards.numbers import Sums as OverviewSums
from dashboards.reports import reading_ahead, reading_findings
from dashboards.reports.numbers import Currency, Day, Group, Numbers, Ranking, Resource, Resources, Sums
from dashboards.reports.rights import Rights
from dashboards.reports.spans import Days
from dashboards.reports.team_sums import teams_of
from ingestion import cloud_samples
from tenants import currency
from tenants import selectors as tenants
from tenants.models import Organization, Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a report is about, and in whose name it is made."""

    organization: Organization
    project: Project | None
    rights: Rights
    days: Days
    sections: tuple[str, ...]

    @property
    def project_ids(self) -> list[int]:
        return [self.project.pk] if self.project else list(self.rights.project_ids)

    @property
    def hidden(self) -> tuple[int, ...]:
        return () if self.project else self.rights.hidden


def numbers(*, subject: Subject, now: datetime) -> Numbers:
    """Everything the report will say, as of ``now``."""
    settings = tenants.organization_settings(organization=subject.organization)
    zone = ZoneInfo(settings.time_zone)
    display = currency.display(settings, today=now.astimezone(zone).date())
    shown_in = Currency(code=display.code, rate=display.rate, since=display.since)
    chosen = _filter(subject, zone, now)
    found = selectors.overview(organization=subject.organization, project=subject.project, chosen=chosen)
    has_before = found.reaches_back_to(chosen.previous.first_day)
    return Numbers(
        made_at=now,
        organization=subject.organization.name,
        project=subject.project.name if subject.project else "",
        zone=zone.key,
        first_day=subject.days.first,
        last_day=subject.days.last,
        sections=subject.sections,
        currency=shown_in,
        hidden_projects=len(subject.hidden),
        total=_sums(found.total),
        before=_sums(found.before) if has_before else None,
        before_words=pages.compared_with(chosen) if has_before else "",
        days=_days(found, chosen, subject.days, today=now.astimezone(zone).date()),
        models=_models(found),
        features=_features(found),
        teams=teams_of(subject.organization, subject.project, subject.days, hidden=subject.hidden),
        findings=reading_findings.findings(
            organization=subject.organization,
            project_ids=subject.project_ids if subject.project else [*subject.project_ids, None],
            period=chosen.period,
            currency=shown_in,
        ),
        forecast=reading_ahead.forecast_of(
            organization=subject.organization,
            project=subject.project,
            rights=subject.rights,
            hidden=subject.hidden,
            now=now,
            zone=zone,
        ),
        resources=_resources(subject, chosen.period),
    )


def _filter(subject: Subject, zone: ZoneInfo, now: datetime) -> Filter:
    """The overview page's own, over the same days."""
    period = Period.of_days(subject.days.first, subject.days.last, zone)
    return Filter(range=CUSTOM, period=period, now=now, hidden=subject.hidden)


def _sums(found: OverviewSums) -> Sums:
    return Sums(
        calls=found.calls,
        errors=found.errors,
        unpriced_calls=found.unpriced_calls,
        estimated_calls=found.estimated_calls,
        input_tokens=found.input_tokens,
        output_tokens=found.output_tokens,
        cost_usd=found.cost_usd,
    )


def _days(found: Overview, chosen: Filter, days: Days, *, today: date) -> tuple[Day, ...]:
    """Every day that has begun, those without calls included; short periods come in hours."""
    by_day: dict[str, list[OverviewSums]] = {}
    for bucket, sums in found.buckets.items():
        by_day.setdefault(bucket[:10], []).append(sums)
    count = (min(days.last, today) - days.first).days + 1
    every = [days.first + n * DAY for n in range(max(count, 0))]
    return tuple(Day(day=day, sums=_together(by_day.get(day.isoformat(), ()))) for day in every)


def _together(parts: Iterable[OverviewSums]) -> Sums:
    every = [_sums(one) for one in parts]
    return Sums(
        calls=sum(one.calls for one in every),
        errors=sum(one.errors for one in every),
        unpriced_calls=sum(one.unpriced_calls for one in every),
        estimated_calls=sum(one.estimated_calls for one in every),
        input_tokens=sum(one.input_tokens for one in every),
        output_tokens=sum(one.output_tokens for one in every),
        cost_usd=sum((one.cost_usd for one in every), Decimal(0)),
    )


def _models(found: Overview) -> Ranking:
    groups = tuple(
        Group(name=model.model_key, within=model.provider, sums=_sums(sums)) for model, sums in found.models.items()
    )
    return Ranking(groups=groups, count=_count(found.group_counts, "model", len(groups)))


def _features(found: Overview) -> Ranking:
    groups = tuple(Group(name=name, sums=_sums(sums)) for name, sums in found.features.items())
    return Ranking(groups=groups, count=_count(found.group_counts, "feature", len(groups)))


def _count(counts: Mapping[str, int], kind: str, least: int) -> int:
    return max(counts.get(kind, 0), least)


def _resources(subject: Subject, period: Period) -> Resources:
    found = cloud_samples.usage_by_resource(
        organization=subject.organization, project_ids=subject.project_ids, since=period.start, until=period.end
    )
    costs = [one.cost_usd for one in found if one.cost_usd is not None]
    return Resources(
        entries=sum(one.samples for one in found),
        count=len(found),
        cost_usd=sum(costs, Decimal(0)) if costs else None,
        without_cost=sum(one.samples_without_cost for one in found),
        largest=tuple(
            Resource(
                name=one.resource,
                kind=one.kind,
                team=one.team,
                samples=one.samples,
                allocated_mb=one.allocated_mb,
                peak_mb=one.peak_used_mb,
                cost_usd=one.cost_usd,
            )
            for one in found[:_MOST_RESOURCES]
        ),
    )


_MOST_RESOURCES = 20
