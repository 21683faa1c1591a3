import pytest

from tenants.api import throttling
from tenants.api.throttling import Limiter


def test_a_burst_then_the_rate():
    limiter = Limiter(rate=2.0, burst=3)

    assert [limiter.wait_for("a", now=100.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert limiter.wait_for("a", now=100.25) == 0.25
    assert limiter.wait_for("a", now=100.5) == 0
    assert limiter.wait_for("a", now=100.5) == 0.5


def test_a_rest_fills_the_bucket_and_no_more():
    limiter = Limiter(rate=2.0, burst=3)
    for _ in range(3):
        limiter.wait_for("a", now=0.0)

    assert [limiter.wait_for("a", now=3600.0) for _ in range(4)] == [0, 0, 0, 0.5]


def test_clients_do_not_share_a_bucket():
    limiter = Limiter(rate=1.0, burst=1)
    assert limiter.wait_for("a", now=0.0) == 0

    assert limiter.wait_for("b", now=0.0) == 0
    assert limiter.wait_for("a", now=0.0) == 1


def test_the_number_of_remembered_clients_is_bounded(monkeypatch):
    monkeypatch.setattr(throttling, "_MOST_CLIENTS", 2)
    limiter = Limiter(rate=1.0, burst=1)
    for client in ("a", "b", "a", "c"):
        limiter.wait_for(client, now=0.0)

    assert limiter.wait_for("a", now=0.0) == 1  # still known
    assert limiter.wait_for("b", now=0.0) == 0  # forgotten, so it starts anew


@pytest.fixture
def slow(monkeypatch):
    monkeypatch.setattr(throttling, "limiter", Limiter(rate=0.4, burst=1))


def test_too_many_requests_are_429_with_whole_seconds(owner, slow):
    assert owner.get("/api/v1/me").status_code == 200

    answer = owner.get("/api/v1/me")

    assert answer.status_code == 429
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Retry-After"] == "3"
    assert answer.json() == {
        "type": "https://tokenops.dev/problems/too-many-requests",
        "title": "Too many requests.",
        "status": 429,
        "detail": "Try again in 3 s.",
    }
