from datetime import time, timedelta
from decimal import Decimal

import pytest

from core.fields import decimal_text
from ingestion import call_log
from ingestion.api.serializers import CallDetailSerializer, CallSerializer, call_documents
from ingestion.models import RateCard as StoredCard
from ingestion.pricing.cards import Window, to_row
from ingestion.tests.api.conftest import HOUR_AGO, URL
from ingestion.tests.factories import make_call
from ingestion.tests.pricing.factories import make_card
from ingestion.wire.event import Event

HOUR_AGO_TEXT = f"{HOUR_AGO:%Y-%m-%dT%H:%M:%S}.000000Z"

FULL = {
    "call_id": "01994f5e-0000-7000-8000-000000000001",
    "started_at": HOUR_AGO,
    "received_at": HOUR_AGO + timedelta(microseconds=1),
    "provider": "azure.ai.openai",
    "provider_raw": "azure",
    "model": "GPT-4o-deployment",
    "response_model": "gpt-4o-2024-08-06",
    "model_key": "gpt-4o",
    "operation": "completion",
    "feature": "summarization",
    "team": "search",
    "environment": "production",
    "user_id": "u-1",
    "session_id": "s-1",
    "trace_id": "t-1",
    "span_id": "sp-1",
    "parent_span_id": "sp-0",
    "input_tokens": 1200,
    "output_tokens": 340,
    "cached_input_tokens": 200,
    "cache_write_tokens": 30,
    "cache_write_1h_tokens": 10,
    "audio_input_tokens": 20,
    "cached_audio_input_tokens": 5,
    "image_input_tokens": 6,
    "reasoning_tokens": 40,
    "audio_output_tokens": 7,
    "image_output_tokens": 8,
    "extra_units": {"web_searches": 2},
    "usage_rule": "exclusive",
    "usage_inconsistent": True,
    "usage_partial": True,
    "usage_estimated": True,
    "latency_ms": 812.5,
    "time_to_first_token_ms": 91.25,
    "status": "error",
    "error_type": "RateLimitError",
    "http_status": 429,
    "stream": True,
    "service_tier": "flex",
    "prompt_hash": "aa",
    "prompt_prefix_hash": "bb",
    "cost_usd": Decimal("0.0123456789012345678901234567"),
    "cost_input_usd": Decimal("0.01"),
    "cost_cached_input_usd": Decimal("0.00000000000000000001"),
    "cost_cache_write_usd": Decimal(0),
    "cost_output_usd": Decimal("0.0010"),
    "cost_reasoning_usd": Decimal("1E-7"),
    "cost_other_usd": Decimal(1200),
    "reported_cost_usd": Decimal("0.02"),
    "cost_source": "rate_card",
    "price_match": "catalogue",
    "response_id": "r-1",
    "upstream_request_id": "req-1",
    "finish_reason": "stop",
    "agent_name": "planner",
    "prompt_version": "v3",
    "retries": 2,
    "ratelimit_remaining_requests": 10,
    "ratelimit_remaining_tokens": 20_000,
    "tags": {"release": "2026.7"},
    "git_branch": "main",
    "git_commit": "abc123",
    "source": "sdk",
    "duplicate_of": "01994f5e-0000-7000-8000-000000000000",
    "duplicate_of_started_at": HOUR_AGO - timedelta(seconds=1, microseconds=5),
}
RENAMED = {
    "call_id": "id",
    "started_at": "timestamp",
    "feature": "endpoint_name",
    "duplicate_of_started_at": "duplicate_of_timestamp",
}


def test_a_call_with_everything(get, acme_project):
    make_call(acme_project, **FULL)

    (document,) = get(URL).json()["results"]

    expected = {RENAMED.get(name, name): value for name, value in FULL.items() if name != "provider_raw"}
    assert document == expected | {
        "timestamp": HOUR_AGO_TEXT,
        "received_at": HOUR_AGO_TEXT.replace(".000000Z", ".000001Z"),
        "project": "web",
        "cost_usd": "0.0123456789012345678901234567",
        "cost_input_usd": "0.01",
        "cost_cached_input_usd": "0.00000000000000000001",
        "cost_cache_write_usd": "0",
        "cost_output_usd": "0.001",
        "cost_reasoning_usd": "0.0000001",
        "cost_other_usd": "1200",
        "reported_cost_usd": "0.02",
        "duplicate_of_timestamp": f"{HOUR_AGO - timedelta(seconds=2):%Y-%m-%dT%H:%M:%S}.999995Z",
    }


