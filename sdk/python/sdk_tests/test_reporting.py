"""From a call to the server: what is sent, when, and what is done about every answer."""

import json

import pytest

from tokenops_sdk import track
from tokenops_sdk.transport import Drop, Sent, TooLarge, TryAgain, outcome, wait_seconds

QUOTA = {"type": "https://tokenops.example/problems/quota-exceeded", "title": "Quota exceeded"}


def report(client, count=1, **options):
    given = {"provider": "openai", "model": "gpt-4o", "request": {"messages": [{"role": "user", "content": "hello"}]}}
    for _ in range(count):
        recording = client.start(**given | options)
        recording.facts.usage = {"prompt_tokens": 5, "completion_tokens": 2}
        client.finish(recording)


def test_a_call_arrives_with_usage_attribution_and_key_and_without_content(new_client, server):
    client = new_client(environment="production", project="web")

    with track(feature="chat", user_id="u1", tags={"plan": "pro"}), track(team="search", tags={"n": 1}):
        report(client)
    assert client.flush(20)

    headers, (event,) = server.requests[0]
    assert (headers["ts-api-key"], headers["x-tokenops-project"]) == ("tko_test", "web")
    assert event["usage"] == {"prompt_tokens": 5, "completion_tokens": 2}
    assert {name: event[name] for name in ("model", "endpoint_name", "user_id", "team", "environment", "tags")} == {
        "model": "gpt-4o",
        "endpoint_name": "chat",
        "user_id": "u1",
        "team": "search",
        "environment": "production",
        "tags": {"plan": "pro", "n": "1"},
    }
    assert len(event["prompt_hash"]) == 64
    assert "hello" not in json.dumps(server.requests)


def test_a_retry_sends_the_same_ids_and_times(new_client, server):
    client = new_client()
    server.will(503, {"title": "Busy"}, Retry_After="0")

    report(client, 3)
    assert client.flush(20)

    first, second = (events for _, events in server.requests)
    assert first == second
    stats = client.stats()
    assert (stats.recorded, stats.accepted, stats.retries, stats.dropped, stats.waiting) == (3, 3, 1, 0, 0)


def test_a_batch_has_at_most_so_many_events(new_client, server):
    client = new_client(batch_size=100)

    report(client, 250)
    assert client.flush(20)

    assert [len(events) for _, events in server.requests] == [100, 100, 50]


def test_a_full_queue_drops_the_new_event_and_counts_it(new_client, server, monkeypatch):
    client = new_client(queue_size=2)
    monkeypatch.setattr(client._sender._worker, "start", lambda: False)

    report(client, 5)

    assert (client.stats().waiting, client.stats().dropped_queue_full) == (2, 3)


@pytest.mark.parametrize(
    ("status", "document", "counted"),
    [
        (401, {"title": "Unknown API key"}, "dropped_unauthorized"),
        (403, {"title": "Missing scope"}, "dropped_unauthorized"),
        (429, QUOTA, "dropped_quota"),
        (413, {}, "dropped_too_large"),
        (422, {"title": "Unprocessable"}, "rejected"),
    ],
)
def test_what_would_be_refused_again_is_counted_and_not_sent_again(new_client, server, status, document, counted):
    client = new_client()
    server.will(status, document)

    report(client)
    assert client.flush(20)

    assert getattr(client.stats(), counted) == 1
    assert len(server.requests) == 1


def test_a_batch_that_is_too_large_is_halved(new_client, server):
    client = new_client()
    server.will(413)

    report(client, 5)
    assert client.flush(20)

    assert [len(events) for _, events in server.requests] == [5, 2, 3]
    assert (client.stats().accepted, client.stats().dropped) == (5, 0)


def test_rejected_events_are_counted_beside_accepted_ones(new_client, server):
    client = new_client()
    refused = {"index": 0, "errors": [{"field": "model", "message": "is required"}]}
    server.will(202, {"accepted": 1, "duplicates": 1, "rejected_count": 1, "rejected": [refused]})

    report(client, 3)
    assert client.flush(20)

    stats = client.stats()
    assert (stats.accepted, stats.duplicates, stats.rejected) == (1, 1, 1)


def test_without_a_key_nothing_is_sent(new_client, server):
    client = new_client(api_key="")

    report(client)

    assert client.flush(1)
    assert (server.requests, client.stats().recorded) == ([], 0)


def test_before_send_changes_and_drops(new_client, server):
    def before_send(event):
        return None if event["endpoint_name"] == "secret" else event | {"team": "renamed"}

    client = new_client(before_send=before_send)
    for feature in ("open", "secret"):
        with track(feature=feature):
            report(client)
    assert client.flush(20)

    assert [(event["endpoint_name"], event["team"]) for event in server.events] == [("open", "renamed")]
    assert client.stats().dropped_by_before_send == 1


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (503, {"retry-after": "7"}, TryAgain("HTTP 503", 7.0)),
        (500, {"retry-after": "tomorrow"}, TryAgain("HTTP 500", None)),
        (429, {}, TryAgain("HTTP 429", None)),
        (413, {}, TooLarge()),
        (404, {}, Drop("rejected", "HTTP 404")),
    ],
)
def test_an_answer_means(status, headers, expected):
    assert outcome(status, headers, {}) == expected


def test_an_answer_to_a_batch_of_which_nothing_was_taken_is_decided():
    document = {"accepted": 0, "duplicates": 0, "rejected_count": 2, "rejected": [{"errors": []}]}

    assert outcome(400, {}, document) == Sent(accepted=0, duplicates=0, rejected=2)


def test_waits_grow_up_to_half_a_minute_and_respect_the_server():
    for attempt in range(40):
        assert 0.25 <= wait_seconds(attempt, None) <= 30
    assert wait_seconds(0, 120) == 120
    assert wait_seconds(0, 10**9) == 3_600
