"""The demo's gateway: what its page says is what the calls say."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from gateway.traffic import COUNTS
from ingestion.writer import LocalTime
from tokenops.demo.generate import demo_calls
from tokenops.demo.profiles import PROXIED
from tokenops.demo.proxied import Passed

NOW = datetime(2026, 7, 14, 10, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def passed():
    noted = Passed(LocalTime("UTC"))
    calls = [item for item in noted.noting(demo_calls(now=NOW)) if item.call.source == "gateway"]
    return noted, calls


def total(noted):
    return sum(noted.counts.values(), Counter())


def test_every_call_of_a_proxied_project_is_counted_once(passed):
    noted, calls = passed

    assert {item.project for item in calls} == PROXIED
    assert {project for _, project, _ in noted.counts} == PROXIED
    assert total(noted)["requests"] == total(noted)["written"] == len(calls)


def test_errors_are_counted_by_their_status(passed):
    noted, calls = passed
    statuses = Counter(item.call.http_status for item in calls)

    assert total(noted)["throttled"] == statuses[429] > 0
    assert total(noted)["server_errors"] == sum(number for status, number in statuses.items() if status >= 500) > 0


def test_each_bound_contains_the_one_before(passed):
    noted, _ = passed
    found = total(noted)

    assert 0 < found["within_1_ms"] < found["within_5_ms"] < found["within_25_ms"] == found["within_100_ms"]
    assert found["requests"] == found["within_100_ms"]


def test_hours_and_providers_are_the_page_s(passed):
    noted, _ = passed

    assert {provider for _, _, provider in noted.counts} == {"openai", "mistral", "vllm"}
    assert all(hour.minute == 0 and hour <= NOW for hour, _, _ in noted.counts)
    assert all(name in {"", *COUNTS} for counts in noted.counts.values() for name in counts)
