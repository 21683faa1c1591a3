"""Tables of telemetry."""

from ingestion.models.calls import Call, DailyRollup, HourlyRollup, Measures, Rollup
from ingestion.models.prices import CatalogueChange, RateCard
from ingestion.models.requests import IngestAnswer, ProjectActivity, SeenResponse

__all__ = [
    "Call",
    "CatalogueChange",
    "DailyRollup",
    "HourlyRollup",
    "IngestAnswer",
    "Measures",
    "ProjectActivity",
    "RateCard",
    "Rollup",
    "SeenResponse",
]
