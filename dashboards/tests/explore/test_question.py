from urllib.parse import parse_qs, urlencode

import pytest

from dashboards.explore.dimensions import COLUMNS, LABELS, columns
from dashboards.explore.metrics import METRICS
from dashboards.explore.question import DEFAULT_TOP, Question, Shape


def parse(query):
    return Question.parse(parse_qs(query, keep_blank_values=True))


def test_without_a_wish_it_is_the_cost_by_model_over_time():
    assert parse("") == (Question(metric="cost", by=("model",), shape=Shape.TIME, top=DEFAULT_TOP), [])


def test_a_question_is_read_from_its_address():
    question, problems = parse("metric=latency_p95&by=feature&by=team&shape=ranking&top=7")

    assert question == Question(metric="latency_p95", by=("feature", "team"), shape=Shape.RANKING, top=7)
    assert problems == []


@pytest.mark.parametrize("query", ["by=", "by=&by="])
def test_no_grouping_can_be_asked_for(query):
    assert parse(query) == (Question(by=()), [])


def test_a_blank_field_of_the_form_counts_for_nothing():
    assert parse("by=&by=team&metric=&shape=&top=") == (Question(by=("team",)), [])


@pytest.mark.parametrize(
    ("query", "question", "problem"),
    [
        ("metric=charm", Question(), "There is no such metric; the cost is shown."),
        (
            "by=mood&by=team",
            Question(by=("team",)),
            f"Calls can be grouped by {', '.join(LABELS)}; what else was asked for is left out.",
        ),
        ("by=team&by=team", Question(by=("team",)), "Both groupings were the same; it is shown once."),
        (
            "by=team&by=model&by=key",
            Question(by=("team", "model")),
            "Calls are grouped by at most 2 dimensions; the first ones are shown.",
        ),
        (
            "shape=pyramid",
            Question(),
            "Numbers are shown over time or as a ranking; they are shown over time.",
        ),
        ("top=0", Question(), "From 1 to 200 groups can be listed; the first 50 are."),
        ("top=201", Question(), "From 1 to 200 groups can be listed; the first 50 are."),
        ("top=-5", Question(), "From 1 to 200 groups can be listed; the first 50 are."),
        ("top=many", Question(), "From 1 to 200 groups can be listed; the first 50 are."),
        ("top=²", Question(), "From 1 to 200 groups can be listed; the first 50 are."),
        ("top=" + "9" * 5_000, Question(), "From 1 to 200 groups can be listed; the first 50 are."),
    ],
)
def test_what_cannot_be_used_becomes_a_sentence_and_a_default(query, question, problem):
    assert parse(query) == (question, [problem])


def test_a_sentence_never_repeats_what_was_sent():
    _, problems = parse("metric=<script>&by=<script>&shape=<script>&top=<script>")

    assert len(problems) == 4
    assert not any("script" in problem for problem in problems)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("by", [(), ("model",), ("team", "status")])
@pytest.mark.parametrize("shape", Shape)
def test_an_address_and_a_document_give_the_question_again(metric, by, shape):
    for top in (1, DEFAULT_TOP, 200):
        question = Question(metric=metric, by=by, shape=shape, top=top)

        assert parse(urlencode(question.pairs)) == (question, [])
        assert Question.from_json(question.to_json()) == question


def test_a_document_is_plain_json():
    question = Question(metric="calls", by=("team",), shape=Shape.RANKING, top=5)

    assert question.to_json() == {"metric": "calls", "by": ["team"], "shape": "ranking", "top": 5}
    assert type(question.to_json()["shape"]) is str


def test_a_document_may_leave_fields_out():
    assert Question.from_json({}) == Question()
    assert Question.from_json({"by": []}) == Question(by=())


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (None, "A question is an object"),
        ([], "A question is an object"),
        ("cost", "A question is an object"),
        ({"metric": "charm"}, "metric must be one of cost, "),
        ({"metric": 1}, "metric must be one of cost, "),
        ({"metric": ["cost"]}, "metric must be one of cost, "),
        ({"by": "model"}, "by must be a list of at most 2 of model, "),
        ({"by": ["model", "team", "key"]}, "by must be a list of at most 2 of model, "),
        ({"by": ["mood"]}, "by must be one of model, "),
        ({"by": [None]}, "by must be one of model, "),
        ({"by": ["team", "team"]}, "by must not name one dimension twice."),
        ({"shape": "pyramid"}, "shape must be one of time, ranking."),
        ({"shape": None}, "shape must be one of time, ranking."),
        ({"top": 0}, "top must be a whole number from 1 to 200."),
        ({"top": 201}, "top must be a whole number from 1 to 200."),
        ({"top": True}, "top must be a whole number from 1 to 200."),
        ({"top": "5"}, "top must be a whole number from 1 to 200."),
        ({"top": 5.0}, "top must be a whole number from 1 to 200."),
        ({"color": "red"}, "A question has only the fields metric, by, shape, top."),
    ],
)
def test_a_wrong_document_is_refused_with_a_reason(document, words):
    with pytest.raises(ValueError, match="^" + words.replace(".", r"\.")):
        Question.from_json(document)


def test_every_dimension_has_words_and_columns():
    assert LABELS.keys() == COLUMNS.keys()
    assert columns(("model", "provider", "team")) == ("provider", "model_key", "team")
