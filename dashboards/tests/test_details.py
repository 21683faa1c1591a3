from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import models

from dashboards.details import Fact, Part, details, exact_usd, price_match, usage_rule
from ingestion.models import Call
from ingestion.pricing import matching
from ingestion.wire import usage as counts

NOON = datetime(2026, 7, 14, 12, tzinfo=UTC)
NB = "\u00a0"


def call(**more):
    fields = dict.fromkeys(TEXTS, "") | dict.fromkeys(FLAGS, False) | more
    fields |= {"call_id": "c-1", "provider": "openai", "model_key": "gpt-4o"}
    return Call(started_at=NOON, received_at=NOON, **fields)


TEXTS = [field.name for field in Call._meta.fields if isinstance(field, models.TextField)]
FLAGS = ("usage_inconsistent", "usage_partial", "usage_estimated", "stream")


def shown(**more):
    return details(call(**more), key_name="prod (abc12345)")


def values(facts):
    return {fact.label: fact.value for fact in facts}


def test_usage_lists_the_whole_and_the_parts_there_are():
    usage = shown(
        input_tokens=12_000,
        cached_input_tokens=8_000,
        cache_write_tokens=1_000,
        cache_write_1h_tokens=400,
        output_tokens=0,
    ).usage

    assert usage == [
        Part("Input", "12,000", 0),
        Part("Cached input", "8,000", 1),
        Part("Cache write", "1,000", 1),
        Part("of it for 1 hour", "400", 2),
        Part("Output", "0", 0),
    ]


def test_units_that_are_no_tokens_are_listed_too():
    assert shown(extra_units={"web_searches": 3}).usage[-1] == Part("web searches", "3", 0)


def test_costs_are_exact_and_add_up():
    found = shown(
        cost_usd=Decimal("0.001500000000001"),
        cost_input_usd=Decimal("0.001"),
        cost_output_usd=Decimal("0.000500000000001"),
        cost_other_usd=Decimal(0),
    )

    assert found.costs == [Fact("Input", "$0.001"), Fact("Output", "$0.000500000000001")]
    assert found.total_cost == "$0.001500000000001"


def test_an_unpriced_call_has_no_costs_and_says_why():
    found = shown(cost_usd=None, cost_source="none")

    assert (found.costs, found.total_cost) == ([], "")
    assert values(found.pricing)["Cost comes from"] == "Unknown: no rate card matches"
    assert found.notes == ["No rate card matches this model: the cost is unknown, not zero."]


@pytest.mark.parametrize(
    ("columns", "source", "cost"),
    [
        (
            {"cost_source": "none", "cost_usd": None},
            "Unknown: nobody said what the call used",
            "Its cost is unknown, not zero.",
        ),
        (
            {"cost_source": "reported", "cost_usd": Decimal("0.5")},
            "Reported by the client, who did not say what was used",
            "The cost is what the client reported.",
        ),
    ],
)
def test_a_call_of_unknown_usage_says_so_and_shows_no_counts(columns, source, cost):
    found = shown(price_match="no-usage", usage_rule="unstated", input_tokens=0, usage_partial=True, **columns)

    assert found.usage == [Part("Input", "unknown"), Part("Output", "unknown")]
    assert values(found.pricing)["Cost comes from"] == source
    assert "Matched by" not in values(found.pricing)
    assert values(found.pricing)["Which means"] == "Nobody stated a count."
    assert found.notes == [f"The usage of this call is not known: nobody said what it used. {cost}"]


def test_a_free_call_costs_zero():
    assert shown(cost_usd=Decimal(0), cost_source="rate_card").total_cost == "$0"


@pytest.mark.parametrize(
    ("more", "note"),
    [
        ({"cost_source": "reported"}, "The cost is what the client reported; no rate card matches this model."),
        ({"usage_estimated": True}, "The stream ended before its usage arrived: tokens and cost are estimates."),
        ({"usage_partial": True}, "The usage is partial: the stream ended early."),
        (
            {"usage_inconsistent": True},
            "The token counts contradict each other; they are stored as they were sent.",
        ),
    ],
)
def test_what_must_be_known_before_the_numbers_are_trusted(more, note):
    assert shown(**more).notes == [note]


