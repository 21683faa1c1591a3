from datetime import UTC, datetime

from dashboards.live import UpTo


def test_numbers_are_whole_up_to_a_second_of_the_organizations_clock(chosen, berlin):
    now = datetime(2026, 7, 14, 22, 3, 7, 999_999, tzinfo=UTC)

    assert UpTo.of(chosen(now=now, zone=berlin)) == UpTo(
        "00:03:07", "15 Jul 2026, 00:03:07 Europe/Berlin", "2026-07-15T00:03:07+02:00"
    )
