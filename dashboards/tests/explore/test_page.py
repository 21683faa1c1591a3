import pytest

from dashboards.explore import page
from dashboards.explore.answer import Answer, Group, Name
from dashboards.explore.metrics import Measured
from dashboards.explore.question import Question, Shape
from dashboards.filters import Source


def group(label, **sums):
    return Group((Name("team", (label,), label, {"team": label}),), Measured({"calls": 1, **sums}))


@pytest.fixture
def shown(chosen):
    def made(query="", *, wanted="", groups=(), group_count=None, by=("team",), **found):
        question = Question(
            metric=found.pop("metric", "calls"), by=by, shape=found.pop("shape", Shape.TIME), top=found.pop("top", 50)
        )
        answer = Answer(
            question=question,
            chosen=chosen(query),
            source=found.pop("source", Source.ROLLUPS),
            groups=tuple(groups),
            group_count=len(groups) if group_count is None else group_count,
            **found,
        )
        return page.explorer_page(
            answer, chosen(query), wanted or "line", path="/explorer/", calls_path="/calls/", looks={}, currency="euros"
        )

    return made


@pytest.mark.parametrize(
    ("question", "title"),
    [
        (Question(), "Cost by model"),
        (Question(metric="latency_p95", by=("key", "user")), "Latency, p95 by API key and user"),
        (Question(metric="calls", by=()), "Calls"),
    ],
)
def test_a_title_says_what_is_asked(question, title):
    assert page.title(question) == title


def test_a_subtitle_says_what_is_drawn(shown):
    many = [group(f"t{n}") for n in range(30)]

    assert shown(metric="cost").subtitle == "euros, per day"
    assert shown("range=24h").subtitle == "per hour"
    assert shown(groups=many, group_count=1_200).subtitle == "per day, the largest 9 of 1,200"
    assert shown(metric="error_rate", groups=many).subtitle == "per day, the busiest 9 of 30"
    assert shown(shape=Shape.RANKING, groups=many).subtitle == "of the whole period, the largest 20 of 30"
    assert (
        shown(shape=Shape.RANKING, groups=many, wanted="donut").subtitle == "of the whole period, the largest 6 of 30"
    )
    assert shown(shape=Shape.RANKING, groups=many[:5]).subtitle == "of the whole period"
    assert shown(shape=Shape.RANKING, by=("team", "user")).subtitle == "of the whole period"


def test_a_table_says_in_which_order_it_is(shown):
    many = [group(f"t{n}") for n in range(3)]

    assert shown(groups=many).table_caption == "largest first"
    assert shown(groups=many, group_count=1_200).table_caption == "largest first, 3 of 1,200"
    assert shown(metric="error_rate", groups=many).table_caption == "most calls first"
    assert shown(metric="error_rate", groups=many, shape=Shape.RANKING).table_caption == "largest first"
    assert shown(by=()).table_caption == "everything in this period"


def test_notices_say_what_is_put_together(shown):
    rest = [group("(other)")]
    of_users = Group((Name("user", ("(other)",), "(other)", {"user": "(other)"}),), Measured({"calls": 1}))

    assert shown(groups=[group("red")]).notices == []
    assert shown(groups=rest).notices == ["Beyond 2,000 values a day, everything else is counted as (other)."]
    assert shown(groups=[of_users], by=("user",), source=Source.USERS).notices == [
        "Beyond 20,000 values a day, everything else is counted as (other)."
    ]
    assert shown(is_sampled=True, group_count=10_000).notices == [
        "The 200 with most calls are put in order; there are 10,000."
    ]


def test_an_address_says_only_what_is_unusual():
    assert page.pairs(Question(), "stacked-bar") == [("metric", "cost"), ("by", "model"), ("shape", "time")]
    assert page.pairs(Question(by=(), top=10), "line") == [
        ("metric", "cost"),
        ("by", ""),
        ("shape", "time"),
        ("top", "10"),
        ("chart", "line"),
    ]


def test_a_number_of_rows_that_was_typed_is_a_choice_too():
    made = page.controls(Question(top=7), "stacked-bar", of_project=False)

    assert [(one.value, one.is_chosen) for one in made.tops][:2] == [("7", True), ("10", False)]
    assert [title for title, _ in made.metrics] == ["Cost", "Tokens", "Calls", "Speed"]
