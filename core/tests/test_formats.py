"""What people read. Each case is asked of Python and, through Node, of the browser's twin."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from core import formats
from core.formats import Delta
from core.tests.browser_modules import evaluate, needs_node

NOW = datetime(2026, 7, 12, 14, 0, tzinfo=UTC)

USD = [
    (None, "–"),
    ("0", "$0.00"),
    ("0.5", "$0.50"),
    ("0.1234", "$0.123"),
    ("0.01", "$0.01"),
    ("0.012345", "$0.0123"),
    ("0.000123456", "$0.000123"),
    ("0.0000001", "$0.0000001"),
    ("0.9996", "$1.00"),
    ("0.00099951", "$0.001"),
    ("1", "$1.00"),
    ("1.005", "$1.01"),
    ("1234.56", "$1,234.56"),
    ("1234567.891", "$1,234,567.89"),
    ("-0.25", "−$0.25"),
    ("-1234.5", "−$1,234.50"),
    ("0.0000000000001", "<$0.000000000001"),
]
USD_COMPACT = [
    (None, "–"),
    ("0", "$0"),
    ("200", "$200"),
    ("0.25", "$0.25"),
    ("9999.5", "$9,999.50"),
    ("12345", "$12.3 K"),
    ("4200000", "$4.2 M"),
    ("-12345", "−$12.3 K"),
]
TOKENS = [
    (None, "–"),
    ("0", "0"),
    ("950", "950"),
    ("999", "999"),
    ("999.6", "1.0 K"),
    ("1000", "1.0 K"),
    ("1234", "1.2 K"),
    ("1450", "1.5 K"),
    ("99940", "99.9 K"),
    ("99950", "100 K"),
    ("999499", "999 K"),
    ("999500", "1.0 M"),
    ("12345678", "12.3 M"),
    ("1800000000", "1.8 B"),
    ("5500000000000", "5.5 T"),
    ("1234000000000000", "1,234 T"),
    ("-1500", "−1.5 K"),
]
COUNT = [(None, "–"), ("0", "0"), ("999", "999"), ("1234567", "1,234,567"), ("12.5", "13"), ("-4200", "−4,200")]
DURATION = [
    (None, "–"),
    ("0", "0 ms"),
    ("0.44", "0.4 ms"),
    ("9.94", "9.9 ms"),
    ("9.95", "10 ms"),
    ("850", "850 ms"),
    ("999.4", "999 ms"),
    ("999.5", "1.00 s"),
    ("1234", "1.23 s"),
    ("9994", "9.99 s"),
    ("9995", "10.0 s"),
    ("59949", "59.9 s"),
    ("59950", "1 m 00 s"),
    ("125000", "2 m 05 s"),
    ("3599500", "1 h 00 m"),
    ("3725000", "1 h 02 m"),
]
PERCENT = [
    (None, "–"),
    ("0", "0%"),
    ("0.0001", "<0.1%"),
    ("0.0005", "0.1%"),
    ("0.145", "14.5%"),
    ("0.1234", "12.3%"),
    ("0.9994", "99.9%"),
    ("0.9995", "100%"),
    ("1", "100%"),
    ("12.3", "1,230%"),
    ("-0.034", "−3.4%"),
]
MEGABYTES = [
    (None, "–"),
    ("0", "0 MB"),
    ("0.04", "0 MB"),
    ("0.5", "0.5 MB"),
    ("64", "64 MB"),
    ("99.94", "99.9 MB"),
    ("99.95", "100 MB"),
    ("212.4", "212 MB"),
    ("1023.4", "1,023 MB"),
    ("1023.5", "1 GB"),
    ("1024", "1 GB"),
    ("1536", "1.5 GB"),
    ("3072", "3 GB"),
    ("1048576", "1 TB"),
    ("1073741824", "1,024 TB"),
    ("-2048", "−2 GB"),
]
SPEED = [
    (None, "–"),
    ("0", "0 tokens/s"),
    ("0.04", "<0.1 tokens/s"),
    ("0.05", "0.1 tokens/s"),
    ("43.2", "43.2 tokens/s"),
    ("43", "43.0 tokens/s"),
    ("99.95", "100 tokens/s"),
    ("999.4", "999 tokens/s"),
    ("1234", "1.2 K tokens/s"),
    ("-3.5", "−3.5 tokens/s"),
]
CASES = {
    "usd": USD,
    "usd_compact": USD_COMPACT,
    "tokens": TOKENS,
    "count": COUNT,
    "duration_ms": DURATION,
    "percent": PERCENT,
    "megabytes": MEGABYTES,
    "tokens_per_s": SPEED,
}
BROWSER_NAMES = {"usd_compact": "usdCompact", "duration_ms": "durationMs", "tokens_per_s": "tokensPerSecond"}
EVERY_CASE = [(name, value, text) for name, cases in CASES.items() for value, text in cases]


def spaced(text: str) -> str:
    """Tests are read with plain spaces; pages have no-break spaces, so that a unit never wraps."""
    return text.replace(formats.NBSP, " ")


@pytest.mark.parametrize(("name", "value", "expected"), EVERY_CASE)
def test_numbers_read_as_people_write_them(name: str, value: str | None, expected: str) -> None:
    number = None if value is None else Decimal(value)

    assert spaced(getattr(formats, name)(number)) == expected


@pytest.mark.parametrize(("name", "value", "expected"), [case for case in EVERY_CASE if case[1] is not None])
def test_floats_read_like_the_decimals_they_print_as(name: str, value: str, expected: str) -> None:
    assert spaced(getattr(formats, name)(float(value))) == expected


@needs_node
def test_the_browser_formats_every_number_the_same() -> None:
    answers = evaluate(
        "given.map(([name, value]) => by[name](value === null ? null : Number(value)))",
        imports={"formats.js": "* as by"},
        given=[(BROWSER_NAMES.get(name, name), value) for name, value, _ in EVERY_CASE],
    )

    assert [spaced(answer) for answer in answers] == [text for _, _, text in EVERY_CASE]


@pytest.mark.parametrize("name", CASES)
def test_an_unknown_number_says_what_the_page_wants(name: str) -> None:
    assert getattr(formats, name)(None, "unknown") == "unknown"


@pytest.mark.parametrize("exponent", range(-12, 3))
def test_a_cost_never_reads_as_nothing(exponent: int) -> None:
    shown = formats.usd(Decimal(1).scaleb(exponent))

    assert any(digit in "123456789" for digit in shown)


@pytest.mark.parametrize(
    ("current", "previous", "expected"),
    [
        (112, 100, Delta("+12.0%", "up")),
        (96, 100, Delta("−4.0%", "down")),
        (100, 100, Delta("0%", "flat")),
        (Decimal("100.04"), 100, Delta("0%", "flat")),
        (0, 0, Delta("0%", "flat")),
        (5, 0, Delta("new", "new")),
        (0, 5, Delta("−100%", "down")),
        (1300, 100, Delta("+1,200%", "up")),
        (-50, -100, Delta("+50.0%", "up")),
        (None, 100, None),
        (100, None, None),
    ],
)
def test_change_is_relative_to_the_previous_period(
    current: int | None, previous: int | None, expected: Delta | None
) -> None:
    assert formats.delta(current, previous) == expected


AGES = [
    (0, "just now"),
    (4, "just now"),
    (5, "5 s ago"),
    (59, "59 s ago"),
    (60, "1 min ago"),
    (3599, "59 min ago"),
    (3600, "1 h ago"),
    (86_399, "23 h ago"),
    (86_400, "1 d ago"),
    (29 * 86_400, "29 d ago"),
    (-3, "just now"),
    (-300, "in 5 min"),
]


@pytest.mark.parametrize(("seconds", "expected"), [*AGES, (30 * 86_400, "12 Jun 2026")])
def test_age_is_told_in_its_largest_unit(seconds: int, expected: str) -> None:
    moment = NOW - timedelta(seconds=seconds)

    assert spaced(formats.relative_time(moment, NOW)) == expected


@needs_node
def test_the_browser_tells_every_age_the_same() -> None:
    answers = evaluate(
        "given.ages.map(([age]) => relativeTime(new Date(Date.parse(given.now) - age * 1000), new Date(given.now)))",
        imports={"formats.js": "{ relativeTime }"},
        given={"now": NOW.isoformat(), "ages": AGES},
    )

    assert [spaced(answer) for answer in answers] == [text for _, text in AGES]


def test_absolute_time_names_its_zone() -> None:
    moment = NOW.astimezone(ZoneInfo("Europe/Berlin"))

    assert formats.absolute_time(moment) == "12 Jul 2026, 16:00:00 CEST"
