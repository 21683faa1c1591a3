"""Duplicates, late, early and shuffled events, all at once: counts and rollups are what a rebuild from calls finds."""

import http.client
import json
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from tests.resilience.installation import server
from tests.resilience.sizes import SIZE

pytestmark = pytest.mark.resilience

_CLIENTS, _EVENTS, _BATCH = 4, 1_500 * SIZE, 50


def event(number: int, now: datetime) -> dict[str, object]:
    """One of a known set: at most a day late or five minutes early, with prices, failures and unknown models in it."""
    minutes_late = (number * 7) % (24 * 60) if number % 3 else -(number % 5)
    return {
        "id": f"call-{number}",
        "timestamp": (now - timedelta(minutes=minutes_late, microseconds=number)).isoformat(),
        "model": ("gpt-4o", "gpt-4o-mini", "nobody-knows-this-one")[number % 3],
        "endpoint_name": f"feature-{number % 7}",
        "input_tokens": number % 1_000,
        "cached_input_tokens": number % 13,
        "output_tokens": number % 100,
        "latency_ms": number % 5_000,
        "status": "error" if number % 11 == 0 else "ok",
    }


def send(port: int, key: str, events: list[dict[str, object]]) -> tuple[int, int]:
    """Accepted and duplicates."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    accepted = duplicates = 0
    for start in range(0, len(events), _BATCH):
        headers = {"Content-Type": "application/json", "TS-API-Key": key}
        connection.request("POST", "/api/v1/ingest", json.dumps(events[start : start + _BATCH]), headers)
        counts = json.load(connection.getresponse())
        accepted, duplicates = accepted + counts["accepted"], duplicates + counts["duplicates"]
    connection.close()
    return accepted, duplicates


def test_disorder_changes_no_number(empty, tmp_path):
    """Every client sends every event, each in an order of its own: all but one of them are duplicates."""
    events = [event(number, datetime.now(UTC)) for number in range(_EVENTS)]
    orders = [random.Random(client) for client in range(_CLIENTS)]  # noqa: S311 - the same every time is the point
    shuffled = [order.sample(events, len(events)) for order in orders]

    with server(empty, tmp_path / "edge.log") as running, ThreadPoolExecutor(_CLIENTS) as pool:
        answers = list(pool.map(partial(send, running.port, empty.key), shuffled))

    assert sum(accepted for accepted, _ in answers) == _EVENTS
    assert sum(duplicates for _, duplicates in answers) == (_CLIENTS - 1) * _EVENTS
    assert empty.stored() == {f"call-{number}": 1 for number in range(_EVENTS)}
    assert empty.rolled_up() == [_EVENTS] * 2
    assert empty.rollups_equal_a_rebuild()
