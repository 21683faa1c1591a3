from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from dashboards.executive.month import Month, months, read_month

BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")


def month(now: datetime, first_day: date | None = None, zone: ZoneInfo = UTC_ZONE) -> Month:
    return Month(first_day or now.astimezone(zone).date().replace(day=1), now, zone)


def test_a_running_month_is_compared_with_the_same_days_up_to_the_same_hour() -> None:
    found = month(datetime(2026, 7, 14, 10, 20, tzinfo=UTC))

    assert (found.compared.start, found.compared.end) == (
        datetime(2026, 6, 1, tzinfo=UTC),
        datetime(2026, 6, 14, 11, tzinfo=UTC),
    )
    assert found.compared_with == "1 – 14 June, up to the same hour"


def test_a_month_that_is_over_is_compared_with_the_whole_one_before() -> None:
    found = month(datetime(2026, 7, 14, tzinfo=UTC), date(2026, 6, 1))

    assert found.is_running is False
    assert (found.compared.first_day, found.compared.last_day) == (date(2026, 5, 1), date(2026, 5, 31))
    assert (found.compared_with, found.name, found.key) == ("May", "June 2026", "2026-06")


@pytest.mark.parametrize("day", [29, 30, 31])
def test_days_that_the_month_before_does_not_have_are_compared_with_all_of_it(day: int) -> None:
    found = month(datetime(2026, 3, day, 10, tzinfo=UTC))

    assert (found.compared.first_day, found.compared.last_day) == (date(2026, 2, 1), date(2026, 2, 28))
    assert found.compared_with == "February"


def test_the_last_hour_of_a_month_is_compared_with_the_whole_month() -> None:
    found = month(datetime(2026, 7, 31, 23, 30, tzinfo=UTC))

    assert found.compared == found.before.period


def test_the_first_minutes_of_a_month_are_compared_with_an_hour() -> None:
    found = month(datetime(2026, 1, 1, 0, 1, tzinfo=UTC))

    assert (found.compared.start, found.compared.end) == (
        datetime(2025, 12, 1, tzinfo=UTC),
        datetime(2025, 12, 1, 1, tzinfo=UTC),
    )


def test_months_and_hours_are_local() -> None:
    found = month(datetime(2026, 3, 31, 22, 30, tzinfo=UTC), zone=BERLIN)  # 00:30 on 1 April

    assert found.key == "2026-04"
    assert found.period.start == datetime(2026, 3, 31, 22, tzinfo=UTC)
    assert found.compared.start == datetime(2026, 2, 28, 23, tzinfo=UTC)  # winter time
    assert found.compared.end == datetime(2026, 3, 1, 0, tzinfo=UTC)


def test_as_many_months_as_numbers_are_kept_of() -> None:
    found = months(datetime(2026, 7, 14, tzinfo=UTC), UTC_ZONE)

    assert (len(found), found[0].key, found[-1].key) == (25, "2026-07", "2024-07")


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("", "2026-07", ""),
        ("2026-07", "2026-07", ""),
        ("2025-12", "2025-12", ""),
        ("2026-08", "2026-07", "There are numbers of July 2024 to July 2026. A month is written like 2026-07."),
        ("2016-01", "2026-07", "There are numbers of July 2024 to July 2026. A month is written like 2026-07."),
        ("07/2026\0", "2026-07", "There are numbers of July 2024 to July 2026. A month is written like 2026-07."),
    ],
)
def test_a_month_that_there_is_nothing_of_is_this_one_and_is_said(text: str, key: str, says: str) -> None:
    found, problem = read_month(text, now=datetime(2026, 7, 14, tzinfo=UTC), zone=UTC_ZONE)

    assert (found.key, problem) == (key, says)
