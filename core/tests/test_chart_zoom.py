"""A part of a chart's time, as the browser computes it."""

from typing import Any

import pytest

from core.tests.browser_modules import evaluate, needs_node

pytestmark = needs_node

ZOOM = {"chart-zoom.js": "{ addressOf, isOverTime, moved, zoomed, zoomOf, zoomText }"}
DAYS = [f"2026-07-{day:02}" for day in range(8, 15)]


def spec(**changes: object) -> dict[str, Any]:
    series = [{"name": "a", "color_index": 1, "data": [str(n) for n in range(7)]}]
    return {"kind": "stacked-bar", "unit": "usd", "x": DAYS, "series": series, "partial": True} | changes


def part(first: str, last: str, **changes: object) -> dict[str, Any]:
    given = {"spec": spec(**changes), "zoom": {"from": first, "to": last}}
    found: dict[str, Any] = evaluate("zoomed(given.spec, given.zoom)", imports=ZOOM, given=given)
    return found


def test_a_part_has_its_buckets_and_their_numbers() -> None:
    found = part("2026-07-09", "2026-07-11")

    assert found["x"] == ["2026-07-09", "2026-07-10", "2026-07-11"]
    assert found["series"][0]["data"] == ["1", "2", "3"]


def test_only_a_part_with_the_running_bucket_is_partial() -> None:
    assert part("2026-07-09", "2026-07-11")["partial"] is False
    assert part("2026-07-13", "2026-07-14")["partial"] is True
    assert part("2026-07-13", "2026-07-14", partial=False)["partial"] is False


def test_a_part_keeps_the_marks_of_its_buckets() -> None:
    marks = [{"bucket": day, "kind": "insight", "text": day, "href": "#"} for day in (DAYS[0], DAYS[2])]

    assert part(DAYS[1], DAYS[3], marks=marks)["marks"] == marks[1:]


@pytest.mark.parametrize(("first", "last"), [("2026-06-01", "2026-07-09"), ("2026-07-09", "2026-08-01")])
def test_a_part_that_is_not_there_any_more_shows_everything(first: str, last: str) -> None:
    assert part(first, last)["x"] == DAYS


def test_it_does_not_matter_where_a_drag_begins() -> None:
    both = evaluate("[zoomOf(given, 1, 3), zoomOf(given, 3, 1)]", imports=ZOOM, given=spec())

    assert both == [{"from": DAYS[1], "to": DAYS[3]}] * 2


@pytest.mark.parametrize(
    ("kind", "x", "expected"),
    [
        ("line", DAYS, True),
        ("bar", DAYS, True),
        ("bar", ["a", "b"], False),
        ("heatmap", DAYS, False),
        ("donut", [], False),
        ("line", [], False),
    ],
)
def test_only_time_is_zoomed(kind: str, x: list[str], expected: bool) -> None:
    assert evaluate("isOverTime(given)", imports=ZOOM, given=spec(kind=kind, x=x)) is expected


@pytest.mark.parametrize(
    ("zoom", "expected"),
    [
        (("2026-07-09", "2026-07-11"), "9 Jul – 11 Jul"),
        (("2026-07-09", "2026-07-09"), "9 Jul"),
        (("2026-07-09T01:00:00+02:00", "2026-07-09T03:00:00+02:00"), "9 Jul, 01:00 – 9 Jul, 03:00"),
    ],
)
def test_a_part_is_named_by_its_ends(zoom: tuple[str, str], expected: str) -> None:
    assert evaluate("zoomText({ from: given[0], to: given[1] })", imports=ZOOM, given=zoom) == expected


def address(url: str, first: str, last: str) -> str:
    given = {"url": url, "zoom": {"from": first, "to": last}}
    found: str = evaluate("addressOf(given.url, given.zoom)", imports=ZOOM, given=given)
    return found


def test_the_page_about_a_part_keeps_its_filters_and_nothing_of_its_range() -> None:
    page = "https://x.test/o/acme/?range=30d&model=gpt-5&model=o3&seen=7&until=2026-01-01#cost"

    assert address(page, "2026-07-09", "2026-07-11") == (
        "https://x.test/o/acme/?model=gpt-5&model=o3&from=2026-07-09&to=2026-07-11"
    )


def test_the_page_about_some_hours_ends_with_the_last_of_them() -> None:
    found = address("https://x.test/", "2026-07-09T01:00:00+02:00", "2026-07-09T03:00:00+02:00")

    assert found == ("https://x.test/?since=2026-07-09T01%3A00%3A00%2B02%3A00&until=2026-07-09T02%3A00%3A00.000Z")


@pytest.mark.parametrize(
    ("key", "selects", "now", "expected"),
    [
        ("ArrowRight", False, (None, None), (0, None)),
        ("ArrowLeft", False, (None, None), (6, None)),
        ("ArrowRight", False, (6, None), (6, None)),
        ("ArrowLeft", False, (0, None), (0, None)),
        ("Home", False, (4, None), (0, None)),
        ("End", False, (4, None), (6, None)),
        ("ArrowRight", True, (2, None), (3, 2)),
        ("ArrowRight", True, (3, 2), (4, 2)),
        ("ArrowLeft", False, (4, 2), (3, None)),
        ("End", True, (None, None), (6, 6)),
        ("a", False, (2, None), None),
        ("Tab", False, (2, None), None),
    ],
)
def test_keys_read_and_with_shift_select(
    key: str, selects: bool, now: tuple[int | None, int | None], expected: tuple[int, int | None] | None
) -> None:
    given = {"key": key, "selects": selects, "place": now[0], "anchor": now[1]}
    call = "moved(given.key, given.selects, { place: given.place, anchor: given.anchor, count: 7 })"

    found = evaluate(call, imports=ZOOM, given=given)

    assert found == (None if expected is None else {"place": expected[0], "anchor": expected[1]})
