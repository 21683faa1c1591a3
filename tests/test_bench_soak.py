"""What the soak says of its samples; the samples themselves come from a real run."""

from collections import Counter

import pytest

from bench import soak
from bench.soak import MB, Client, Sample


def sample(at, *, events=1_000, edge=100, latencies=(5.0,), statuses=None):
    answered = Counter(statuses or {202: 10})
    return Sample(at, events, list(latencies), answered, edge * MB, 50 * MB)


def edge_memory(one):
    return one.edge


def test_memory_that_stays_does_not_grow():
    assert soak.growth([sample(10.0 * n) for n in range(12)], edge_memory) == 0


def test_growth_is_the_rise_over_the_second_half_by_its_mean():
    samples = [sample(10.0 * n, edge=100 + n) for n in range(10)]

    assert soak.growth(samples, edge_memory) == pytest.approx(4 / 107)


def test_what_grows_before_the_second_half_is_warming_up():
    samples = [sample(10.0 * n, edge=min(20 * n, 100)) for n in range(12)]

    assert soak.growth(samples, edge_memory) < 0.01


def test_memory_given_back_is_negative_growth():
    assert soak.growth([sample(10.0 * n, edge=200 - n) for n in range(10)], edge_memory) < 0


def test_stability_compares_the_last_third_with_the_first():
    rates = [1_000, 1_000, 1_000, 1, 1, 1, 800, 700, 900]

    assert soak.stability([sample(float(n), events=rate) for n, rate in enumerate(rates)]) == pytest.approx(0.8)


def test_the_table_has_a_line_for_every_few_samples_and_rates_over_their_time():
    samples = [
        sample(10.0, latencies=[1.0, 3.0]),
        sample(20.0, events=3_000, latencies=[2.0], statuses={202: 5, 400: 2}, edge=120),
    ]

    assert soak.table(samples, lines=1).splitlines()[2:] == ["| 20 | 200 | 2 | 3 | 400: 2 | 120 | 50 |"]
    assert soak.table(samples, lines=2).splitlines()[2:] == [
        "| 10 | 100 | 3 | 3 | none | 100 | 50 |",
        "| 20 | 300 | 2 | 2 | 400: 2 | 120 | 50 |",
    ]


def test_a_sample_in_which_nothing_was_answered_has_no_latency():
    assert sample(10.0, latencies=[]).percentile(0.99) == 0


def test_every_event_of_a_client_has_an_id_of_its_own_and_the_clients_trace():
    client = Client(4, "key", soak.batch, soak.Random(1), size=3)

    events = [*soak.msgspec.json.decode(soak.batch(client)), *soak.msgspec.json.decode(soak.batch(client))]

    assert [event["id"] for event in events] == [f"4-{n:016x}" for n in range(1, 7)]
    assert {event["trace_id"] for event in events} == {f"{5:032x}"}


def test_spans_have_the_same_ids_as_events_would():
    client = Client(4, "key", soak.trace, soak.Random(1), size=2)

    request = soak.ExportTraceServiceRequest.FromString(soak.trace(client))

    spans = request.resource_spans[0].scope_spans[0].spans
    assert [(span.trace_id.hex(), span.span_id.hex()) for span in spans] == [
        (f"{5:032x}", f"{1:016x}"),
        (f"{5:032x}", f"{2:016x}"),
    ]


def test_what_is_broken_is_never_a_whole_document():
    client = Client(4, "key", soak.broken, soak.Random(1), size=2)

    for _ in range(200):
        with pytest.raises(soak.msgspec.DecodeError):
            soak.msgspec.json.decode(soak.broken(client))