def test_what_was_not_given_is_null_and_counts_are_zero(get, acme_project):
    make_call(
        acme_project,
        call_id="bare",
        started_at=HOUR_AGO,
        received_at=HOUR_AGO,
        provider="",
        model="mystery",
        model_key="mystery",
        input_tokens=0,
        output_tokens=0,
        latency_ms=None,
        cost_usd=None,
        cost_input_usd=None,
        cost_output_usd=None,
        cost_source="none",
        price_match="",
    )

    (document,) = get(URL).json()["results"]

    given = {name: value for name, value in document.items() if value not in (None, 0)}
    assert given == {
        "id": "bare",
        "timestamp": HOUR_AGO_TEXT,
        "received_at": HOUR_AGO_TEXT,
        "project": "web",
        "model": "mystery",
        "model_key": "mystery",
        "operation": "chat",
        "endpoint_name": "default",
        "environment": "default",
        "extra_units": {},
        "usage_rule": "inclusive",
        "status": "ok",
        "service_tier": "standard",
        "cost_source": "none",
        "tags": {},
        "source": "rest",
    }
    unknown = {name for name, value in document.items() if value is None}
    assert {"cost_usd", "provider", "user_id", "price_match", "latency_ms", "http_status", "team"} <= unknown
    assert document["usage_inconsistent"] is False
    assert document["input_tokens"] == 0


def test_the_quick_way_shows_what_the_serializer_declares(acme_project, scope, acme):
    make_call(acme_project, **FULL)
    slugs = {acme_project.pk: "web"}
    with scope(acme):
        found = call_log.call(project_ids=[acme_project.pk], call_id=FULL["call_id"], started_at=HOUR_AGO)

    (quick,) = call_documents(found, slugs=slugs)

    assert quick == CallSerializer(found[0], context={"slugs": slugs}).data
    assert list(quick) == list(CallSerializer().fields)


def test_every_stored_member_of_an_event_is_shown_under_its_first_name(get, acme_project):
    make_call(acme_project, started_at=HOUR_AGO)

    (document,) = get(URL).json()["results"]

    second_names = {"feature", "prompt_tokens", "completion_tokens"}
    readings_of_others = {"usage", "total_tokens"}
    assert set(Event.__struct_fields__) - second_names - readings_of_others <= set(document)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0"),
        ("0.0", "0"),
        ("0E-20", "0"),
        ("0.0075", "0.0075"),
        ("0.00750000", "0.0075"),
        ("1E-12", "0.000000000001"),
        ("1E+3", "1000"),
        ("1200", "1200"),
        ("1200.50", "1200.5"),
        ("123456789012345678901234567890.123456789012345678901234567890", None),
    ],
)
def test_money_is_plain_and_exact(value, text):
    assert decimal_text(Decimal(value)) == (text or value.rstrip("0"))


# --- One call, with the arithmetic of its cost ---


def detail(get, call):
    return get(f"{URL}/{call['call_id']}", timestamp=call["started_at"].isoformat()).json()


def test_one_call_shows_how_its_cost_was_computed(get, acme_project):
    card = make_card({"input_tokens": "2.5", "output_tokens": "10"}, catalogue_id="gpt-4o")
    stored = StoredCard.objects.create(**to_row(card))
    call = make_call(acme_project, started_at=HOUR_AGO, rate_card_id=stored.pk)

    document = detail(get, call)

    assert document["cost_usd"] == "0.0075"
    assert document["cost_breakdown"] == [
        {
            "unit": "input_tokens",
            "quantity": "1000",
            "price_usd": "2.5",
            "per": 1_000_000,
            "priced_as": "input_tokens",
            "tier_above": None,
            "amount_usd": "0.0025",
        },
        {
            "unit": "output_tokens",
            "quantity": "500",
            "price_usd": "10",
            "per": 1_000_000,
            "priced_as": "output_tokens",
            "tier_above": None,
            "amount_usd": "0.005",
        },
    ]
    assert document["rate_card"] == {
        "id": stored.pk,
        "source": "test",
        "provider": "openai",
        "model": "gpt-4o",
        "valid_from": None,
        "valid_to": None,
        "context": {},
        "hours_utc": None,
    }
    assert document["cost_note"] is None


def test_one_call_without_a_computed_cost_says_why(get, acme_project):
    document = detail(get, make_call(acme_project, started_at=HOUR_AGO, cost_source="reported"))

    assert (document["cost_breakdown"], document["rate_card"]) == ([], None)
    assert document["cost_note"].startswith("The cost is what the client reported")


def test_the_detail_holds_what_it_declares_and_all_that_the_list_shows(get, acme_project):
    call = make_call(acme_project, started_at=HOUR_AGO)

    document = detail(get, call)

    assert list(document) == list(CallDetailSerializer().fields)
    assert set(document) - {"cost_breakdown", "rate_card", "cost_note"} == set(CallSerializer().fields)


def test_hours_of_a_card_are_shown_in_utc(get, acme_project):
    card = make_card({"input_tokens": "1"}, window=Window(time(16, 30), time(0, 30)))
    stored = StoredCard.objects.create(**to_row(card))

    document = detail(get, make_call(acme_project, started_at=HOUR_AGO, rate_card_id=stored.pk))

    assert document["rate_card"]["hours_utc"] == "16:30-00:30"
    assert document["cost_note"] == "The stored cost differs from the arithmetic, which gives $0.001."
