"""What the names of attributes can answer is decided once, and is the same whether it is remembered or not."""

import pytest

from ingestion.wire.otlp import shapes
from ingestion.wire.otlp.shapes import Tag, shape_of


def test_names_come_in_the_order_in_which_they_are_believed_not_in_that_of_the_span() -> None:
    shape = shape_of({"gen_ai.system": "openai", "user.id": "u", "gen_ai.provider.name": "azure"})

    assert shape.provider == ("gen_ai.provider.name", "gen_ai.system")
    assert shape.user == ("user.id",)
    assert shape.server == shape.kinds == ()
    assert shape.optional == ()


def test_counts_are_those_a_span_has() -> None:
    shape = shape_of(
        {"gen_ai.usage.output_tokens": 1, "gen_ai.usage.completion_tokens": 1, "gen_ai.usage.total_tokens": 2}
    )

    assert shape.counts == (("output_tokens", ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")),)
    assert shape.totals == ("gen_ai.usage.total_tokens",)
    assert shape.has_main_counts
    assert not shape_of({"gen_ai.usage.total_tokens": 2}).has_main_counts


def test_tags_are_kept_apart_by_prefix_and_leave_out_what_is_content_or_has_a_field() -> None:
    long = "x" * 51
    shape = shape_of(
        dict.fromkeys(
            (
                *("traceloop.association.properties.tier", "tokenops.tag.channel", f"tokenops.tag.{long}"),
                *("tokenops.tag.", "tokenops.tag.prompt", "tokenops.tag.ls_run"),
                "traceloop.association.properties.user_id",
            ),
            "v",
        )
    )

    assert shape.has_tags
    assert shape.tags == (
        (Tag("tokenops.tag.channel", "channel", True), Tag(f"tokenops.tag.{long}", long, False)),
        (Tag("traceloop.association.properties.tier", "tier", True),),
    )


def test_optional_fields_are_named_by_any_of_their_names() -> None:
    shape = shape_of({"llm.cost.total": 1, "session.id": "s", "output.value": "{}"})

    assert shape.optional == (
        ("session_id", ("session.id",)),
        ("response_id", ("output.value",)),
        ("reported_cost_usd", ("llm.cost.total",)),
    )


def test_content_is_counted_by_name() -> None:
    assert shape_of({"input.value": "", "gen_ai.prompt.0.content": "", "gen_ai.request.model": ""}).content_fields == 2


@pytest.mark.parametrize(
    ("version", "name"), [(6, "ai.usage.inputTokenDetails.cacheReadTokens"), (5, "ai.usage.inputTokens")]
)
def test_the_ai_sdk_is_known_by_its_names(version: int, name: str) -> None:
    shape = shape_of({"ai.model.id": "m", name: 1})

    assert shape.is_ai_sdk
    assert shape.is_ai_sdk_6 is (version == 6)


def test_the_shape_of_the_same_names_is_remembered_whatever_their_values() -> None:
    assert shape_of({"user.id": "a", "session.id": "b"}) is shape_of({"user.id": "c", "session.id": "d"})


@pytest.mark.parametrize(
    "more",
    [{f"custom.{number}": 1 for number in range(64)}, {"n" * 3_000: 1}],
    ids=["many names", "long names"],
)
def test_an_unusual_shape_is_not_remembered_and_just_as_good(more: dict[str, int]) -> None:
    attributes = {"user.id": "a"} | more

    assert shape_of(attributes) is not shape_of(attributes)
    assert shape_of(attributes).user == ("user.id",)
    assert shape_of(attributes).content_fields == 0


def test_a_stranger_cannot_fill_the_memory_with_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "_MOST_SHAPES", 3)
    monkeypatch.setattr(shapes, "_remembered", {})

    for number in range(10):
        assert shape_of({"user.id": "a", f"made-up.{number}": 1}).user == ("user.id",)

    assert len(shapes._remembered) <= 3
