from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.reports.spans import LABELS, LONGEST_DAYS, Days, Span, SpanError, chosen_days, days_of, days_text

TODAY = date(2026, 3, 15)


@pytest.mark.parametrize(
    ("span", "first", "last"),
    [
        (Span.YESTERDAY, date(2026, 3, 14), date(2026, 3, 14)),
        (Span.WEEK_BEFORE, date(2026, 3, 8), date(2026, 3, 14)),
        (Span.LAST_7_DAYS, date(2026, 3, 9), TODAY),
        (Span.LAST_30_DAYS, date(2026, 2, 14), TODAY),
        (Span.LAST_MONTH, date(2026, 2, 1), date(2026, 2, 28)),
        (Span.THIS_MONTH, date(2026, 3, 1), TODAY),
    ],
)
def test_what_a_span_means(span, first, last):
    assert days_of(span, today=TODAY) == Days(first, last)


def test_last_month_in_january_is_of_the_year_before():
    assert days_of(Span.LAST_MONTH, today=date(2026, 1, 1)) == Days(date(2025, 12, 1), date(2025, 12, 31))


@given(st.dates(date(1980, 1, 1), date(2200, 1, 1)), st.sampled_from([one for one in Span if one != Span.CUSTOM]))
def test_no_span_reaches_into_the_future_or_is_empty(today, span):
    days = days_of(span, today=today)

    assert days.first <= days.last <= today
    assert 1 <= days.count <= 31


def test_every_span_has_words():
    assert set(LABELS) == set(Span)


def test_days_of_ones_own_end_today_at_the_latest():
    assert chosen_days(date(2026, 3, 1), date(2030, 1, 1), today=TODAY) == Days(date(2026, 3, 1), TODAY)
    assert chosen_days(date(2026, 3, 1), None, today=TODAY) == Days(date(2026, 3, 1), TODAY)


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [
        (None, None, "Say which day is the first."),
        (None, TODAY, "Say which day is the first."),
        (date(2026, 3, 16), None, "The first day is in the future."),
        (date(2026, 3, 10), date(2026, 3, 9), "The first day is after the last one."),
        (date(2016, 3, 15), TODAY, f"A report is about {LONGEST_DAYS} days at most."),
    ],
)
def test_impossible_days_are_refused_with_the_reason(first, last, why):
    with pytest.raises(SpanError) as refused:
        chosen_days(first, last, today=TODAY)

    assert str(refused.value) == why


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (date(2026, 3, 1), date(2026, 3, 1), "1 Mar 2026"),
        (date(2026, 3, 1), date(2026, 3, 31), "1 – 31 Mar 2026"),
        (date(2026, 2, 14), date(2026, 3, 15), "14 Feb – 15 Mar 2026"),
        (date(2025, 12, 31), date(2026, 1, 1), "31 Dec 2025 – 1 Jan 2026"),
    ],
)
def test_days_in_words_name_their_years(first, last, text):
    assert days_text(Days(first, last)) == text
