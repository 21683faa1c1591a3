import pytest

from tenants.api import throttling
from tenants.api.throttling import Limiter, Standing
from tenants.tests.keys import bearer, issue_key


def wait_for(limiter, client, *, now):
    return limiter.take(client, now=now).wait


def test_a_burst_then_the_rate():
    limiter = Limiter(rate=2.0, burst=3)

    assert [wait_for(limiter, "a", now=100.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert wait_for(limiter, "a", now=100.25) == 0.25
    assert wait_for(limiter, "a", now=100.5) == 0
    assert wait_for(limiter, "a", now=100.5) == 0.5


def test_a_rest_fills_the_bucket_and_no_more():
    limiter = Limiter(rate=2.0, burst=3)
    for _ in range(3):
        wait_for(limiter, "a", now=0.0)

    assert [wait_for(limiter, "a", now=3600.0) for _ in range(4)] == [0, 0, 0, 0.5]


def test_clients_do_not_share_a_bucket():
    limiter = Limiter(rate=1.0, burst=1)
    assert wait_for(limiter, "a", now=0.0) == 0

    assert wait_for(limiter, "b", now=0.0) == 0
    assert wait_for(limiter, "a", now=0.0) == 1


def test_the_number_of_remembered_clients_is_bounded(monkeypatch):
    monkeypatch.setattr(throttling, "_MOST_CLIENTS", 2)
    limiter = Limiter(rate=1.0, burst=1)
    for client in ("a", "b", "a", "c"):
        wait_for(limiter, client, now=0.0)

    assert wait_for(limiter, "a", now=0.0) == 1  # still known
    assert wait_for(limiter, "b", now=0.0) == 0  # forgotten, so it starts anew


def test_how_a_client_stands_is_said_with_each_request():
    limiter = Limiter(rate=2.0, burst=3)

    assert limiter.policy == '"requests";q=3;w=2;qu="requests"'
    assert limiter.take("a", now=0.0) == Standing(wait=0, left=2, seconds=1)
    assert limiter.take("a", now=0.0) == Standing(wait=0, left=1, seconds=1)
    assert limiter.take("a", now=0.0) == Standing(wait=0, left=0, seconds=1)
    refused = limiter.take("a", now=0.0)
    assert refused == Standing(wait=0.5, left=0, seconds=1)
    assert refused.text == '"requests";r=0;t=1'


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


def test_every_answer_to_somebody_known_says_how_they_stand(anonymous, acme, monkeypatch):
    monkeypatch.setattr(throttling, "limiter", Limiter(rate=0.4, burst=3))
    key = bearer(issue_key(acme))

    answers = [
        anonymous.get("/api/v1/me", headers=key),
        anonymous.get("/api/v1/me?unknown=1", headers=key),
        anonymous.get("/api/v1/calls/nothing?timestamp=2026-11-22T10:15:00Z", headers=key),
        anonymous.get("/api/v1/me", headers=key),
    ]

    assert [answer.status_code for answer in answers] == [200, 400, 404, 429]
    assert {answer["RateLimit-Policy"] for answer in answers} == {'"requests";q=3;w=8;qu="requests"'}
    assert [answer["RateLimit"] for answer in answers] == [
        '"requests";r=2;t=3',
        '"requests";r=1;t=5',
        '"requests";r=0;t=3',
        '"requests";r=0;t=3',
    ]
    assert answers[-1]["Retry-After"] == "3"


def test_strangers_and_pages_have_no_limit_to_tell_of(anonymous, owner):
    assert "RateLimit" not in anonymous.get("/api/v1/me")
    assert "RateLimit" not in owner.get("/o/new/")
