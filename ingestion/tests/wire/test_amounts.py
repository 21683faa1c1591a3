from decimal import Decimal

import pytest

from ingestion.wire.amounts import NumberError, decimal_number, decimal_text, exact_float, whole_number


@pytest.mark.parametrize("written", ["0.1", "1e-30", "12345678901234567890.123456789"])
def test_floats_are_exact(written):
    assert exact_float(written) == Decimal(written)


@pytest.mark.parametrize("written", ["1e9999999999999999999999", "0." + "1" * 300])
def test_floats_nobody_writes_are_infinite(written):
    assert exact_float(written) == Decimal("Infinity")


@pytest.mark.parametrize(("value", "whole"), [(0, 0), (7, 7), (Decimal("7.0"), 7), (Decimal("1E+3"), 1000)])
def test_whole_numbers(value, whole):
    assert whole_number(value, at_most=1000) == whole


@pytest.mark.parametrize(
    "value",
    [-1, 1001, Decimal("0.5"), Decimal("1E+999999"), Decimal("1E-999999"), Decimal("Infinity"), True, "1", None],
)
def test_other_values_are_not_whole_numbers(value):
    with pytest.raises(NumberError):
        whole_number(value, at_most=1000)


def test_decimals_keep_every_digit():
    exact = Decimal("999999999.123456789012345678901234567890")

    assert decimal_number(exact, at_most=10**9) == exact
    assert decimal_text(str(exact), at_most=10**9) == exact


@pytest.mark.parametrize("value", [-1, 1001, Decimal("1E-31"), Decimal("Infinity"), True, "1", None, []])
def test_other_values_are_not_decimals(value):
    with pytest.raises(NumberError):
        decimal_number(value, at_most=1000)


@pytest.mark.parametrize("value", ["", ".5", "5.", "1e", "--1", "1,5", "NaN", "sNaN", "inf", "1e9999", "1" * 41])
def test_text_that_is_no_plain_decimal_is_refused(value):
    with pytest.raises(NumberError):
        decimal_text(value, at_most=1000)
