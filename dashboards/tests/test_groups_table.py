from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils.safestring import SafeString

from core import formats
from dashboards.groups.table import PAGE_ROWS, Entry, Table, Wish, columns, table
from dashboards.groups.totals import Totals
from dashboards.tests.conftest import Chosen


def entry(name: str, cost: str | None = "1", calls: int = 1, **more: object) -> Entry:
    unpriced = calls if cost is None else 0
    totals = Totals(calls=calls, unpriced_calls=unpriced, cost_usd=Decimal(cost or 0))
    return Entry(name=name, totals=totals, **more)  # type: ignore[arg-type]


def shown(entries: list[Entry], query: str = "", *, chosen: Chosen, cut: int = 0, filters: str = "") -> Table:
    used = chosen(filters)
    wanted = columns(used, show_cost=formats.usd, has_earlier=True)
    total = Totals()
    for one in entries:
        total += one.totals
    return table(
        entries,
        wanted,
        wish=Wish.parse(parse_qs(query), wanted),
        chosen=used,
        path="/models/",
        total=total,
        noun="model",
        cut=cut,
    )


def names(found: Table) -> list[str]:
    return [line.entry.name for line in found.lines]


THREE = [entry("b", "1", calls=9), entry("a", "3", calls=2), entry("c", None, calls=5)]


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("", ["a", "b", "c"]),
        ("sort=cost", ["a", "b", "c"]),
        ("sort=-cost", ["b", "a", "c"]),
        ("sort=calls", ["b", "c", "a"]),
        ("sort=-calls", ["a", "c", "b"]),
        ("sort=name", ["a", "b", "c"]),
        ("sort=-name", ["c", "b", "a"]),
        ("sort=nonsense", ["a", "b", "c"]),
        ("sort=-nonsense", ["a", "b", "c"]),
    ],
)
def test_any_column_orders_the_list_and_the_unknown_is_last(chosen: Chosen, query: str, order: list[str]) -> None:
    assert names(shown(THREE, query, chosen=chosen)) == order


def test_equals_are_in_the_order_of_their_names_whichever_way_it_goes(chosen: Chosen) -> None:
    same = [entry(name) for name in ("b", "C", "a")]

    assert names(shown(same, "sort=cost", chosen=chosen)) == ["a", "b", "C"]
    assert names(shown(same, "sort=-cost", chosen=chosen)) == ["a", "b", "C"]


def test_a_head_leads_to_its_order_and_the_active_one_to_the_other_direction(chosen: Chosen) -> None:
    found = shown(THREE, "sort=calls&page=2&q=x", chosen=chosen, filters="range=30d")

    heads = {header.label: header for header in found.headers}
    assert (heads["Calls"].order, heads["Cost"].order, found.name_header.order) == ("descending", "", "")
    assert parse_qs(urlsplit(heads["Calls"].url).query) == {"range": ["30d"], "q": ["x"], "sort": ["-calls"]}
    assert parse_qs(urlsplit(heads["Cost"].url).query) == {"range": ["30d"], "q": ["x"]}
    assert parse_qs(urlsplit(found.name_header.url).query) == {"range": ["30d"], "q": ["x"], "sort": ["name"]}


@pytest.mark.parametrize(("query", "order"), [("sort=name", "ascending"), ("sort=-name", "descending")])
def test_names_begin_with_a(chosen: Chosen, query: str, order: str) -> None:
    assert shown(THREE, query, chosen=chosen).name_header.order == order


def test_a_hundred_rows_a_page(chosen: Chosen) -> None:
    many = [entry(f"m{number:03}", str(1000 - number)) for number in range(250)]

    first, last = shown(many, chosen=chosen), shown(many, "page=3", chosen=chosen)

    assert (len(first.lines), first.summary) == (PAGE_ROWS, "1 – 100 of 250 models")
    assert (first.newer_url, parse_qs(urlsplit(first.older_url).query)) == ("", {"page": ["2"]})
    assert (names(last)[0], len(last.lines), last.older_url) == ("m200", 50, "")
    assert last.summary == "201 – 250 of 250 models"


