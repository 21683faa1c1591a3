import json

from ingestion.tests.wire.builders import MARKER, parse, parse_text
from ingestion.tests.wire.otlp.builders import CHAT, request, span
from ingestion.tests.wire.otlp.builders import parse as parse_spans
from ingestion.wire.batch import FieldError
from ingestion.wire.refused import Count, Reason, refused

NO_MODEL = Reason("model", "is required")


def test_a_batch_without_refusals_adds_up_to_nothing():
    assert refused(parse([{"model": "m"}])) == {}


def test_events_are_counted_by_reason_and_once_in_all():
    batch = parse([{}, {"model": "m"}, {"input_tokens": -1}, {"status": "odd", "model": "m"}])

    assert refused(batch) == {
        NO_MODEL: Count(2, 1, {"input_tokens"}),
        Reason("input_tokens", "must be ≥ 0"): Count(1, 1, {"input_tokens"}),
        Reason("status", "must be ok or error"): Count(1, 1, {"model, status"}),
    }


def test_the_same_error_twice_in_an_event_counts_once():
    batch = parse([{}])
    batch.rejected[0].errors.append(FieldError(*NO_MODEL))

    assert refused(batch) == {NO_MODEL: Count(1, 1, set())}


def test_three_events_of_a_request_are_sampled():
    batch = parse([{name: "x"} for name in ("team", "feature", "session_id", "trace_id", "user_id")])

    assert refused(batch) == {NO_MODEL: Count(5, 5, {"team", "feature", "session_id"})}


def test_only_refused_events_are_sampled():
    batch = parse([{"model": "m", "team": "a"}, {"model": 7}, {"model": "m", "user_id": "u"}])

    assert batch.refused_names == {1: ("model",)}


def test_lines_are_sampled_too():
    text = '{"model": "m"}\n\n{"team": "a"}\nnonsense\n'

    batch = parse_text(text, content_type="application/x-ndjson")

    assert batch.refused_names == {1: ("team",), 2: ()}
    assert refused(batch) == {NO_MODEL: Count(1, 1, {"team"}), Reason("", "is not valid JSON"): Count(1, 1, set())}


def test_what_the_caller_refuses_later_is_counted_as_well():
    batch = parse([{"model": "m"}, {}])
    batch.refuse_calls({0: FieldError("project", "is not a project")})

    assert refused(batch) == {Reason("project", "is not a project"): Count(1, 1), NO_MODEL: Count(1, 1)}


def test_spans_are_sampled_by_the_names_of_their_attributes():
    attributes = {name: value for name, value in CHAT.items() if "model" not in name}
    batch = parse_spans(request([span({**attributes, "gen_ai.input.messages": MARKER, MARKER: 1}), span(CHAT)]))

    assert batch.refused_names == {0: tuple(sorted(["(content)", "(unknown field)", *attributes]))}


def test_no_reason_and_no_sample_repeats_what_was_sent():
    event = {
        "model": [MARKER],
        "status": MARKER,
        "timestamp": MARKER,
        MARKER: MARKER,
        "prompt": MARKER,
        "cost_usd": MARKER,
    }
    batch = parse_text(json.dumps([event, {"usage": {MARKER: MARKER}, "tags": {MARKER: [MARKER]}}]))

    assert len(batch.rejected) == 2
    assert MARKER not in str(refused(batch))
