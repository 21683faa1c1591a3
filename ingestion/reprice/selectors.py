"""Reads of re-pricing runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db.models import QuerySet

from ingestion.models import RepriceRun
from ingestion.pricing.calculator import EXACT
from ingestion.reprice.reading import fraction
from ingestion.reprice.tally import Row, Sample, from_json
from tenants.models import Organization, Project

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleCall:
    """A call whose cost changes much; ``slug`` is '' when its project is gone. ``at`` is its start in microseconds."""

    sample: Sample
    slug: str
    started_at: datetime
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run has found or done; ``progress`` is from 0 to 1."""

    run: RepriceRun
    progress: float
    difference_usd: Decimal
    models: list[Row]
    features: list[Row]
    samples: list[SampleCall]


def runs(*, organization: Organization) -> QuerySet[RepriceRun]:
    """Newest first."""
    found = RepriceRun.objects.filter(organization=organization)
    return found.select_related("project", "created_by", "applied_by").order_by("-created_at", "-pk")


def run(*, organization: Organization, run_id: int) -> RepriceRun | None:
    return runs(organization=organization).filter(pk=run_id).first()


def report(run: RepriceRun, *, hidden: Sequence[int] = ()) -> Report:
    """Everything the page of a run shows; of ``hidden`` projects no single call."""
    found = from_json(run.differences)
    slugs = dict(Project.objects.filter(pk__in={one.project_id for one in found.samples}).values_list("pk", "slug"))
    return Report(
        run=run,
        progress=fraction(run) if run.is_moving else 1.0,
        difference_usd=difference(run),
        models=found.models,
        features=found.features,
        samples=[_sample(one, slugs) for one in found.samples if one.project_id not in hidden],
    )


def difference(run: RepriceRun) -> Decimal:
    """New minus old cost, of what the run has looked at."""
    return EXACT.subtract(run.new_cost_usd, run.old_cost_usd)


def _sample(sample: Sample, slugs: Mapping[int, str]) -> SampleCall:
    start = datetime.fromisoformat(sample.started_at)
    micros = (start - _EPOCH) // timedelta(microseconds=1)
    return SampleCall(sample=sample, slug=slugs.get(sample.project_id, ""), started_at=start, at=micros)