@pytest.mark.parametrize("page", ["0", "-1", "9999", "99999999999999999999", "x", "١"])
def test_a_page_that_is_not_there_is_the_nearest(chosen: Chosen, page: str) -> None:
    assert names(shown(THREE, f"page={page}", chosen=chosen)) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("count", "cut", "summary"),
    [
        (1, 0, "1 model"),
        (3, 0, "3 models"),
        (3, 1200, "3 models, and 1,200 smaller ones that are not listed"),
        (150, 7, "1 – 100 of 150 models, and 7 smaller ones that are not listed"),
    ],
)
def test_the_summary_says_what_is_not_listed(chosen: Chosen, count: int, cut: int, summary: str) -> None:
    assert shown([entry(str(number)) for number in range(count)], chosen=chosen, cut=cut).summary == summary


def test_a_row_is_text(chosen: Chosen) -> None:
    totals = Totals(calls=4, errors=1, unpriced_calls=1, cost_usd=Decimal("0.3"))
    found = shown([Entry(name="a", totals=totals, before_cost_usd=Decimal("0.1"))], chosen=chosen)

    (line,) = found.lines
    cells = dict(zip([header.label for header in found.headers], [text for text, _ in line.cells], strict=True))
    assert cells == {
        "Cost": "$0.30",
        "Change": "+$0.20",
        "Per call": "$0.10",
        "Calls": "4",
        "Tokens": "0",
        "Cached": "–",
        "Errors": "25.0%",
        "p50": "–",
        "p95": "–",
        "TTFT": "–",
        "Tok/s": "–",
    }
    assert (line.share, line.unpriced) == (1.0, "1 unpriced")


def test_less_has_its_own_sign_and_an_unknown_cost_no_change(chosen: Chosen) -> None:
    found = shown(
        [entry("a", "1", before_cost_usd=Decimal(3)), entry("b", None, before_cost_usd=Decimal(3))], chosen=chosen
    )

    assert [line.cells[1][0] for line in found.lines] == ["−$2.00", "–"]
    assert [line.share for line in found.lines] == [1.0, None]


def test_markup_of_a_converted_cost_stays_markup(chosen: Chosen) -> None:
    wanted = columns(chosen(), show_cost=lambda value: SafeString("<b>1</b>"), has_earlier=True)
    change = next(column for column in wanted if column.key == "change")

    assert isinstance(change.show(Decimal(1)), SafeString)
    assert change.show(Decimal(1)) == "+<b>1</b>"


def test_without_earlier_numbers_there_is_no_change(chosen: Chosen) -> None:
    wanted = columns(chosen(), show_cost=formats.usd, has_earlier=False)

    assert "change" not in [column.key for column in wanted]


def test_with_a_status_only_calls_are_known(chosen: Chosen) -> None:
    one = Entry(name="a", totals=Totals(calls=4, errors=1, cost_usd=Decimal(9)))

    found = shown([one], chosen=chosen, filters="status=error")

    assert [header.label for header in found.headers] == ["Calls with an error", "Error rate"]
    assert [text for text, _ in found.lines[0].cells] == ["1", "25.0%"]
    assert (found.lines[0].share, found.lines[0].spark) == (1.0, [])


def test_the_trend_is_of_the_cost_and_of_the_calls_where_there_is_none(chosen: Chosen) -> None:
    day = chosen().period.buckets()[0]
    found = shown(
        [
            entry("a", "2", costs={day: 2.0}, counts={day: 7}),
            entry("b", "1", costs={day: 0.0}, counts={day: 5}),
        ],
        chosen=chosen,
    )

    assert [line.spark for line in found.lines] == [[2.0, 0, 0, 0, 0, 0, 0], [5, 0, 0, 0, 0, 0, 0]]


def test_parts_are_rows_below_their_sum(chosen: Chosen) -> None:
    parts = (entry("x", "2"), entry("y", "1"))
    found = shown([entry("both", "3", parts=parts)], chosen=chosen)

    (line,) = found.lines
    assert [(part.entry.name, part.cells[0][0]) for part in line.parts] == [("x", "$2.00"), ("y", "$1.00")]
    assert [part.share for part in line.parts] == [pytest.approx(2 / 3), pytest.approx(1 / 3)]


def test_a_search_keeps_the_filter_and_the_order(chosen: Chosen) -> None:
    found = shown(THREE, "q=gpt&sort=calls&page=2", chosen=chosen, filters="team=red")

    assert found.wish.text == "gpt"
    assert found.hidden == [("team", "red"), ("sort", "calls")]
    assert parse_qs(urlsplit(found.clear_url).query) == {"team": ["red"], "sort": ["calls"]}


def test_a_search_is_short_and_has_no_null(chosen: Chosen) -> None:
    found = shown(THREE, "q=" + "a%00" + "b" * 500, chosen=chosen)

    assert found.wish.text == "a" + "b" * 99
