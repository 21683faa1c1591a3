"""Rows for tests of the writer, without a request around them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings

from core.databases import EDGE
from ingestion.pricing.book import PriceBook
from ingestion.tests.edge.conftest import CARDS
from ingestion.wire.types import Call, Usage
from ingestion.writer import LocalTime, Row, Target, row
from ingestion.writer.flush import Flusher, Memory
from tenants.models import Project

BOOK = PriceBook(CARDS)
AN_HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)


def make_row(project: Project, call_id: str, *, zone: str = "UTC", api_key_id: int = 7, **fields: Any) -> Row:
    """A priced call of ``project``; ``fields`` are the call's."""
    usage = Usage(
        input_tokens=fields.pop("input_tokens", 10),
        output_tokens=fields.pop("output_tokens", 1),
        cached_input_tokens=fields.pop("cached_input_tokens", 0),
    )
    given: dict[str, Any] = {
        "started_at": AN_HOUR_AGO,
        "provider": "openai",
        "model": "gpt-4o",
        "usage": usage,
    } | fields
    call = Call(call_id=call_id, **given)
    target = target_of(project, zone=zone, api_key_id=api_key_id)
    return row(call, BOOK.price(project.organization_id, call), target, datetime.now(UTC))


def target_of(project: Project, *, zone: str = "UTC", api_key_id: int = 7) -> Target:
    return Target(project.organization_id, project.pk, api_key_id, LocalTime(zone))


def new_flusher(memory: Memory | None = None) -> Flusher:
    return Flusher(settings.DATABASE.conninfo(EDGE), memory or Memory())
