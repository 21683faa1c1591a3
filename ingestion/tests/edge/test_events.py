"""What a valid event becomes."""

import gzip
import json
import zlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import zstandard

from core.scope import org_scope
from ingestion.models import DailyRollup, ProjectActivity
from ingestion.tests.edge.client import issue_key, stored_calls
from tenants.models import ApiKey, ApiKeyUsage, Project
from tests.resilience.processes import wait_until

HOUR_AGO = (datetime.now(UTC) - timedelta(hours=1)).replace(microsecond=123456)

EVERYTHING = {
    "id": "call-1",
    "timestamp": HOUR_AGO.isoformat(),
    "provider": "OpenAI",
    "model": "gpt-4o",
    "response_model": "gpt-4o",
    "operation": "chat",
    "endpoint_name": 'Zusammenfassung "A", 要約',
    "team": "growth",
    "environment": "production",
    "user_id": "u-17",
    "session_id": "s-1",
    "trace_id": "t-1",
    "span_id": "sp-1",
    "parent_span_id": "sp-0",
    "input_tokens": 1_000_000,
    "output_tokens": 100_000,
    "latency_ms": 1234.5,
    "time_to_first_token_ms": 321,
    "status": "error",
    "error_type": "rate_limit",
    "http_status": 429,
    "stream": True,
    "service_tier": "on_demand",
    "cost_usd": "9.99",
    "response_id": "resp-1",
    "upstream_request_id": "req-1",
    "finish_reason": "stop",
    "agent_name": "planner",
    "prompt_version": "v3",
    "usage_partial": True,
    "usage_estimated": True,
    "retries": 2,
    "ratelimit_remaining_requests": 99,
    "ratelimit_remaining_tokens": 12345,
    "tags": {"release": "2026.11", "note": 'line\nbreak \\ "quoted"'},
    "git_branch": "main",
    "git_commit": "abc123",
}


def test_every_field_is_stored_as_documented(edge, acme, key):
    response = edge.post(EVERYTHING, key=key)

    assert response.json() == {
        "accepted": 1,
        "duplicates": 0,
        "rejected_count": 0,
        "rejected": [],
        "warnings": [],
        "content_fields_dropped": 0,
    }
    with org_scope(acme.pk):
        project, api_key = Project.objects.get(slug="web"), ApiKey.objects.get()
    (call,) = stored_calls(acme)
    received_at, rate_card_id = call.pop("received_at"), call.pop("rate_card_id")
    assert timedelta(0) <= datetime.now(UTC) - received_at < timedelta(minutes=1)
    assert rate_card_id is not None
    assert call == {
        "organization_id": acme.pk,
        "project_id": project.pk,
        "api_key_id": api_key.pk,
        "call_id": "call-1",
        "started_at": HOUR_AGO,
        "provider": "openai",
        "provider_raw": "OpenAI",
        "model": "gpt-4o",
        "response_model": "gpt-4o",
        "model_key": "gpt-4o",
        "operation": "chat",
        "feature": 'Zusammenfassung "A", 要約',
        "team": "growth",
        "environment": "production",
        "user_id": "u-17",
        "session_id": "s-1",
        "trace_id": "t-1",
        "span_id": "sp-1",
        "parent_span_id": "sp-0",
        "input_tokens": 1_000_000,
        "output_tokens": 100_000,
        "cached_input_tokens": 0,
        "cache_write_tokens": 0,
        "cache_write_1h_tokens": 0,
        "audio_input_tokens": 0,
        "cached_audio_input_tokens": 0,
        "image_input_tokens": 0,
        "reasoning_tokens": 0,
        "audio_output_tokens": 0,
        "image_output_tokens": 0,
        "extra_units": None,
        "usage_rule": "estimated",  # as the event says
        "usage_inconsistent": False,
        "usage_partial": True,
        "usage_estimated": True,
        "latency_ms": 1234.5,
        "time_to_first_token_ms": 321.0,
        "status": "error",
        "error_type": "rate_limit",
        "http_status": 429,
        "stream": True,
        "service_tier": "standard",
        "prompt_hash": "",
        "prompt_prefix_hash": "",
        "cost_usd": Decimal("3.5"),
        "cost_input_usd": Decimal("2.5"),
        "cost_cached_input_usd": Decimal(0),
        "cost_cache_write_usd": Decimal(0),
        "cost_output_usd": Decimal(1),
        "cost_reasoning_usd": Decimal(0),
        "cost_other_usd": Decimal(0),
        "reported_cost_usd": Decimal("9.99"),
        "cost_source": "rate_card",
        "price_match": "exact",
        "response_id": "resp-1",
        "upstream_request_id": "req-1",
        "finish_reason": "stop",
        "agent_name": "planner",
        "prompt_version": "v3",
        "retries": 2,
        "ratelimit_remaining_requests": 99,
        "ratelimit_remaining_tokens": 12345,
        "tags": {"release": "2026.11", "note": 'line break \\ "quoted"'},
        "git_branch": "main",
        "git_commit": "abc123",
        "source": "rest",
        "duplicate_of": "",
        "duplicate_of_started_at": None,
    }


