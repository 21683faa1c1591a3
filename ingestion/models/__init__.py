"""Tables of telemetry."""

from ingestion.models.calls import Call, DailyRollup, HourlyRollup, Measures, Rollup
from ingestion.models.prices import CatalogueChange, RateCard
from ingestion.models.refusals import RejectedEvents
from ingestion.models.requests import IngestAnswer, ProjectActivity

__all__ = [
    "Call",
    "CatalogueChange",
    "DailyRollup",
    "HourlyRollup",
    "IngestAnswer",
    "Measures",
    "ProjectActivity",
    "RateCard",
    "RejectedEvents",
    "Rollup",
]
