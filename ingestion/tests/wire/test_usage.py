import pytest

from ingestion.tests.wire.builders import accepted, refused
from ingestion.wire.types import Usage
from ingestion.wire.usage import UNSTATED, CountError, Reading, is_unknown, parts_fit, settle

BILLION = 10**9


def settled(total=None, cache=Reading.UNKNOWN, reasoning=Reading.UNKNOWN, **counts):
    usage = settle(Usage(**counts), total=total, cache=cache, reasoning=reasoning)
    return usage.input_tokens, usage.output_tokens, usage.rule, usage.inconsistent


@pytest.mark.parametrize("total", [None, 0])
def test_without_anything_to_go_by_counts_are_inclusive(total):
    assert settled(input_tokens=10, output_tokens=5, total=total) == (10, 5, "inclusive", False)
    assert settled(input_tokens=10, output_tokens=5, cached_input_tokens=10, total=total) == (10, 5, "inclusive", False)
    assert settled(input_tokens=10, output_tokens=5, reasoning_tokens=5, total=total) == (10, 5, "inclusive", False)


def test_more_cached_than_input_means_that_input_leaves_it_out():
    counts = {"input_tokens": 10, "output_tokens": 5, "cached_input_tokens": 8, "cache_write_tokens": 3}

    assert settled(**counts) == (21, 5, "exclusive-cache", False)


def test_a_total_with_the_cache_on_top_means_exclusive():
    counts = {"input_tokens": 10, "output_tokens": 5, "cached_input_tokens": 4, "cache_write_tokens": 2}

    assert settled(**counts, total=21) == (16, 5, "exclusive-total", False)
    assert settled(**counts, total=15) == (10, 5, "inclusive-total", False)


def test_a_total_beyond_every_reading_is_inconsistent():
    counts = {"input_tokens": 10, "output_tokens": 5, "cached_input_tokens": 4}

    assert settled(**counts, total=16) == (10, 5, "inclusive", True)
    assert settled(**counts, total=14) == (10, 5, "inclusive", True)


def test_more_reasoning_than_output_means_that_output_leaves_it_out():
    assert settled(input_tokens=1, output_tokens=5, reasoning_tokens=6) == (1, 11, "inclusive+reasoning", False)


def test_a_total_with_the_reasoning_on_top_means_that_output_leaves_it_out():
    counts = {"input_tokens": 10, "output_tokens": 5, "reasoning_tokens": 3}

    assert settled(**counts, total=18) == (10, 8, "inclusive-total+reasoning", False)
    assert settled(**counts, total=15) == (10, 5, "inclusive-total", False)


def test_both_sides_are_read_from_one_total():
    counts = {"input_tokens": 10, "output_tokens": 5, "cached_input_tokens": 4, "reasoning_tokens": 3}

    assert settled(**counts, total=22) == (14, 8, "exclusive-total+reasoning", False)
    assert settled(**counts, total=19) == (14, 5, "exclusive-total", False)
    assert settled(**counts, total=18) == (10, 8, "inclusive-total+reasoning", False)


def test_an_ambiguous_total_is_read_as_exclusive_input_first():
    counts = {"input_tokens": 10, "output_tokens": 5, "cached_input_tokens": 3, "reasoning_tokens": 3}

    assert settled(**counts, total=18) == (10, 8, "inclusive-total+reasoning", False)


def test_a_known_format_goes_before_arithmetic():
    counts = {"input_tokens": 10, "output_tokens": 5, "cached_input_tokens": 4}

    assert settled(**counts, cache=Reading.BESIDE) == (14, 5, "exclusive-shape", False)
    assert settled(**counts, cache=Reading.BESIDE, total=15) == (14, 5, "exclusive-shape", False)
    assert settled(**counts, cache=Reading.INSIDE, total=19) == (10, 5, "inclusive-shape", False)
    assert settled(**counts, cache=Reading.BESIDE, total=20) == (14, 5, "exclusive-shape", True)


def test_a_format_that_contradicts_its_own_numbers_is_inconsistent():
    counts = {"input_tokens": 10, "output_tokens": 5, "cached_input_tokens": 11}

    assert settled(**counts, cache=Reading.INSIDE) == (10, 5, "inclusive-shape", True)


