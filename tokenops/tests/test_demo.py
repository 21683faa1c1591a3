from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tokenops.demo.generate import DAYS, DemoCall, demo_calls
from tokenops.demo.profiles import PROJECTS
from tokenops.demo.resources import DemoSample, demo_samples

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
WEEK, DAY = timedelta(days=7), timedelta(days=1)


@pytest.fixture(scope="module")
def calls() -> list[DemoCall]:
    return list(demo_calls(now=NOW))


def of(calls: list[DemoCall], feature: str, since: datetime, until: datetime = NOW) -> list[DemoCall]:
    return [item for item in calls if item.call.feature == feature and since <= item.call.started_at < until]


def mean(numbers: list[int]) -> float:
    return sum(numbers) / len(numbers)


def test_same_moment_gives_the_same_calls(calls):
    assert [item.call for item in demo_calls(now=NOW)] == [item.call for item in calls]


def test_calls_cover_ninety_days_and_never_the_future(calls):
    first, last = min(c.call.started_at for c in calls), max(c.call.started_at for c in calls)

    assert (NOW.date() - first.date()).days == DAYS
    assert NOW - DAY < last < NOW


def test_identities_are_unique(calls):
    assert len({item.call.call_id for item in calls}) == len(calls)


def test_parts_never_exceed_their_whole(calls):
    for item in calls:
        usage = item.call.usage
        assert usage.cached_input_tokens <= usage.input_tokens
        assert usage.reasoning_tokens <= usage.output_tokens


def test_several_teams_features_models_and_projects(calls):
    assert len({c.call.team for c in calls}) >= 5
    assert len({c.call.feature for c in calls}) >= 10
    assert len({c.call.model for c in calls}) >= 8
    assert {c.project for c in calls} == {"assistant", "documents", "research"}


# The situations of rules.md, each with the number the rule will look at.


def test_model_misuse(calls):
    found = of(calls, "intent-routing", NOW - WEEK)

    assert len(found) >= 50
    assert mean([c.call.usage.output_tokens for c in found]) < 100


def test_model_downgrade(calls):
    found = of(calls, "label-check", NOW - WEEK)
    small = [c for c in found if c.call.usage.input_tokens + c.call.usage.output_tokens < 100]

    assert len(small) / 7 >= 100


def test_long_prompts(calls):
    found = of(calls, "contract-review", NOW - WEEK)

    assert len(found) >= 50
    assert mean([c.call.usage.input_tokens for c in found]) > 2_000


def test_cache_waste(calls):
    hashes = Counter(c.call.prompt_hash for c in of(calls, "faq-answers", NOW - DAY - DAY, NOW - DAY))

    assert max(hashes.values()) >= 50


def test_prompt_cache_opportunity(calls):
    day = datetime(2026, 11, 19, tzinfo=UTC)
    found = of(calls, "contract-review", day, day + DAY)

    assert len(found) >= 50
    assert len({c.call.prompt_prefix_hash for c in found}) == 1
    assert sum(c.call.usage.cached_input_tokens for c in found) == 0


def test_spike(calls):
    yesterday = datetime(2026, 11, 19, tzinfo=UTC)
    before = of(calls, "campaign-copy", yesterday - WEEK, yesterday)
    spike = of(calls, "campaign-copy", yesterday, yesterday + DAY)

    assert len(spike) >= 100
    assert len(spike) > 3 * len(before) / 7


def test_error_burst_in_the_last_full_hour(calls):
    hour = NOW.replace(minute=0)
    found = of(calls, "translation", hour - timedelta(hours=1), hour)
    before = of(calls, "translation", hour - WEEK, hour - timedelta(hours=2))

    def errors(some: list[DemoCall]) -> float:
        return mean([int(c.call.status == "error") for c in some])

    assert len(found) >= 50
    assert errors(found) > 0.10
    assert errors(found) > 3 * errors(before)


def test_latency_regression(calls):
    def p95(some: list[DemoCall]) -> float:
        latencies = sorted(c.call.latency_ms or 0.0 for c in some if c.call.status == "ok")
        return latencies[int(len(latencies) * 0.95)]

    found = of(calls, "summarization", NOW - DAY)
    before = of(calls, "summarization", NOW - WEEK - DAY, NOW - DAY)

    assert len(found) >= 100
    assert p95(found) > 2 * 1.11 * p95(before)


def test_unpriced_model(calls):
    assert of(calls, "code-review", NOW - WEEK)


# Traces, sessions and end users.


def traces(calls: list[DemoCall], feature: str) -> list[list[DemoCall]]:
    found = of(calls, feature, NOW - WEEK)
    by_trace: dict[str, list[DemoCall]] = {}
    for item in found:
        by_trace.setdefault(item.call.trace_id, []).append(item)
    return list(by_trace.values())


def test_an_agents_run_is_one_trace_whose_calls_follow_each_other(calls):
    whole = [run for run in traces(calls, "research-agent") if len(run) == 6]

    assert len(whole) >= 20
    for run in whole:
        first = run[0].call
        assert not first.parent_span_id
        assert {item.call.parent_span_id for item in run[1:]} == {first.span_id}
        assert len({(item.call.session_id, item.call.user_id) for item in run}) == 1
        ends = [item.call.started_at + timedelta(milliseconds=item.call.latency_ms or 0) for item in run]
        assert all(end < later.call.started_at for end, later in zip(ends, run[1:], strict=False))


def test_other_calls_are_traces_of_their_own(calls):
    assert {len(run) for run in traces(calls, "embeddings")} == {1}


def test_a_session_is_what_one_person_did_in_a_day(calls):
    by_session: dict[str, set[str]] = {}
    for item in of(calls, "chatbot", NOW - WEEK):
        by_session.setdefault(item.call.session_id, set()).add(item.call.user_id)

    assert {len(users) for users in by_session.values()} == {1}
    assert len({item.call.user_id for item in calls}) == 420


# Samples of cloud resources.


@pytest.fixture(scope="module")
def samples() -> list[DemoSample]:
    return list(demo_samples(now=NOW))


def test_same_moment_gives_the_same_samples(samples):
    assert list(demo_samples(now=NOW)) == samples
    assert len({(item.sample.sample_id, item.sample.sampled_at) for item in samples}) == len(samples)
    assert NOW - DAY < max(item.sample.sampled_at for item in samples) < NOW
    assert {item.project for item in samples} <= set(PROJECTS)


def test_ram_over_provision_finds_exactly_one_resource(samples):
    week = [item.sample for item in samples if item.sample.sampled_at >= NOW - WEEK]
    peaks = {
        name: max(one.used_mb / one.allocated_mb for one in week if one.resource == name)
        for name in {one.resource for one in week}
    }

    assert len(peaks) == 4
    assert [name for name, peak in peaks.items() if peak < Decimal("0.4")] == ["invoice-ocr"]
    assert [name for name, peak in peaks.items() if peak > 1] == ["embed-batch"]
    assert min(Counter(one.resource for one in week).values()) >= 20
    assert all(one.cost_usd and one.cost_usd > 0 for one in week)
