"""ingest-batch and ingest-single: what the edge stores a second, against Postgres or the handler alone."""

import time
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import psycopg

from bench.installation import database, server
from bench.load import Load, drive, request_bytes
from bench.report import Row
from bench.tenants import FEATURES, MODELS, TEAMS, Tenant, create_tenant

BATCH, CONNECTIONS, REQUESTS_EACH = 500, 8, 30
SINGLE_CONNECTIONS, SINGLE_REQUESTS_EACH = 64, 60


def run() -> list[Row]:
    with database():
        from django.conf import settings

        tenant = create_tenant()
        return [_batch(tenant, settings.DATABASE.url), _single(tenant)]


def event(random: Random, *, started_at: datetime) -> dict[str, object]:
    """One plausible priced event; the ids are UUID-like and unique."""
    feature = random.randrange(len(FEATURES))
    return {
        "id": f"{random.getrandbits(128):032x}",
        "timestamp": started_at.isoformat(),
        "model": random.choice(MODELS),
        "endpoint_name": FEATURES[feature],
        "team": TEAMS[feature % len(TEAMS)],  # a feature belongs to one team
        "environment": "production",
        "user_id": f"user-{random.randrange(500)}",
        "input_tokens": random.randrange(50, 4_000),
        "cached_input_tokens": random.randrange(50),
        "output_tokens": random.randrange(10, 900),
        "latency_ms": random.randrange(200, 9_000),
        "status": "ok",
        "tags": {"channel": "web"},
    }


def bodies(count: int, size: int, *, seed: int) -> list[bytes]:
    random, now = Random(seed), datetime.now(UTC)
    made = []
    for _ in range(count):
        moments = [now - timedelta(seconds=random.random() * 60) for _ in range(size)]
        events = [event(random, started_at=moment) for moment in moments]
        made.append(msgspec.json.encode(events if size > 1 else events[0]))
    return made


def _requests(tenant: Tenant, *, connections: int, each: int, size: int, seed: int) -> list[list[bytes]]:
    keys = tenant.keys
    requests = [
        request_bytes("/api/v1/ingest", key=keys[number % len(keys)], body=body)
        for number, body in enumerate(bodies(connections * each, size, seed=seed))
    ]
    return [requests[number::connections] for number in range(connections)]


def _measure(application: str, tenant: Tenant, *, connections: int, each: int, size: int) -> Load:
    with server(application) as running:
        warm = _requests(tenant, connections=connections, each=max(2, each // 10), size=size, seed=1)
        drive(running, per_connection=warm).expect_only(202)
        load = drive(running, per_connection=_requests(tenant, connections=connections, each=each, size=size, seed=2))
    load.expect_only(202)
    return load


def _batch(tenant: Tenant, url: str) -> Row:
    load = _measure("tokenops.asgi:application", tenant, connections=CONNECTIONS, each=REQUESTS_EACH, size=BATCH)
    sent = CONNECTIONS * REQUESTS_EACH * BATCH
    rate, limit = sent / load.seconds, _copy_rate(url)
    return Row(
        name="ingest-batch",
        case=f"{BATCH} events a request, {CONNECTIONS} connections",
        measured=rate,
        unit="events/s",
        baseline=limit,
        baseline_name=f"COPY of the same rows, prebuilt bytes, {BATCH} a transaction",
        goal="≥ 0.50",
        met=rate / limit >= 0.5,
        figures={"p50 ms": load.percentile(0.5), "p99 ms": load.percentile(0.99)},
    )


def _copy_rate(url: str) -> float:
    """Rows a second that Postgres takes when nothing but COPY happens: same rows, same indexes, durable commits."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table copy_limit (like calls including all)")
        with connection.cursor().copy("copy (select * from calls order by call_id) to stdout") as copy:
            lines = b"".join(bytes(block) for block in copy).splitlines(keepends=True)
        chunks = [b"".join(lines[start : start + BATCH]) for start in range(0, len(lines), BATCH)]
        started = time.perf_counter()
        for chunk in chunks:
            with connection.cursor().copy("copy copy_limit from stdin") as copy:
                copy.write(chunk)
        seconds = time.perf_counter() - started
        connection.execute("drop table copy_limit")
    return len(lines) / seconds


def _single(tenant: Tenant) -> Row:
    shape = {"connections": SINGLE_CONNECTIONS, "each": SINGLE_REQUESTS_EACH, "size": 1}
    load = _measure("tokenops.asgi:application", tenant, **shape)
    without = _measure("bench.no_database:application", tenant, **shape)
    sent = SINGLE_CONNECTIONS * SINGLE_REQUESTS_EACH
    rate, limit, p99 = sent / load.seconds, sent / without.seconds, load.percentile(0.99)
    return Row(
        name="ingest-single",
        case=f"1 event a request, {SINGLE_CONNECTIONS} connections",
        measured=rate,
        unit="requests/s",
        baseline=limit,
        baseline_name="the same handler, decoding and pricing, answering without the database",
        goal="≥ 0.40, p99 < 50 ms",
        met=rate / limit >= 0.4 and p99 < 50,
        figures={"p50 ms": load.percentile(0.5), "p99 ms": p99},
    )
