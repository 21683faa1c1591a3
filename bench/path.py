"""path: CPU time an event takes at each step from the bytes of a request to what Postgres is sent; no server, no disk.

The quickest of many runs in one thread, because on a busy machine everything else measures the neighbours.
"""

import gc
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from bench import events
from bench.report import Row
from ingestion import store
from ingestion.pricing.book import PriceBook
from ingestion.pricing.catalogue import catalogue_cards
from ingestion.pricing.providers import infer_provider
from ingestion.wire.batch import ParseContext
from ingestion.wire.otlp.parse import PROTOBUF, parse_traces
from ingestion.wire.rest import parse_ingest
from ingestion.wire.types import Call
from ingestion.writer import LocalTime, Target, rollups, row
from ingestion.writer import Row as StoredRow
from ingestion.writer.daily_sums import size_rows

SIZE, REQUESTS, RUNS = 500, 4, 60  # four requests of 500 make a flush

type Step = tuple[str, Callable[[], object], int]


def run() -> list[Row]:
    now = datetime.now(UTC)
    context = ParseContext(
        now=now,
        earliest=now - timedelta(days=2),
        latest=now + timedelta(minutes=10),
        infer_provider=infer_provider,
        hash_key=bytes(32),
        project_slug="bench",
    )
    book = PriceBook(catalogue_cards())
    steps = _steps(context, book, Random(1))
    gc.collect()
    gc.disable()  # the edge hardly ever collects either
    try:
        return [Row("path", case, _quickest(step) / count * 1e6, "µs/event") for case, step, count in steps]
    finally:
        gc.enable()


def _quickest(step: Callable[[], object]) -> float:
    times = []
    for _ in range(RUNS):
        started = time.thread_time()
        step()
        times.append(time.thread_time() - started)
    return min(times)


def _steps(context: ParseContext, book: PriceBook, random: Random) -> list[Step]:
    bodies = [events.json_body(random, SIZE, context.now) for _ in range(REQUESTS)]
    spans = events.otlp_body(random, SIZE, context.now)
    targets = [Target(1, number, number, LocalTime("UTC")) for number in range(REQUESTS)]
    calls = _calls(bodies[0], context)
    priced = [book.price(1, call) for call in calls]
    flush = [
        row(call, book.price(1, call), target, context.now)
        for body, target in zip(bodies, targets, strict=True)
        for call in _calls(body, context)
    ]
    return [
        ("decode and check events (JSON)", lambda: _calls(bodies[0], context), SIZE),
        ("decode and check spans (OTLP protobuf)", lambda: _traces(spans, context), SIZE),
        ("price", lambda: [book.price(1, call) for call in calls], SIZE),
        (
            "make the row and what it adds to rollups",
            lambda: [row(call, price, targets[0], context.now) for call, price in zip(calls, priced, strict=True)],
            SIZE,
        ),
        ("the flush: sort, CSV", lambda: store.csv([one.line for one in _sorted(flush)]), len(flush)),
        ("the flush: rollups", lambda: _rollups(flush), len(flush)),
    ]


def _calls(body: bytes, context: ParseContext) -> list[Call]:
    return [call for _, call in parse_ingest(body, content_type="application/json", context=context).calls]


def _traces(body: bytes, context: ParseContext) -> list[Call]:
    return [call for _, call in parse_traces(body, content_type=PROTOBUF, context=context).calls]


def _sorted(rows: Sequence[StoredRow]) -> list[StoredRow]:
    return sorted({one.key: one for one in rows}.values(), key=lambda one: one.key)


def _rollups(rows: Sequence[StoredRow]) -> list[list[str]]:
    groups = rollups.cap(rollups.group(rows), rollups.DistinctValues())
    measures = rollups.measured(groups)
    return [store.array_literals(lines) for lines in (*rollups.rollup_rows(measures), size_rows(measures))]
