"""Tables of telemetry."""

from ingestion.models.calls import Call, DailyRollup, HourlyRollup, Measures, Rollup
from ingestion.models.prices import CatalogueChange, RateCard
from ingestion.models.requests import IngestAnswer, ProjectActivity
from ingestion.models.samples import CloudSample

__all__ = [
    "Call",
    "CatalogueChange",
    "CloudSample",
    "DailyRollup",
    "HourlyRollup",
    "IngestAnswer",
    "Measures",
    "ProjectActivity",
    "RateCard",
    "Rollup",
]
