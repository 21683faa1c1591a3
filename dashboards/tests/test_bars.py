import pytest

from dashboards import rollups
from dashboards.bars import MOST_OPTIONS, Chip, address, filter_bar
from dashboards.filters import Option

PATH = "/o/acme/"


def bar(chosen, *, options=None):
    return filter_bar(chosen, path=PATH, options=options)


def test_ranges_keep_the_filters_and_mark_the_chosen_one(chosen):
    shown = bar(chosen("range=30d&team=red"))

    assert [(link.key, link.text) for link in shown.ranges] == [
        ("24h", "24 h"),
        ("7d", "7 d"),
        ("30d", "30 d"),
        ("90d", "90 d"),
    ]
    assert [link.url for link in shown.ranges] == [
        "/o/acme/?range=24h&team=red",
        "/o/acme/?team=red",
        "/o/acme/?range=30d&team=red",
        "/o/acme/?range=90d&team=red",
    ]
    assert shown.is_custom is False


def test_dates_start_from_what_is_shown(chosen):
    shown = bar(chosen("from=2026-07-01&to=2026-07-03&team=red"))

    assert shown.is_custom
    assert (shown.first_day, shown.last_day, shown.latest_day) == ("2026-07-01", "2026-07-03", "2026-07-14")
    assert shown.days_text == "1 – 3 Jul"
    assert shown.hidden == [("team", "red")]


def test_days_of_the_calendar_have_names(chosen):
    shown = bar(chosen("range=last-month&team=red"))

    assert [(link.text, link.url) for link in shown.calendar] == [
        ("Today", "/o/acme/?range=today&team=red"),
        ("Yesterday", "/o/acme/?range=yesterday&team=red"),
        ("This month", "/o/acme/?range=month&team=red"),
        ("Last month", "/o/acme/?range=last-month&team=red"),
        ("12 months", "/o/acme/?range=365d&team=red"),
    ]
    assert (shown.is_custom, shown.days_text) == (True, "Last month")


def test_what_is_compared_is_a_choice_and_stays_when_dates_are_chosen(chosen):
    shown = bar(chosen("compare=year&team=red"))

    assert [(link.key, link.text, link.url) for link in shown.comparisons] == [
        ("previous", "Period before", "/o/acme/?team=red"),
        ("year", "Same days last year", "/o/acme/?compare=year&team=red"),
        ("none", "Nothing", "/o/acme/?compare=none&team=red"),
    ]
    assert shown.hidden == [("compare", "year"), ("team", "red")]


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ("team=red", ""),
        ("user=u-1", "From daily sums per user"),
        ("user=u-1&team=red", "Read from single calls, at most 31 days"),
        ("tag=release:7", "Read from single calls, at most 31 days"),
    ],
)
def test_the_bar_says_when_sums_of_every_dimension_do_not_know(chosen, query, note):
    assert bar(chosen(query)).source_note == note


def test_each_chosen_value_is_a_chip_that_can_be_removed(chosen):
    shown = bar(chosen("range=30d&model=a b&team=(none)&status=error&key=k"))

    assert shown.chips == [
        Chip("Team", "None", "/o/acme/?range=30d&model=a+b&key=k&status=error"),
        Chip("Model", "a b", "/o/acme/?range=30d&team=%28none%29&key=k&status=error"),
        Chip("API key", "k", "/o/acme/?range=30d&team=%28none%29&model=a+b&status=error"),
        Chip("Status", "Error", "/o/acme/?range=30d&team=%28none%29&model=a+b&key=k"),
    ]
    assert shown.clear_url == "/o/acme/?range=30d"


def test_facets_are_asked_for_when_somebody_opens_them(chosen):
    shown = bar(chosen("team=red"))

    assert shown.facets is None
    assert shown.panel_url == "/o/acme/?team=red&panel=filters"
    assert bar(chosen()).panel_url == "/o/acme/?panel=filters"


def test_facets_mark_what_is_chosen(chosen):
    options = {"team": [Option("red", "red", 5), Option("(none)", "None", 2)], "model": []}

    team, model = bar(chosen("team=(none)"), options=options).facets

    assert (team.name, team.label) == ("team", "Team")
    assert team.options == [(Option("red", "red", 5), False), (Option("(none)", "None", 2), True)]
    assert model.options == []


