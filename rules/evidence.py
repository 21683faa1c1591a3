"""From an insight's evidence back to the calls it is made of."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rules.models import Insight


@dataclass(frozen=True, slots=True)
class EvidenceCalls:
    """What ``ingestion.call_log.calls`` is asked for; ``project_id`` None is every project there is to see."""

    project_id: int | None
    since: datetime
    until: datetime
    filters: dict[str, list[str]]


def calls_of(insight: Insight) -> EvidenceCalls | None:
    """The filter that finds an insight's calls again; None where it is not calls that prove it."""
    found: dict[str, Any] | None = insight.evidence.get("calls")
    if found is None:
        return None
    return EvidenceCalls(
        project_id=found["project_id"],
        since=datetime.fromisoformat(found["since"]),
        until=datetime.fromisoformat(found["until"]),
        filters=found["filters"],
    )