def test_likely_reasoning_is_added_unless_the_total_says_otherwise():
    counts = {"input_tokens": 10, "output_tokens": 5, "reasoning_tokens": 3, "reasoning": Reading.LIKELY_BESIDE}

    assert settled(**counts) == (10, 8, "inclusive+reasoning", False)
    assert settled(**counts, total=18) == (10, 8, "inclusive-total+reasoning", False)
    assert settled(**counts, total=15) == (10, 5, "inclusive-total", False)
    assert settled(**counts, total=99) == (10, 8, "inclusive+reasoning", True)


def test_known_reasoning_is_added_or_not_whatever_the_total_says():
    counts = {"input_tokens": 10, "output_tokens": 5, "reasoning_tokens": 3}

    assert settled(**counts, reasoning=Reading.INSIDE, total=18) == (10, 5, "inclusive-total", False)
    assert settled(**counts, reasoning=Reading.BESIDE, total=15) == (10, 8, "inclusive-total+reasoning", False)


@pytest.mark.parametrize(
    "parts",
    [
        {"cached_input_tokens": 60, "audio_input_tokens": 50},
        {"image_input_tokens": 101},
        {"audio_input_tokens": 101},
        {"cache_write_1h_tokens": 1},
        {"cached_audio_input_tokens": 1},
        {"cached_input_tokens": 5, "audio_input_tokens": 4, "cached_audio_input_tokens": 5},
        {"cached_input_tokens": 4, "audio_input_tokens": 5, "cached_audio_input_tokens": 5},
        {"audio_output_tokens": 101},
        {"image_output_tokens": 60, "reasoning_tokens": 50},
    ],
)
def test_parts_that_do_not_fit_are_stored_as_sent_and_flagged(parts):
    usage = settle(Usage(input_tokens=100, output_tokens=100, **parts))

    assert usage == Usage(input_tokens=100, output_tokens=100, inconsistent=True, **parts)


def test_cached_audio_counts_once():
    usage = Usage(
        input_tokens=100,
        cached_input_tokens=70,
        audio_input_tokens=60,
        cached_audio_input_tokens=40,
        image_input_tokens=10,
    )

    assert parts_fit(usage)
    usage.image_input_tokens = 11
    assert not parts_fit(usage)


@pytest.mark.parametrize(
    ("counts", "field"),
    [
        ({"input_tokens": BILLION - 1, "cached_input_tokens": BILLION}, "input_tokens"),
        ({"output_tokens": 1, "reasoning_tokens": BILLION}, "output_tokens"),
        ({"input_tokens": 5, "audio_input_tokens": BILLION + 1}, "audio_input_tokens"),
    ],
)
def test_sums_beyond_a_billion_are_refused(counts, field):
    with pytest.raises(CountError, match="must be ≤ 1000000000 in total") as refusal:
        settle(Usage(**counts))

    assert refusal.value.field == field


def test_an_event_whose_sum_is_too_large_is_rejected():
    assert refused(input_tokens=BILLION - 1, cached_input_tokens=BILLION) == [
        ("input_tokens", "must be ≤ 1000000000 in total")
    ]


def test_an_events_counts_follow_the_rules():
    usage = accepted(
        input_tokens=10, output_tokens=5, cached_input_tokens=8, cache_write_tokens=3, total_tokens=26
    ).usage

    assert (usage.input_tokens, usage.output_tokens, usage.rule) == (21, 5, "exclusive-cache")
    assert (usage.cached_input_tokens, usage.cache_write_tokens, usage.inconsistent) == (8, 3, False)


# Numbers reported in public issue threads (otel-dialects.md, regression vectors), as counts of an event.


def test_regression_bedrock_claude_sonnet_is_exclusive():
    usage = accepted(
        prompt_tokens=3, completion_tokens=442, cached_input_tokens=7917, cache_write_tokens=350, total_tokens=8712
    ).usage

    assert (usage.input_tokens, usage.output_tokens) == (8270, 442)
    assert (usage.rule, usage.inconsistent) == ("exclusive-cache", False)


def test_regression_strands_on_bedrock_is_exclusive():
    usage = accepted(
        input_tokens=4299, output_tokens=631, cached_input_tokens=35_574, cache_write_tokens=17_787, total_tokens=58_291
    ).usage

    assert (usage.input_tokens, usage.output_tokens) == (57_660, 631)
    assert (usage.rule, usage.inconsistent) == ("exclusive-cache", False)