def test_a_chosen_value_without_calls_can_still_be_unchosen(chosen):
    (team,) = bar(chosen("team=blue"), options={"team": [Option("red", "red", 5)]}).facets

    assert team.options == [(Option("blue", "blue", 0), True), (Option("red", "red", 5), False)]


def test_every_page_can_search_exactly(chosen):
    assert bar(chosen("trace=t-1")).searches == [
        ("trace", "Trace", "t-1"),
        ("session", "Session", ""),
        ("user", "User", ""),
        ("tag", "Tag", ""),
    ]


def test_statuses_are_one_choice(chosen):
    assert bar(chosen("status=ok")).statuses == [("", "Any", False), ("ok", "OK", True), ("error", "Error", False)]


def test_an_address_says_the_default_range_rather_than_nothing(chosen):
    assert address(PATH, chosen()) == "/o/acme/?range=7d"
    assert address(PATH, chosen(), ("before", "x y")) == "/o/acme/?before=x+y"
    assert address(PATH, chosen("team=red&team=a%26b")) == "/o/acme/?team=red&team=a%26b"


def test_many_prompts_are_one_chip_and_the_panel_keeps_them(chosen):
    shown = filter_bar(chosen("prompt=sdk:a&prompt=sdk:b&counted=true"), path="/c/", options=None)

    assert [(chip.label, chip.value) for chip in shown.chips] == [
        ("Counted", "not estimated, not twice"),
        ("Prompt", "2 prompts"),
    ]
    assert shown.chips[1].remove_url == "/c/?counted=true"
    assert shown.evidence == [("counted", "true"), ("prompt", "sdk:a"), ("prompt", "sdk:b")]


def test_an_hour_is_named_by_its_ends(chosen):
    asked = chosen("since=2026-07-12T14:00:00Z&until=2026-07-12T15:00:00Z&prefix=sdk:0123456789abcdef")

    shown = filter_bar(asked, path="/c/", options=None)

    assert (shown.is_custom, shown.days_text) == (True, "12 Jul, 14:00 – 15:00")
    assert shown.chips[0].value == "0123456789ab…"


def test_a_list_that_is_cut_lets_others_be_typed(chosen):
    values = [Option(f"f{number}", f"f{number}", 1) for number in range(100)]

    whole, cut = bar(chosen("feature=rare"), options={"feature": values[:99], "model": values}).facets

    assert (whole.is_cut, len(whole.options)) == (False, 100)
    assert (cut.is_cut, len(cut.options)) == (True, 100)
    assert MOST_OPTIONS == rollups.OPTIONS


def test_what_else_a_page_is_asked_stays_in_every_link_and_form(chosen):
    asked = chosen("team=red&compare=none")

    shown = filter_bar(asked, path=PATH, options=None, keep=[("metric", "cost"), ("by", "model")], views_url="/v/")

    links = [*shown.ranges, *shown.calendar, *shown.comparisons]
    addresses = [*(link.url for link in links), shown.clear_url, shown.panel_url, shown.chips[0].remove_url]
    assert all("metric=cost&by=model" in url for url in addresses)
    assert shown.hidden == [("compare", "none"), ("team", "red"), ("metric", "cost"), ("by", "model")]
    assert shown.options == [("metric", "cost"), ("by", "model")]
    assert (shown.views_url, shown.without_view_url) == ("/v/", "/o/acme/?range=7d")


def test_a_log_reads_calls_and_compares_nothing(chosen):
    shown = filter_bar(chosen("user=u-1"), path=PATH, options=None, is_log=True)

    assert (shown.comparisons, shown.source_note) == ([], "Read from single calls, at most 31 days")
    assert filter_bar(chosen("team=red"), path=PATH, options=None, is_log=True).source_note == ""


def test_a_page_that_compares_nothing_offers_no_other_period(chosen):
    assert filter_bar(chosen(""), path=PATH, options=None, is_compared=False).comparisons == []


def test_the_panel_keeps_what_links_chose_and_nobody_types(chosen):
    assert bar(chosen("duplicates=without&counted=true&team=red")).evidence == [
        ("duplicates", "without"),
        ("counted", "true"),
    ]
