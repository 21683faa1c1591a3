"""Dollars in other currencies: how they are written, and which rates look like slips."""

from datetime import date
from decimal import Decimal

import pytest

from core import currencies, formats
from core.currencies import DOLLARS, IN_DOLLARS, NAMES, Display, Style
from core.tests.browser_modules import evaluate, needs_node

EURO = Display(code="EUR", rate=Decimal("0.92"), since=date(2026, 11, 1), wanted="EUR")

MONEY = [
    ("EUR", None, "–"),
    ("EUR", "0", "€0.00"),
    ("EUR", "1234.56", "€1,234.56"),
    ("EUR", "-0.25", "−€0.25"),
    ("EUR", "0.000123456", "€0.000123"),
    ("EUR", "0.0000000000001", "<€0.000000000001"),
    ("CHF", "1234.5", "CHF 1,234.50"),
    ("CHF", "0.0123", "CHF 0.0123"),
    ("JPY", "0", "¥0"),
    ("JPY", "15234.4", "¥15,234"),
    ("JPY", "15.2", "¥15.20"),
    ("JPY", "0.0185", "¥0.0185"),
    ("KWD", "1.5", "KWD 1.500"),
    ("KWD", "0.5", "KWD 0.500"),
    ("KWD", "1234.5678", "KWD 1,234.568"),
    ("USD", "1234.56", "$1,234.56"),
]
COMPACT = [
    ("EUR", None, "–"),
    ("EUR", "200", "€200"),
    ("EUR", "12345", "€12.3 K"),
    ("EUR", "-12345", "−€12.3 K"),
    ("JPY", "9999", "¥9,999"),
    ("JPY", "15234", "¥15.2 K"),
    ("KWD", "3", "KWD 3"),
    ("KWD", "3.25", "KWD 3.250"),
]


def spaced(text: str) -> str:
    return text.replace("\u00a0", " ")


def number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


@pytest.mark.parametrize(("code", "value", "expected"), MONEY)
def test_an_amount_is_written_as_its_currency_is(code: str, value: str | None, expected: str) -> None:
    assert spaced(formats.money(number(value), currencies.style(code))) == expected


@pytest.mark.parametrize(("code", "value", "expected"), COMPACT)
def test_axes_are_short_in_every_currency(code: str, value: str | None, expected: str) -> None:
    assert spaced(formats.money_compact(number(value), currencies.style(code))) == expected


@needs_node
@pytest.mark.parametrize(("function", "cases"), [("money", MONEY), ("moneyCompact", COMPACT)])
def test_the_browser_writes_the_same(function: str, cases: list[tuple[str, str | None, str]]) -> None:
    given = [
        {
            "value": None if value is None else float(value),
            "style": {"sign": currencies.style(code).sign, "digits": currencies.style(code).digits},
        }
        for code, value, _ in cases
    ]

    answers = evaluate(
        f"given.map(({{ value, style }}) => {function}(value, style))",
        imports={"formats.js": f"{{ {function} }}"},
        given=given,
    )

    assert [spaced(answer) for answer in answers] == [text for _, _, text in cases]


def test_a_cost_is_converted_exactly() -> None:
    assert EURO.of(Decimal("0.000000000000000000000000000123")) == Decimal("0.00000000000000000000000000011316")
    assert EURO.of(Decimal(100)) == Decimal(92)


def test_what_is_not_converted_stays_dollars() -> None:
    wanted = Display(wanted="EUR")

    for display in (IN_DOLLARS, wanted):
        assert not display.is_converted
        assert (display.style, display.name) == (DOLLARS, "US dollars")
        assert display.of(Decimal("1.5")) == Decimal("1.5")


def test_signs_are_those_nobody_mistakes() -> None:
    assert currencies.style("CAD") == Style("CAD\u00a0", 2)
    assert currencies.style("SEK").sign == "SEK\u00a0"
    assert currencies.style("INR").sign == "₹"


def test_the_list_is_of_three_letter_codes_with_names() -> None:
    assert all(len(code) == 3 and code.isupper() and code.isascii() for code in NAMES)
    assert all(NAMES.values())
    assert list(NAMES) == sorted(NAMES)
    assert len(NAMES) > 150
    assert {"USD", "EUR", "GBP", "JPY", "INR", "BRL", "CHF"} <= NAMES.keys()


@pytest.mark.parametrize(
    ("code", "rate", "before"),
    [
        ("EUR", "0.92", None),
        ("EUR", "0.98", None),
        ("JPY", "151.2", None),
        ("JPY", "100", None),
        ("EUR", "1.09", "1.15"),  # it has been above one dollar before
        ("AMD", "0.002", None),  # nobody knows better
        ("AMD", "390", "400"),
    ],
)
def test_a_likely_rate_raises_no_question(code: str, rate: str, before: str | None) -> None:
    assert currencies.doubt(code, Decimal(rate), before=number(before)) is None


@pytest.mark.parametrize(
    ("code", "rate", "before"),
    [("EUR", "1.087", None), ("JPY", "0.0066", None), ("GBP", "1.27", "0.79"), ("AMD", "0.0025", "400")],
)
def test_the_inverse_raises_one(code: str, rate: str, before: str | None) -> None:
    question = currencies.doubt(code, Decimal(rate), before=number(before))

    assert question is not None
    assert question.startswith("This looks like the inverse.")
    assert f"1 USD is {rate} {code}" in question


def test_the_question_offers_what_was_meant() -> None:
    assert str(currencies.doubt("EUR", Decimal("1.25"), before=None)).endswith("Then type 0.8.")


@pytest.mark.parametrize(
    ("rate", "before", "known"),
    [("92", None, "it is about 0.9"), ("9.2", "0.92", "it was 0.92"), ("0.3", "0.92", "it was 0.92")],
)
def test_a_slip_of_the_point_raises_one(rate: str, before: str | None, known: str) -> None:
    question = currencies.doubt("EUR", Decimal(rate), before=number(before))

    assert question == f"1 USD = {rate} EUR is far from what we know: {known}."


@pytest.mark.parametrize(
    ("rate", "exact", "plain"),
    [
        ("0.9200000000", "0.92", "0.92"),
        ("150.0000000000", "150", "150"),
        ("1.0869565217", "1.0869565217", "1.08696"),
        ("25500", "25500", "25500"),
        ("0.0000000001", "0.0000000001", "0.0000000001"),
    ],
)
def test_rates_are_written_without_useless_digits(rate: str, exact: str, plain: str) -> None:
    assert currencies.exact(Decimal(rate)) == exact
    assert currencies.plain(Decimal(rate)) == plain