def test_regression_strands_without_its_cache_keys_is_flagged_and_never_billed_as_output():
    usage = accepted(input_tokens=4299, output_tokens=631, total_tokens=58_291).usage

    assert (usage.input_tokens, usage.output_tokens) == (4299, 631)
    assert (usage.rule, usage.inconsistent) == ("inclusive", True)


def test_regression_xai_reasoning_is_beside_the_completion():
    usage = accepted(
        provider="xai",
        prompt_tokens=2640,
        cached_input_tokens=473,
        completion_tokens=182,
        reasoning_tokens=672,
        total_tokens=3494,
    ).usage

    assert (usage.input_tokens, usage.output_tokens) == (2640, 854)
    assert (usage.rule, usage.inconsistent) == ("inclusive-total+reasoning", False)


def test_regression_ai_sdk_on_anthropic_is_inclusive():
    usage = accepted(input_tokens=18_495, cached_input_tokens=16_399, cache_write_tokens=2089, output_tokens=445).usage

    assert usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens == 7
    assert (usage.output_tokens, usage.rule, usage.inconsistent) == (445, "inclusive", False)


def test_regression_anthropic_exclusive():
    usage = accepted(
        input_tokens=7, output_tokens=123, cache_write_tokens=1101, cached_input_tokens=20_646, total_tokens=21_877
    ).usage

    assert (usage.input_tokens, usage.output_tokens) == (21_754, 123)
    assert (usage.rule, usage.inconsistent) == ("exclusive-cache", False)


def test_regression_gemini_cached_tokens_are_inside_the_input():
    usage = accepted(input_tokens=20_212, cached_input_tokens=16_298, output_tokens=931).usage

    uncached = usage.input_tokens - usage.cached_input_tokens
    micro_usd = uncached * 0.50 + usage.cached_input_tokens * 0.05 + usage.output_tokens * 3.00
    assert round(micro_usd / 1e6, 4) == 0.0056


# --- What nobody knows ---


def flagged(**event):
    """Whether nobody knows what an event's call used, and how its counts were read."""
    call = accepted(**event)
    return is_unknown(call), call.usage.rule


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"usage": None},
        {"usage": {}},
        {"input_tokens": None, "output_tokens": None, "cached_input_tokens": None},
        {"extra_units": {}},
        {"operation": "embedding"},
        {"status": "ok", "http_status": 200},
        {"cost_usd": "0"},
        {"cost_usd": "0.25"},
    ],
)
def test_a_call_that_went_well_and_was_given_no_count_used_what_nobody_knows(event):
    assert flagged(**event) == (True, UNSTATED)


@pytest.mark.parametrize(
    ("event", "rule"),
    [
        ({"input_tokens": 1}, "inclusive"),
        ({"completion_tokens": 1}, "inclusive"),
        ({"reasoning_tokens": 1}, "inclusive+reasoning"),
        ({"input_tokens": 0}, "inclusive"),  # an answer out of a cache used nothing
        ({"prompt_tokens": 0, "completion_tokens": 0}, "inclusive"),
        ({"cached_input_tokens": 0}, "inclusive"),
        ({"usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}}, "inclusive"),
        ({"extra_units": {"web_searches": 1}}, UNSTATED),
        ({"usage": {"seconds": 3}}, "inclusive"),
        ({"status": "error"}, UNSTATED),
        ({"http_status": 429}, UNSTATED),
        ({"error_type": "timeout"}, UNSTATED),
        ({"input_tokens": 3, "usage_partial": True}, "inclusive"),
        ({"output_tokens": 3, "usage_estimated": True}, "estimated"),
    ],
)
def test_what_was_stated_is_known_and_so_is_that_a_failed_call_used_nothing(event, rule):
    assert flagged(**event) == (False, rule)


@pytest.mark.parametrize("status", ["ok", "error"])
@pytest.mark.parametrize(
    "event",
    [
        {"usage_partial": True},
        {"usage_estimated": True},
        {"usage_partial": True, "usage_estimated": True},
        {"input_tokens": 0, "output_tokens": 0, "usage_estimated": True},
        {"total_tokens": 57},  # nobody says how much of it was read
        {"input_tokens": 0, "output_tokens": 0, "total_tokens": 57},
    ],
)
def test_a_count_of_0_that_is_said_not_to_be_all_is_no_number(event, status):
    assert flagged(**event, status=status)[0] is True
