import pytest

from dashboards.colors import colors_of
from dashboards.explore.looks import looks
from dashboards.explore.question import Shape
from dashboards.numbers import ModelName
from dashboards.tests.explore.calls import mixed
from dashboards.tests.factories import record_calls


@pytest.fixture(autouse=True)
def calls(web):
    record_calls(web, mixed())


def test_a_model_has_the_colour_it_has_everywhere(ask, in_acme):
    sonnet = ModelName("anthropic", "sonnet")
    before = colors_of(organization=in_acme, models=[ModelName("other", "first"), sonnet])

    found = looks(organization=in_acme, answer=ask(metric="calls"))

    assert set(found) == {"sonnet", "gpt-4o", "llama"}
    assert found["sonnet"] == before[sonnet]


def test_a_name_has_one_colour_over_time_and_in_a_ranking(ask, in_acme):
    by_time = looks(organization=in_acme, answer=ask(metric="calls", by=("feature",)))
    stacked = looks(organization=in_acme, answer=ask(metric="calls", by=("model", "feature"), shape=Shape.RANKING))

    assert set(by_time) == {"chat", "search"}
    assert by_time == {name: stacked[name] for name in by_time}


def test_pairs_are_told_apart(ask, in_acme):
    found = looks(organization=in_acme, answer=ask(metric="calls", by=("feature", "provider")))

    assert len(set(found.values())) == len(found) == 6
