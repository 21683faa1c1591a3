"""Pasted prices: all lines or none."""

from decimal import Decimal

import pytest

from ingestion.pricing import paste
from ingestion.pricing.paste import PasteError


def priced(text):
    return [
        (one.line, one.provider, one.model, {name: str(amount) for name, amount in one.prices.items()})
        for one in paste.read(text)
    ]


def refused(text):
    with pytest.raises(PasteError) as error:
        paste.read(text)
    return [(bad.line, bad.message) for bad in error.value.bad]


def test_a_line_is_provider_model_and_prices():
    assert priced("openai, gpt-4o, 2.25, 1.125, 0, 9") == [
        (1, "openai", "gpt-4o", {"input": "2.25", "cached_input": "1.125", "cache_write": "0", "output": "9"})
    ]


def test_what_is_left_empty_has_no_price_and_an_empty_provider_is_any():
    assert priced(", coder, $0.30, , , $0.60") == [(1, "", "coder", {"input": "0.30", "output": "0.60"})]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_fields_are_separated_as_spreadsheets_do(separator):
    assert priced(separator.join(["openai", "m", "1", "", "", "2"])) == [
        (1, "openai", "m", {"input": "1", "output": "2"})
    ]


def test_quoted_fields_hold_their_separator():
    assert priced('openai,"a,b",1,,,2')[0][2] == "a,b"


def test_a_first_line_of_names_orders_the_columns():
    text = "Model;Output;Input;Reasoning;Provider\nm;2;1;3;openai\n"

    assert priced(text) == [(2, "openai", "m", {"input": "1", "output": "2", "reasoning": "3"})]


@pytest.mark.parametrize("name", ["Cached Input", "cached", "cache_read", "cached-input", "cached_input_tokens"])
def test_a_column_has_the_names_people_give_it(name):
    assert priced(f"model,input,output,{name}\nm,1,2,0.5")[0][3]["cached_input"] == "0.5"


def test_empty_lines_and_remarks_are_passed_over_and_lines_keep_their_number():
    assert [line for line, *_ in priced("# ours\n\nopenai,a,1,,,2\n , ,\nopenai,b,1,,,2\n")] == [3, 5]


def test_every_wrong_line_is_named_and_no_value_repeated():
    text = "openai,good,1,,,2\nopenai,,1,,,2\nopenai,secret,secret,,,2\nopenai,m,1,,,\n,x,1,,,2,3"

    assert refused(text) == [
        (2, "The model is missing."),
        (3, "The price of input is not a number; use a point for decimals and no thousands separators."),
        (4, "The price of output is missing; write 0 if it costs nothing."),
        (5, "There are more than 6 fields."),
    ]


def test_several_things_wrong_with_a_line_are_all_said():
    assert [message for _, message in refused("openai,m,-1,,,1e7")] == [
        "The price of input must be 0 or more.",
        "The price of output must be at most 1,000,000.",
    ]


def test_the_same_model_twice_is_refused_whatever_its_case():
    assert refused("openai,m,1,,,2\nOpenAI,M,1,,,2") == [(2, "This is the same provider and model as line 1.")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (1, "Paste at least one line.")),
        ("# nothing\n\n", (1, "Paste at least one line.")),
        ("provider,model,input,output", (1, "Paste at least one line below the names of the columns.")),
        ("model,input,input,output\nm,1,1,2", (1, "Two columns have the same name.")),
    ],
)
def test_a_text_without_prices_is_refused(text, expected):
    assert refused(text) == [expected]


def test_an_unknown_column_is_named_by_its_place_and_the_known_ones_listed():
    ((line, message),) = refused("model,input,output,discount\nm,1,2,3")

    assert line == 1
    assert message.startswith("Column 4 has a name that is not known; use provider, model, input")
    assert "discount" not in message


def test_too_many_lines_are_refused_at_the_first_one_too_many():
    lines = [f"openai,m{number},1,,,2" for number in range(paste.MOST_LINES + 2)]

    assert refused("\n".join(lines)) == [(paste.MOST_LINES + 2, "At most 500 lines at once.")]
    assert len(priced("\n".join(lines[: paste.MOST_LINES]))) == paste.MOST_LINES


@pytest.mark.parametrize("text", [f"openai,{'m' * 256},1,,,2", f"{'p' * 101},m,1,,,2"])
def test_names_longer_than_their_columns_are_refused(text):
    assert refused(text) == [(1, "The model or the provider is too long.")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2.5", "2.5"), (" $2.50 ", "2.50"), ("1e-6", "0.000001"), ("0", "0"), ("1000000", "1000000"), ("$ 3", "3")],
)
def test_amounts_are_read_as_people_write_them(text, expected):
    assert paste.amount(text) == Decimal(expected)


@pytest.mark.parametrize(
    "text", ["", "2,5", "1,000", "abc", "NaN", "Infinity", "-1", "1000000.01", "1e-13", "0x1", "1 2"]
)
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError, match=r"number|0 or more|at most"):
        paste.amount(text)
