import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.boards import layers

PAIRS = st.lists(st.tuples(st.sampled_from(["model", "team"]), st.sampled_from("abc")), unique=True).map(tuple)


def keeps(pairs, call):
    """Whether a call with these values passes a filter: one value of each name is enough."""
    return all(call[name] in [value for label, value in pairs if label == name] for name in dict(pairs))


CALLS = [{"model": model, "team": team} for model in "abc" for team in "abc"]


@given(st.lists(PAIRS, max_size=4))
def test_only_calls_that_every_layer_keeps_are_kept(stack):
    found = layers.combined(stack)

    kept = [call for call in CALLS if found is not None and keeps(found, call)]
    assert kept == [call for call in CALLS if all(keeps(pairs, call) for pairs in stack)]


@pytest.mark.parametrize(
    ("stack", "found"),
    [
        ([], ()),
        ([(), ()], ()),
        ([(("model", "a"),), (("team", "b"),)], (("team", "b"), ("model", "a"))),
        ([(("model", "a"), ("model", "b")), (("model", "b"), ("model", "c"))], (("model", "b"),)),
        ([(("model", "a"),), (("model", "b"),)], None),
        ([(("status", "ok"),), (("status", "error"),)], None),
    ],
)
def test_layers_of_filters(stack, found):
    assert layers.combined(stack) == found


def test_projects_that_are_not_there():
    pairs = (("project", "web"), ("model", "gone"), ("project", "gone"))

    assert layers.projects_of(pairs) == ["web", "gone"]
    assert layers.missing(pairs, {"web"}) == (1, 2)
    assert layers.missing((), set()) == (0, 0)
