"""What passed through the gateway in the demo: one of its projects sends everything that way."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import psycopg
from psycopg import sql

from gateway.traffic import COUNTS
from ingestion.writer import LocalTime
from tokenops.demo.generate import DemoCall

SOURCE: Final = "gateway"
_SLUGS: Final = {"mistral_ai": "mistral", "gcp.gemini": "google"}  # the gateway's names of telemetry's providers
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_BOUNDS_MS: Final = (1, 5, 25, 100)
_ASKED_FOR_MODELS_FIRST: Final = "7f"  # ids of calls before which their program asked which models there are
_LIST_US: Final = 310

type Place = tuple[datetime, str, str]  # the hour on the organization's clock, project, provider's slug


@dataclass(slots=True)
class Passed:
    """Counts of traffic by place, noted as calls go by."""

    local_time: LocalTime
    counts: dict[Place, Counter[str]] = field(default_factory=dict)

    def noting(self, calls: Iterable[DemoCall]) -> Iterator[DemoCall]:
        """``calls`` unchanged; those that came through the gateway are counted."""
        for item in calls:
            if item.call.source == SOURCE:
                self._note(item)
            yield item

    def _note(self, item: DemoCall) -> None:
        call = item.call
        hour, _ = self.local_time.buckets(call.started_at)
        place = (hour, item.project, _SLUGS.get(call.provider, call.provider))
        added_us = 350 + int(call.call_id[-6:], 16) % 900  # the same call always cost the same
        if call.call_id.endswith("ff"):
            added_us += 6_000
        noted = Counter({"requests": 1, "calls": 1, "written": 1, "added_us": added_us, _outcome(call.http_status): 1})
        noted.update(_within(added_us))
        if call.call_id.endswith(_ASKED_FOR_MODELS_FIRST):
            noted.update({"requests": 1, "added_us": _LIST_US})
            noted.update(_within(_LIST_US))
        self.counts.setdefault(place, Counter()).update(noted)


def _within(added_us: int) -> list[str]:
    return [f"within_{bound}_ms" for bound in _BOUNDS_MS if added_us <= bound * 1_000]


def _outcome(status: int | None) -> str:
    """Which count a status belongs to; '' is none of them."""
    if not status or status < 400:  # noqa: PLR2004
        return ""
    if status == _TOO_MANY:
        return "throttled"
    return "server_errors" if status >= _SERVER_ERROR else "client_errors"


def store(
    database: psycopg.Connection[tuple[object, ...]], passed: Passed, *, organization_id: int, projects: dict[str, int]
) -> None:
    """Write the counts, as the edge's role; ``projects`` are ids by slug."""
    columns = ("organization_id", "hour", "project_id", "provider", *COUNTS)
    statement = sql.SQL("insert into gateway_traffic_hourly ({}) values ({})").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(", ").join([sql.Placeholder()] * len(columns))
    )
    rows = [
        (organization_id, hour, projects[project], provider, *(counts[name] for name in COUNTS))
        for (hour, project, provider), counts in passed.counts.items()
    ]
    with database.cursor() as cursor:
        cursor.executemany(statement, rows)
