import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.core.serializers.json import DjangoJSONEncoder

from core import charts as contract
from core.charts import Look
from dashboards import charts
from dashboards.numbers import ModelName, Overview, Sums
from ingestion import histogram

GPT, SONNET, LLAMA = ModelName("openai", "gpt-4o"), ModelName("anthropic", "sonnet"), ModelName("acme", "llama")


LOOKS = {GPT: Look(1), SONNET: Look(2), LLAMA: Look(3)}


def sums(cost="0", *, calls=1, **more):
    return Sums(calls=calls, cost_usd=Decimal(cost), **more)


def unpriced(calls):
    return Sums(calls=calls, unpriced_calls=calls)


def numbers(series, *, total=None, buckets=None, models=None):
    """An overview whose totals add up from {model: {bucket: sums}}."""
    added = {model: added_up(of_model.values()) for model, of_model in series.items()}
    names = {bucket for of_model in series.values() for bucket in of_model}
    by_bucket = {name: added_up(m[name] for m in series.values() if name in m) for name in sorted(names)}
    return Overview(
        total=total or added_up(added.values()),
        before=Sums(),
        buckets=buckets or by_bucket,
        models=models or added,
        series=series,
    )


def added_up(parts):
    fields = ("calls", "errors", "unpriced_calls", "cost_usd", "input_tokens", "output_tokens")
    parts = list(parts)
    return Sums(**{name: sum((getattr(part, name) for part in parts), Decimal(0)) for name in fields})


def test_cost_is_stacked_by_model_in_the_order_of_the_numbers(chosen):
    found = numbers({GPT: {"2026-07-09": sums("2.5"), "2026-07-14": sums("0.1")}, SONNET: {"2026-07-09": sums("1")}})

    spec = charts.cost_over_time(found, chosen(), LOOKS)

    assert (spec["kind"], spec["unit"], spec["partial"]) == ("stacked-bar", "usd", True)
    assert spec["x"] == [f"2026-07-{day:02}" for day in range(8, 15)]
    assert [(s["name"], s["color_index"]) for s in spec["series"]] == [("gpt-4o", 1), ("sonnet", 2)]
    assert spec["series"][0]["data"] == [0, Decimal("2.5"), 0, 0, 0, 0, Decimal("0.1")]
    assert spec["series"][1]["data"] == [0, Decimal(1), 0, 0, 0, 0, 0]


def test_what_the_shown_models_leave_is_all_others_exactly(chosen):
    found = numbers(
        {GPT: {"2026-07-09": sums("0.1")}},
        total=sums("0.3"),
        buckets={"2026-07-09": sums("0.3")},
        models={GPT: sums("0.1")},
    )

    rest = charts.cost_over_time(found, chosen(), LOOKS)["series"][-1]

    assert (rest["name"], rest["color_index"]) == ("All others", 0)
    assert rest["data"][1] == Decimal("0.2")


def test_a_model_without_any_price_is_not_drawn_as_zero(chosen):
    found = numbers({GPT: {"2026-07-09": sums("1")}, LLAMA: {"2026-07-09": unpriced(5)}})

    assert [s["name"] for s in charts.cost_over_time(found, chosen(), LOOKS)["series"]] == ["gpt-4o"]
    assert [s["name"] for s in charts.cost_by_model(found, LOOKS)["series"]] == ["gpt-4o"]


def test_a_bucket_in_which_no_call_had_a_price_is_unknown(chosen):
    found = numbers({GPT: {"2026-07-09": sums("1"), "2026-07-10": unpriced(3)}})

    assert charts.cost_over_time(found, chosen(), LOOKS)["series"][0]["data"][:4] == [0, Decimal(1), None, 0]


def test_nothing_priced_gives_an_empty_chart(chosen):
    found = numbers({LLAMA: {"2026-07-09": unpriced(5)}})

    assert contract.is_empty(charts.cost_over_time(found, chosen(), LOOKS))
    assert contract.is_empty(charts.cost_by_model(found, LOOKS))
    assert charts.cost_by_model(found, LOOKS)["total"] is None


