"""A serving process does not look again at what it loaded."""

import gc

import pytest

from tokenops import collector


@pytest.fixture
def thresholds():
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def is_looked_at(wanted):
    return any(found is wanted for found in gc.get_objects())


def test_what_is_loaded_is_not_looked_at_again_and_the_rest_seldom(thresholds):
    loaded = [object()]
    assert is_looked_at(loaded)

    collector.settle()
    later = [object()]

    assert not is_looked_at(loaded)
    assert is_looked_at(later)
    assert gc.get_threshold() == (50_000, 10, 10)
