"""A serving process does not look again at what it loaded."""

import gc

import pytest

from tokenops import collector


@pytest.fixture
def untouched():
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_is_loaded_is_not_looked_at_again_and_the_rest_seldom(untouched):
    kept = [object()]

    collector.settle()

    assert gc.get_freeze_count() > 10_000
    assert all(found is not kept for found in gc.get_objects())
    assert gc.get_threshold() == (50_000, 10, 10)