def test_buckets_that_have_not_begun_are_gaps_and_not_zeros(chosen):
    today = chosen("from=2026-07-14&to=2026-07-14")
    found = numbers({GPT: {"2026-07-14T09:00:00+00:00": sums("1")}})

    spec = charts.cost_over_time(found, today, LOOKS)

    assert spec["series"][0]["data"] == [0] * 9 + [Decimal(1), 0] + [None] * 13
    assert spec["partial"] is False  # the last bucket is not the running one
    assert charts.spark(found, today, lambda s: s.calls) == [0] * 9 + [1, 0]


def test_a_period_that_is_over_has_no_running_bucket(chosen):
    assert charts.cost_over_time(numbers({}), chosen("from=2026-06-01&to=2026-06-30"), LOOKS)["partial"] is False
    assert charts.cost_over_time(numbers({}), chosen("range=24h"), LOOKS)["partial"] is True


def test_days_begin_on_the_organizations_clock(chosen, berlin):
    late = chosen(now=datetime(2026, 7, 14, 22, 30, tzinfo=UTC), zone=berlin)

    assert charts.has_begun("2026-07-15", late)
    assert not charts.has_begun("2026-07-16", late)


def test_tokens_are_stacked_in_parts_that_add_up(chosen):
    day = sums(input_tokens=100, cached_input_tokens=60, output_tokens=50, reasoning_tokens=20)
    found = numbers({}, total=day, buckets={"2026-07-09": day})

    spec = charts.tokens_over_time(found, chosen())

    assert [(s["name"], s["data"][1]) for s in spec["series"]] == [
        ("Input", 40),
        ("Cached input", 60),
        ("Output", 30),
        ("Reasoning", 20),
    ]
    assert sum(s["data"][1] for s in spec["series"]) == day.tokens


def test_kinds_of_tokens_that_never_occurred_are_left_out(chosen):
    found = numbers({}, buckets={"2026-07-09": sums(input_tokens=100, output_tokens=50)})

    assert [s["name"] for s in charts.tokens_over_time(found, chosen())["series"]] == ["Input", "Output"]


def test_counts_that_contradict_each_other_are_not_drawn_below_zero(chosen):
    day = sums(input_tokens=10, cached_input_tokens=60, output_tokens=5, reasoning_tokens=9)

    spec = charts.tokens_over_time(numbers({}, buckets={"2026-07-09": day}), chosen())

    assert [s["data"][1] for s in spec["series"]] == [60, 9]


def test_shares_add_up_to_the_total():
    models = {ModelName("p", f"m{n:02}"): sums(str(20 - n)) for n in range(12)}
    found = Overview(total=sums("174"), before=Sums(), models=models)

    spec = charts.cost_by_model(found, {model: Look(n + 1) for n, model in enumerate(models)})

    assert spec["kind"] == "donut"
    assert [s["color_index"] for s in spec["series"]] == [*range(1, 7), 0]
    assert spec["series"][-1]["data"] == [Decimal(69)]
    assert sum(s["data"][0] for s in spec["series"]) == spec["total"] == Decimal(174)


def test_calls_of_a_status_have_their_own_charts(chosen):
    errors = chosen("status=error")
    found = numbers({GPT: {"2026-07-09": sums(calls=5, errors=2)}, SONNET: {"2026-07-09": sums(calls=9)}})

    assert [s["data"][1] for s in charts.calls_over_time(found, errors, LOOKS)["series"]] == [2]
    assert [s["data"][1] for s in charts.calls_over_time(found, chosen("status=ok"), LOOKS)["series"]] == [3, 9]
    assert charts.calls_by_model(found, errors, LOOKS)["total"] == 2
    assert [s["name"] for s in charts.calls_by_model(found, errors, LOOKS)["series"]] == ["gpt-4o"]


def test_latency_shows_the_models_that_gave_one():
    fast = int(Decimal(histogram.encode([100] * 20)))
    models = {GPT: sums("2", latency=fast), LLAMA: sums("1"), SONNET: sums("1", latency=fast)}
    found = Overview(total=sums("4"), before=Sums(), models=models)

    spec = charts.latency_by_model(found)

    assert spec["x"] == ["gpt-4o", "sonnet"]
    assert [s["name"] for s in spec["series"]] == ["p50", "p95"]
    assert spec["series"][0]["data"] == [pytest.approx(100, rel=0.05)] * 2


