"""Documents of dashboards: what is written can be read, and what cannot be read is refused with its place."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboards.boards import documents
from dashboards.boards.documents import HIDDEN, DocumentError
from dashboards.boards.grid import Place
from dashboards.boards.tests.factories import BY_MODEL, NOTE, SPEND
from dashboards.boards.types import FILTERS, MOST_WIDGETS, BoardTerms, Kind, WidgetTerms
from dashboards.explore.dimensions import LABELS
from dashboards.explore.metrics import METRICS
from dashboards.explore.question import Question, Shape

BOARD = BoardTerms(
    name="Costs",
    description="What we spend",
    range="30d",
    filters=(("environment", "production"),),
    widgets=(SPEND, BY_MODEL, NOTE),
)
MINIMAL = {"version": 1, "name": "Costs"}
STAT = {"kind": "stat", "question": {"metric": "cost"}}


def faults(document):
    with pytest.raises(DocumentError) as caught:
        documents.read(document)
    return caught.value.faults


def test_the_document_of_a_dashboard():
    assert documents.write(BOARD) == {
        "format": "tokenops.dashboard",
        "version": 1,
        "name": "Costs",
        "description": "What we spend",
        "range": "30d",
        "filters": {"environment": ["production"]},
        "widgets": [
            {
                "kind": "stat",
                "title": "Spend",
                "question": {"metric": "cost", "by": [], "shape": "time", "top": 50},
                "filters": {},
                "place": {"x": 0, "y": 0, "w": 3, "h": 2},
            },
            {
                "kind": "bar",
                "title": "By model",
                "question": {"metric": "cost", "by": ["model"], "shape": "ranking", "top": 50},
                "filters": {},
                "place": {"x": 3, "y": 0, "w": 6, "h": 4},
            },
            {
                "kind": "text",
                "title": "Read me",
                "text": "What this is for.",
                "place": {"x": 0, "y": 2, "w": 3, "h": 2},
            },
        ],
    }


@st.composite
def widgets(draw):
    kind = draw(st.sampled_from(list(Kind)))
    w = draw(st.integers(1, 12))
    place = Place(draw(st.integers(0, 12 - w)), draw(st.integers(0, 1000)), w, draw(st.integers(1, 12)))
    words = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)
    if kind is Kind.TEXT:
        return WidgetTerms(kind=kind, title=draw(words), text=draw(words), place=place)
    metrics = [name for name, metric in METRICS.items() if kind is not Kind.DONUT or metric.is_summable]
    by = st.lists(st.sampled_from(list(LABELS)), max_size=kind.most_groupings, unique=True)
    question = Question(
        metric=draw(st.sampled_from(metrics)),
        by=tuple(draw(by)),
        shape=Shape(kind.shape),
        top=draw(st.integers(1, 200)),
    )
    names = draw(st.lists(st.sampled_from(["model", "feature", "team", "project"]), max_size=2, unique=True))
    pairs = documents.pairs_of({name: [draw(words)] for name in names})
    return WidgetTerms(kind=kind, title=draw(words), question=question, filters=pairs, place=place)


boards = st.builds(
    BoardTerms,
    name=st.text(st.characters(categories=["L"]), min_size=1, max_size=100),
    range=st.sampled_from(["", "24h", "90d"]),
    widgets=st.lists(widgets(), max_size=5).map(tuple),
)


@settings(max_examples=50, deadline=None)
@given(boards)
def test_what_is_written_is_read_as_it_was(board):
    assert documents.read(json.loads(json.dumps(documents.write(board)))) == board


def test_little_is_enough():
    assert documents.read(MINIMAL) == BoardTerms(name="Costs")


def test_what_a_kind_decides_need_not_be_said():
    board = documents.read(MINIMAL | {"widgets": [STAT, {"kind": "donut", "question": {}}]})

    assert [widget.question for widget in board.widgets] == [
        Question(metric="cost", by=(), shape=Shape.TIME),
        Question(metric="cost", by=("model",), shape=Shape.RANKING),
    ]
    assert [widget.place for widget in board.widgets] == [None, None]


@pytest.mark.parametrize("document", [None, [], "text", 1, True])
def test_a_document_is_an_object(document):
    assert faults(document) == {"": "Must be an object."}


@pytest.mark.parametrize("version", [None, 0, 2, "1", True, {}])
def test_another_version_is_not_guessed_at(version):
    expected = {"version": "This reads dashboards of the format tokenops.dashboard in version 1."}
    assert faults({"version": version, "name": "Costs"}) == expected
    assert faults(MINIMAL | {"format": "grafana"}) == expected


@pytest.mark.parametrize(
    ("change", "place", "message"),
    [
        ({"id": 7}, "", "Has a member that is none of format, version, name, description, range, filters, widgets."),
        ({"name": ""}, "name", "Use 1 to 100 visible characters."),
        ({"name": "x" * 101}, "name", "Use 1 to 100 visible characters."),
        ({"name": 7}, "name", "Use 1 to 100 visible characters."),
        ({"description": "x" * 301}, "description", "Must be a text of at most 300 characters."),
        ({"description": None}, "description", "Must be a text of at most 300 characters."),
        ({"filters": []}, "filters", None),
        ({"filters": {"planet": ["x"]}}, "filters", None),
        ({"filters": {"prompt": ["x"]}}, "filters", None),
        ({"filters": {"model": "gpt-4o"}}, "filters.model", "Must be a list of texts."),
        ({"filters": {"model": [1]}}, "filters.model", "Must be a list of texts."),
        ({"filters": {"model": [""]}}, "filters", None),
        ({"filters": {"status": ["odd"]}}, "filters", None),
        ({"filters": {"status": ["ok", "error"]}}, "filters", None),
        ({"filters": {"model": ["a", "a"]}}, "filters", None),
        ({"filters": {"model": [f"m{n}" for n in range(10_000)]}}, "filters", None),
        ({"range": "ten years"}, "range", None),
        ({"range": 7}, "range", None),
        ({"widgets": {}}, "widgets", "Must be a list of at most 50 widgets."),
        ({"widgets": [STAT] * (MOST_WIDGETS + 1)}, "widgets", "Must be a list of at most 50 widgets."),
        ({"widgets": [STAT, 7]}, "widgets.1", "Must be an object."),
        ({"widgets": [{"kind": "pie"}]}, "widgets.0.kind", None),
        ({"widgets": [{"kind": []}]}, "widgets.0.kind", None),
        ({"widgets": [STAT | {"id": 9}]}, "widgets.0", None),
        ({"widgets": [{"kind": "stat"}]}, "widgets.0.question", None),
        ({"widgets": [{"kind": "text", "question": {}}]}, "widgets.0.question", "A text has no question."),
        ({"widgets": [{"kind": "text", "text": "x" * 5001}]}, "widgets.0.text", None),
        ({"widgets": [STAT, STAT, STAT | {"place": {"x": 0}}]}, "widgets.2.place", None),
        ({"widgets": [STAT | {"place": {"x": 9, "y": 0, "w": 6, "h": 2}}]}, "widgets.0.place.w", None),
        ({"widgets": [STAT | {"place": {"x": 0, "y": 0, "w": 6, "h": 2.5}}]}, "widgets.0.place", None),
        ({"widgets": [STAT | {"place": {"x": 0, "y": 0, "w": 6, "h": 2, "z": 1}}]}, "widgets.0.place", None),
    ],
)
def test_a_fault_is_told_with_its_place(change, place, message):
    found = faults(MINIMAL | change)

    assert list(found) == [place]
    assert found[place] == message or message is None


@pytest.mark.parametrize(
    ("kind", "question", "message"),
    [
        ("bar", {"metric": "happiness"}, "metric must be one of cost,"),
        ("bar", {"by": ["planet"]}, "by must be one of model,"),
        ("bar", {"by": ["model", "team", "feature"]}, "by must be a list of at most 2"),
        ("bar", {"shape": "time"}, "shape must be ranking for this kind."),
        ("time_series", {"shape": "ranking"}, "shape must be time for this kind."),
        ("stat", {"by": ["model"]}, "by can name 0 for this kind."),
        ("heat_map", {"by": ["model", "team"]}, "by can name 1 for this kind."),
        ("donut", {"metric": "error_rate"}, "metric must be one whose parts add up to a whole for this kind."),
        ("table", {"top": 0}, "top must be a whole number from 1 to 200."),
        ("table", {"since": "yesterday"}, "A question has only the fields metric, by, shape, top."),
    ],
)
def test_a_question_that_cannot_be_asked(kind, question, message):
    found = faults(MINIMAL | {"widgets": [STAT, {"kind": kind, "question": question}]})

    assert list(found) == ["widgets.1.question"]
    assert found["widgets.1.question"].startswith(message)


def test_every_fault_is_told_at_once_and_none_repeats_a_value():
    secret = "sk-secret"

    found = faults(
        {
            "version": 1,
            "name": secret * 50,
            "range": secret,
            secret: 1,
            "filters": {secret: [secret]},
            "widgets": [{"kind": secret}, {"kind": "bar", "question": {"metric": secret}}],
        }
    )

    assert set(found) == {"", "name", "range", "filters", "widgets.0.kind", "widgets.1.question"}
    assert secret not in str(found)


def test_projects_that_the_reader_may_not_see_are_one_placeholder():
    pairs = (("project", "web"), ("project", "secret"), ("project", "hidden"), ("model", "secret"))
    board = BoardTerms(name="Costs", filters=pairs, widgets=(WidgetTerms(kind=Kind.TEXT, text="Hi"), BY_MODEL))

    document = documents.write(board, hidden={"secret", "hidden"})

    assert document["filters"] == {"project": ["web", HIDDEN], "model": ["secret"]}
    assert documents.names_any(board, {"secret"})
    assert not documents.names_any(board, {"other"})
    assert documents.read(document).filters == (("project", "web"), ("project", HIDDEN), ("model", "secret"))


def test_every_filter_of_a_dashboard_is_one_of_the_bar():
    for name in FILTERS:
        value = {"status": "ok", "tag": "tier:gold"}.get(name, "x")
        assert documents.pairs_of({name: [value]}) == ((name, value),)