def test_extra_units_and_parts_of_usage_are_stored(edge, acme, key):
    usage = {"input_tokens": 900, "cached_input_tokens": 400, "output_tokens": 80, "reasoning_tokens": 30}

    edge.post({"model": "gpt-4o", **usage, "extra_units": {"web_searches": 2.5}}, key=key)

    (call,) = stored_calls(acme)
    assert {name: call[name] for name in usage} == usage
    assert call["extra_units"] == {"web_searches": 2.5}


@pytest.mark.parametrize(
    ("event", "cost", "match", "rule"),
    [
        ({}, None, "no-usage", "unstated"),
        ({"usage_partial": True, "usage_estimated": True, "status": "error"}, None, "no-usage", "estimated"),
        ({"status": "error", "http_status": 429}, 0, "exact", "unstated"),
        ({"input_tokens": 0, "output_tokens": 0}, 0, "exact", "inclusive"),
        ({"usage": {}}, None, "no-usage", "unstated"),
    ],
)
def test_what_nobody_said_was_used_has_no_cost_and_is_no_0(edge, acme, key, event, cost, match, rule):
    assert edge.post({"model": "gpt-4o"} | event, key=key).status == 202

    (call,) = stored_calls(acme)
    assert (call["cost_usd"], call["cost_input_usd"], call["price_match"]) == (cost, cost, match)
    assert (call["input_tokens"], call["output_tokens"], call["usage_rule"]) == (0, 0, rule)
    assert call["cost_source"] == ("none" if cost is None else "rate_card")
    with org_scope(acme.pk):
        (day,) = DailyRollup.objects.values("calls", "unpriced_calls", "cost_usd")
    assert day == {"calls": 1, "unpriced_calls": int(cost is None), "cost_usd": 0}


def test_a_reported_cost_is_used_where_the_usage_is_not_known(edge, acme, key):
    edge.post({"model": "gpt-4o", "cost_usd": "0.25"}, key=key)

    (call,) = stored_calls(acme)
    assert (call["cost_usd"], call["cost_source"], call["price_match"]) == (Decimal("0.25"), "reported", "no-usage")


def test_an_unknown_model_is_stored_without_a_cost(edge, acme, key):
    response = edge.post({"model": "llama-of-my-own", "input_tokens": 10}, key=key)

    assert response.status == 202
    (call,) = stored_calls(acme)
    assert (call["cost_usd"], call["cost_source"], call["model_key"]) == (None, "none", "llama-of-my-own")


def test_a_reported_cost_counts_where_no_card_exists(edge, acme, key):
    edge.post({"model": "llama-of-my-own", "cost_usd": "0.000000000123"}, key=key)

    (call,) = stored_calls(acme)
    assert (call["cost_usd"], call["cost_source"]) == (Decimal("0.000000000123"), "reported")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ([{"model": "a"}, {"model": "b"}], "application/json"),
        ({"events": [{"model": "a"}, {"model": "b"}]}, "application/json; charset=utf-8"),
        (b'{"model": "a"}\n\n{"model": "b"}\n', "application/x-ndjson"),
    ],
)
def test_several_events_come_as_array_events_or_lines(edge, acme, key, body, content_type):
    response = edge.post(body, key=key, headers={"content-type": content_type})

    assert (response.status, response.json()["accepted"]) == (202, 2)
    assert sorted(call["model"] for call in stored_calls(acme)) == ["a", "b"]


def test_log_takes_a_flat_event_of_the_optimizer(edge, acme, key):
    event = {"model": "gpt-4o", "prompt_tokens": 1000, "completion_tokens": 500, "endpoint_name": "search"}

    response = edge.post(event, key=key, path="/log")

    assert response.status == 202
    (call,) = stored_calls(acme)
    assert (call["input_tokens"], call["output_tokens"], call["feature"]) == (1000, 500, "search")
    assert call["cost_usd"] == Decimal("0.0075")


@pytest.mark.parametrize("several", [False, True])
def test_camel_case_is_understood_where_it_is_spoken(edge, acme, key, several):
    event = {"model": "gpt-4o", "promptTokens": 1000, "completionTokens": 500, "userId": "u-17", "feature": "search"}

    response = edge.post([event] if several else event, key=key, path="/api/ingest")

    assert response.status == 202
    assert response.json()["warnings"][1:] == []  # the one says that there is no id
    (call,) = stored_calls(acme)
    assert (call["input_tokens"], call["output_tokens"], call["feature"]) == (1000, 500, "search")
    assert (call["user_id"], call["cost_usd"]) == ("u-17", Decimal("0.0075"))