def test_models_of_one_name_are_told_apart_by_provider():
    azure = ModelName("azure", "gpt-4o")
    unknown = ModelName("", "gpt-4o")

    assert charts.model_names([GPT, azure, SONNET, unknown]) == {
        GPT: "gpt-4o (openai)",
        azure: "gpt-4o (azure)",
        SONNET: "sonnet",
        unknown: "gpt-4o (no provider)",
    }


def test_a_model_has_its_own_look_on_every_chart_whatever_its_rank(chosen):
    models = {ModelName("p", f"m{n:02}"): sums(str(20 - n), latency=1) for n in range(12)}
    series = {model: {"2026-07-09": models[model]} for model in list(models)[:9]}
    found = Overview(
        total=sums("174"), before=Sums(), buckets={"2026-07-09": sums("174")}, models=models, series=series
    )
    shown = charts.shown_models(found)
    looks = {model: Look(10 - n, n % 2) for n, model in enumerate(shown)}

    over_time = {s["name"]: look_of(s) for s in charts.cost_over_time(found, chosen(), looks)["series"]}

    shares = {s["name"]: look_of(s) for s in charts.cost_by_model(found, looks)["series"]}
    assert [model.model_key for model in shown] == [f"m{n:02}" for n in range(9)]
    assert shares.items() <= over_time.items()
    assert (over_time["m00"], over_time["m01"]) == (Look(10), Look(9, 1))
    assert over_time["All others"] == Look(0)


def look_of(series):
    return Look(series["color_index"], series.get("pattern", 0))


def test_the_browser_gets_exact_numbers(chosen):
    spec = charts.cost_over_time(numbers({GPT: {"2026-07-09": sums("0.000000000000000001")}}), chosen(), LOOKS)

    sent = json.loads(json.dumps(spec, cls=DjangoJSONEncoder))

    assert Decimal(sent["series"][0]["data"][1]) == Decimal("1E-18")
    assert contract.table(spec).rows[1] == ("9 Jul", "<$0.000000000001")


def test_the_table_says_what_the_chart_draws(chosen):
    spec = charts.cost_over_time(
        numbers({GPT: {"2026-07-09": sums("1234.5"), "2026-07-10": unpriced(1)}}), chosen(), LOOKS
    )

    table = contract.table(spec)

    assert table.columns == ("Time", "gpt-4o")
    assert table.rows[:4] == (("8 Jul", "$0.00"), ("9 Jul", "$1,234.50"), ("10 Jul", "–"), ("11 Jul", "$0.00"))


# --- Beside an earlier period ---


def compared(**changes):
    found = numbers({GPT: {"2026-07-09": sums("2.5", input_tokens=5)}})
    earlier = {"2026-07-01": sums("1", input_tokens=3), "2026-07-07": sums("4", input_tokens=4)}
    return replace(found, earlier=earlier, first_day=date(2026, 1, 1), **changes)


def test_the_period_before_is_a_dashed_line_on_this_ones_days(chosen):
    cost = charts.cost_over_time(compared(), chosen(), LOOKS)["series"][-1]
    tokens = charts.tokens_over_time(compared(), chosen())["series"][-1]

    assert (cost["name"], cost["color_index"], cost["dashed"]) == ("Period before", 0, True)
    assert cost["data"] == [Decimal(1), 0, 0, 0, 0, 0, Decimal(4)]
    assert (tokens["name"], tokens["data"], tokens["dashed"]) == ("Period before", [3, 0, 0, 0, 0, 0, 4], True)


def test_an_earlier_period_of_a_status_counts_its_calls(chosen):
    found = replace(compared(), earlier={"2026-07-01": sums(calls=5, errors=2)})

    assert charts.calls_over_time(found, chosen("status=error"), LOOKS)["series"][-1]["data"][0] == 2


@pytest.mark.parametrize("changes", [{"first_day": date(2026, 7, 2)}, {"first_day": None}, {"earlier": {}}])
def test_an_earlier_period_that_is_not_whole_is_no_line(chosen, changes):
    spec = charts.cost_over_time(replace(compared(), **changes), chosen(), LOOKS)

    assert [one["name"] for one in spec["series"]] == ["gpt-4o"]


def test_last_year_has_its_own_name(chosen):
    found = replace(compared(), earlier={"2025-07-08": sums("1")}, first_day=date(2025, 1, 1))

    assert charts.cost_over_time(found, chosen("compare=year"), LOOKS)["series"][-1]["name"] == "Last year"