def test_pricing_says_how_the_price_was_found():
    pricing = values(
        shown(
            cost_source="rate_card",
            price_match="catalogue",
            rate_card_id=7,
            usage_rule="exclusive-cache+reasoning",
            service_tier="batch",
            reported_cost_usd=Decimal("0.10"),
        ).pricing
    )

    assert pricing == {
        "Cost comes from": "Rate card",
        "Matched by": "catalogue",
        "Priced as": "openai gpt-4o",
        "Rate card": "no. 7",
        "Reported by the client": "$0.1",
        "Usage read as": "exclusive-cache+reasoning",
        "Which means": "More tokens were cached than input was sent, so the cached ones came on top and were added."
        " Reasoning came beside the output and was added to it.",
        "Service tier": "batch",
    }


def test_request_leaves_out_what_was_not_given():
    request = values(shown(model="gpt-4o-2024", operation="chat", latency_ms=1234.0, http_status=429).request)

    assert request == {
        "Model as sent": "gpt-4o-2024",
        "Provider": "openai",
        "Operation": "chat",
        "Streamed": "No",
        "Latency": f"1.23{NB}s",
        "HTTP status": "429",
    }


def test_the_provider_as_sent_shows_when_it_was_another_word():
    assert "Provider as sent" not in values(shown(provider_raw="openai").request)
    assert values(shown(provider_raw="azure_ai").request)["Provider as sent"] == "azure_ai"


def test_attribution_ids_and_tags():
    found = shown(feature="chat", team="red", source="rest", trace_id="t-1", tags={"b": 2, "a": "<x>"})

    assert values(found.attribution) == {
        "Feature": "chat",
        "Team": "red",
        "API key": "prod (abc12345)",
        "Source": "rest",
    }
    assert found.ids == [Fact("Call", "c-1"), Fact("Trace", "t-1")]
    assert found.tags == [Fact("a", "<x>"), Fact("b", "2")]


def test_totals():
    assert shown(input_tokens=12, output_tokens=30).total_tokens == 42


@pytest.mark.parametrize(
    ("cost", "text"),
    [("0.00001234", "$0.00001234"), ("1E-9", "$0.000000001"), ("1500.50", "$1,500.5"), ("0", "$0"), ("1E+3", "$1,000")],
)
def test_exact_dollars_have_every_digit(cost, text):
    assert exact_usd(Decimal(cost)) == text


RULES = [value for name, value in vars(counts).items() if name.isupper() and isinstance(value, str)]


@pytest.mark.parametrize("rule", [rule for rule in RULES if not rule.startswith("+")])
def test_every_rule_of_usage_has_plain_words(rule):
    assert usage_rule(rule) != rule
    assert usage_rule(rule).endswith(".")
    assert (
        usage_rule(rule + counts.REASONING_ADDED)
        == f"{usage_rule(rule)} Reasoning came beside the output and was added to it."
    )


def test_a_rule_or_step_that_is_not_known_is_shown_by_its_name():
    assert (usage_rule("new-rule"), price_match("new-step"), usage_rule("")) == ("new-rule", "new-step", "")


@pytest.mark.parametrize(
    "step", [matching.OVERRIDE, matching.EXACT, matching.PREFIX, matching.DATE_DASHED, matching.SUFFIX]
)
def test_every_step_of_matching_has_plain_words(step):
    assert price_match(step).startswith("the ")


def test_facts_lead_to_their_pages():
    found = details(call(trace_id="t-1", user_id="ada"), key_name="", links={"Trace": "/t", "End user": "/u"})

    assert Fact("Trace", "t-1", "/t") in found.ids
    assert Fact("End user", "ada", "/u") in found.attribution
    assert Fact("Call", "c-1", "") in found.ids
