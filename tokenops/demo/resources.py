"""Pure generation of the demo's cloud resources: one of them was given far more memory than it ever used."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Final

from ingestion.wire.types import Sample
from tokenops.demo.generate import DAYS

_EVERY: Final = timedelta(minutes=30)
_USD_PER_GB_SECOND: Final = Decimal("0.0000166667")
_MB_PER_GB: Final = 1024


@dataclass(frozen=True, slots=True)
class Profile:
    """One resource; ``lowest`` and ``highest`` are the shares of its memory that samples use."""

    project: str
    resource: str
    kind: str
    team: str
    allocated_mb: int
    lowest: float
    highest: float
    invocations: int  # a sample
    duration_ms: int  # of one invocation


@dataclass(frozen=True, slots=True)
class DemoSample:
    """A sample and the slug of the project it belongs to."""

    project: str
    sample: Sample


RESOURCES: Final = (
    # RAM_OVER_PROVISION: three gigabytes for a job that needs one.
    Profile("documents", "invoice-ocr", "function", "operations", 3072, 0.14, 0.31, 160, 2_900),
    Profile("documents", "contract-parser", "container", "legal", 2048, 0.52, 0.81, 40, 11_000),
    Profile("assistant", "chat-worker", "worker", "support", 1024, 0.46, 0.72, 420, 640),
    # Now and then it needs more than it has.
    Profile("research", "embed-batch", "function", "research", 512, 0.71, 1.01, 95, 1_800),
)


def demo_samples(*, now: datetime) -> Iterator[DemoSample]:
    """Two samples an hour and resource over the ninety days up to ``now``; the same day is the same samples."""
    first = now.astimezone(UTC).date() - timedelta(days=DAYS)
    for offset in range(DAYS + 1):
        for profile in RESOURCES:
            yield from _day(profile, day=first + timedelta(days=offset), now=now)


def _day(profile: Profile, *, day: date, now: datetime) -> Iterator[DemoSample]:
    random = Random(f"{profile.resource}:{day.isoformat()}")  # noqa: S311 - plausible, not secret
    moment = datetime.combine(day, time(), UTC)
    while moment.date() == day:
        sample = _sample(profile, moment, random)
        if moment < now:
            yield DemoSample(profile.project, sample)
        moment += _EVERY


def _sample(profile: Profile, moment: datetime, random: Random) -> Sample:
    share = Decimal(str(round(random.uniform(profile.lowest, profile.highest), 3)))
    invocations = round(profile.invocations * random.uniform(0.6, 1.4))
    duration_ms = round(invocations * profile.duration_ms * random.uniform(0.8, 1.2))
    gb_seconds = Decimal(profile.allocated_mb) / _MB_PER_GB * duration_ms / 1000
    return Sample(
        sample_id=f"{profile.resource}-{moment:%Y%m%d%H%M}",
        sampled_at=moment,
        resource=profile.resource,
        kind=profile.kind,
        team=profile.team,
        environment="production",
        allocated_mb=Decimal(profile.allocated_mb),
        used_mb=profile.allocated_mb * share,
        invocations=invocations,
        duration_ms=float(duration_ms),
        cost_usd=round(gb_seconds * _USD_PER_GB_SECOND, 10),
    )