def test_names_with_underscores_are_understood_there_too(edge, acme, key):
    edge.post({"model": "gpt-4o", "input_tokens": 7}, key=key, path="/api/ingest")

    assert [call["input_tokens"] for call in stored_calls(acme)] == [7]


@pytest.mark.parametrize("path", ["/api/v1/ingest", "/api/ingest", "/log"])
@pytest.mark.parametrize(("encoding", "encode"), [("deflate", zlib.compress), ("zstd", zstandard.compress)])
def test_other_codings_are_read(edge, acme, key, path, encoding, encode):
    response = edge.post(encode(b'{"model": "gpt-4o"}'), key=key, path=path, headers={"content-encoding": encoding})

    assert (response.status, response.json()["accepted"]) == (202, 1)
    assert len(stored_calls(acme)) == 1


def test_an_empty_batch_is_accepted_and_stores_nothing(edge, acme, key):
    response = edge.post([], key=key)

    assert (response.status, response.json()["accepted"]) == (202, 0)
    assert stored_calls(acme) == []


def test_a_compressed_body_in_many_pieces_is_read(edge, acme, key):
    events = [{"model": "gpt-4o", "id": f"call-{n}", "timestamp": HOUR_AGO.isoformat()} for n in range(1000)]
    body = gzip.compress(json.dumps(events).encode())

    response = edge.post(body, key=key, headers={"content-encoding": "gzip"}, pieces=7)

    assert response.json()["accepted"] == 1000
    assert len(stored_calls(acme)) == 1000


def test_a_batch_over_many_days_lands_in_their_partitions(edge, acme, key):
    days = [datetime.now(UTC) - timedelta(days=days) for days in (0, 1, 2, 30, 1, 0)]

    response = edge.post(
        [{"model": "m", "id": str(n), "timestamp": day.isoformat()} for n, day in enumerate(days)], key=key
    )

    assert response.json()["accepted"] == 6
    assert [call["started_at"] for call in stored_calls(acme)] == sorted(days)


def test_the_project_shows_activity_and_the_key_its_use(edge, acme, key):
    edge.post({"model": "gpt-4o"}, key=key)
    first = ProjectActivity.objects.get(organization_id=acme.pk)
    edge.post({"model": "gpt-4o"}, key=key)
    second = ProjectActivity.objects.get(organization_id=acme.pk)

    assert second.first_received_at == first.first_received_at
    assert second.last_received_at > first.last_received_at
    wait_until(lambda: last_use(acme) is not None, "the key's use to be noted")
    assert first.first_received_at - timedelta(minutes=1) < last_use(acme) <= datetime.now(UTC)


def last_use(organization):
    """When the organization's only key was last used; noted after the answer."""
    with org_scope(organization.pk):
        return ApiKeyUsage.objects.values_list("last_used_at", flat=True).first()


def test_every_answer_carries_the_request_id(edge, key):
    given = edge.post({"model": "m"}, key=key, headers={"x-request-id": "trace-12345678"})
    refused = edge.post({"model": "m"}, headers={"x-request-id": "trace-87654321"})
    harmful = edge.post({"model": "m"}, key=key, headers={"x-request-id": "a b"})

    assert given.headers["x-request-id"] == "trace-12345678"
    assert refused.headers["x-request-id"] == "trace-87654321"
    assert len(harmful.headers["x-request-id"]) == 32


def test_rare_members_of_a_row_do_not_shift_its_columns(edge, acme, key):
    """A text of every kind that CSV, JSON or Postgres could misread comes back as it was sent."""
    odd = ['"', "\\", ",", "\\N", "null", "{}", "a\\nb", "é\u2028x", "'", "\\.", "]\\n[", "\U0001f600"]

    edge.post(
        [
            {"model": "m", "id": f"{n}", "timestamp": HOUR_AGO.isoformat(), "feature": text}
            for n, text in enumerate(odd)
        ],
        key=key,
    )

    stored = {call["call_id"]: call["feature"] for call in stored_calls(acme)}
    assert [stored[str(n)] for n in range(len(odd))] == odd


def test_an_organizations_key_writes_to_the_default_project(edge, acme):
    response = edge.post({"model": "m"}, key=issue_key(acme, project=None))

    assert response.status == 202
    (call,) = stored_calls(acme)
    with org_scope(acme.pk):
        assert call["project_id"] == Project.objects.get(is_default=True).pk


@pytest.mark.parametrize(("named", "source"), [("sdk", "sdk"), ("import", "import"), ("gateway", "rest"), ("", "rest")])
def test_only_clients_of_ours_have_a_source_of_their_own(acme, edge, key, named, source):
    edge.post({"model": "gpt-4o"}, key=key, headers={"x-tokenops-source": named} if named else {})

    (call,) = stored_calls(acme)
    assert call["source"] == source
