"""A model keeps its colour; models of one hue stay apart; what has no row of its own is grey or hashed."""

from threading import Barrier, Thread

import pytest
from django.db import IntegrityError, connection, transaction

from conftest import make_organization
from core.charts import HUES, PATTERNS, Look
from core.scope import ScopeError, org_scope
from dashboards.colors import apart, colors_of, colors_of_names, next_looks
from dashboards.models import ModelColor
from dashboards.numbers import ModelName
from ingestion import store

GPT, SONNET, LLAMA = ModelName("openai", "gpt-4o"), ModelName("anthropic", "sonnet"), ModelName("acme", "llama")


def models(count, start=0):
    return [ModelName("p", f"m{n:03}") for n in range(start, start + count)]


# --- Pure ---


def test_the_first_ten_have_a_hue_of_their_own():
    assert next_looks([], 10) == [Look(hue) for hue in range(1, 11)]


def test_from_the_eleventh_on_the_least_used_hue_comes_again_with_a_pattern():
    assert next_looks([], 22)[10:12] == [Look(1, 1), Look(2, 1)]
    assert next_looks([], 22)[20:] == [Look(1, 2), Look(2, 2)]
    assert next_looks([1, 2, 4], 3) == [Look(3), Look(5), Look(6)]
    assert next_looks([*range(1, 11), 1], 2) == [Look(2, 1), Look(3, 1)]


def test_forty_looks_are_all_different_and_then_they_repeat():
    looks = next_looks([], HUES * PATTERNS + 1)

    assert len(set(looks[:-1])) == HUES * PATTERNS
    assert looks[-1] == looks[0]


def test_nothing_new_needs_no_look():
    assert next_looks([3], 0) == []


def test_what_looks_like_something_before_it_takes_another_pattern():
    looks = {"a": Look(3), "b": Look(3), "c": Look(3, 1), "d": Look(4)}

    assert apart(looks) == {"a": Look(3), "b": Look(3, 1), "c": Look(3, 2), "d": Look(4)}


def test_grey_stays_grey_and_more_than_four_of_one_hue_repeat():
    assert apart({"a": Look(0), "b": Look(0)}) == {"a": Look(0), "b": Look(0)}
    assert list(apart({n: Look(1) for n in range(5)}).values()) == [*(Look(1, n) for n in range(4)), Look(1)]


def test_a_name_has_one_hue_in_every_chart():
    alone, among = colors_of_names(["payments"]), colors_of_names(["search", "payments", "support"])

    assert alone["payments"].color_index == among["payments"].color_index
    assert len(set(among.values())) == 3
    assert all(1 <= look.color_index <= HUES for look in among.values())


def test_names_in_any_script_and_none_at_all_have_a_hue():
    assert set(colors_of_names(["", "チーム", "a" * 300])) == {"", "チーム", "a" * 300}


# --- Stored ---


def test_models_get_their_colours_in_the_order_given_and_keep_them(acme, scope):
    with scope(acme):
        first = colors_of(organization=acme, models=[GPT, SONNET])
        later = colors_of(organization=acme, models=[LLAMA, SONNET, GPT])

    assert first == {GPT: Look(1), SONNET: Look(2)}
    assert later == {LLAMA: Look(3), SONNET: Look(2), GPT: Look(1)}


def test_known_colours_take_one_question_and_write_nothing(acme, scope, django_assert_num_queries):
    with scope(acme):
        colors_of(organization=acme, models=[GPT, SONNET])

        with django_assert_num_queries(1):
            colors_of(organization=acme, models=[SONNET, GPT, SONNET])
        assert ModelColor.objects.count() == 2


def test_nothing_shown_asks_for_nothing_new(acme, scope):
    with scope(acme):
        assert colors_of(organization=acme, models=[]) == {}
        assert ModelColor.objects.count() == 0


def test_one_name_of_two_providers_is_two_models(acme, scope):
    azure = ModelName("azure", GPT.model_key)

    with scope(acme):
        assert colors_of(organization=acme, models=[GPT, azure]) == {GPT: Look(1), azure: Look(2)}
        assert colors_of(organization=acme, models=[azure]) == {azure: Look(2)}


def test_the_sum_of_the_rest_is_grey_and_takes_nobodys_colour(acme, scope):
    rest = ModelName("p", store.OTHER)

    with scope(acme):
        found = colors_of(organization=acme, models=[rest, GPT])
        stored = list(ModelColor.objects.values_list("model_key", flat=True))

    assert found == {rest: Look(0), GPT: Look(1)}
    assert stored == ["gpt-4o"]


def test_every_organization_begins_with_the_first_colour(acme, globex, scope):
    with scope(acme):
        colors_of(organization=acme, models=[GPT, SONNET])
    with scope(globex):
        assert colors_of(organization=globex, models=[SONNET]) == {SONNET: Look(1)}
        assert ModelColor.objects.count() == 1


def test_colours_are_not_read_without_a_scope(acme):
    with pytest.raises(ScopeError):
        colors_of(organization=acme, models=[GPT])


def test_three_hundred_models_have_looks_and_those_of_one_chart_are_told_apart(acme, scope):
    with scope(acme):
        for start in range(0, 300, 9):
            colors_of(organization=acme, models=models(9, start))
        hues = list(ModelColor.objects.values_list("color_index", flat=True))
        same_look = [ModelName("p", f"m{n:03}") for n in (0, 40, 80, 120)]
        found = colors_of(organization=acme, models=same_look)

    assert {hues.count(hue) for hue in range(1, 11)} <= {30, 31}
    assert set(found.values()) == {Look(1, pattern) for pattern in range(PATTERNS)}


@pytest.mark.parametrize("bad", [{"color_index": 0}, {"color_index": 11}, {"pattern": 4}])
def test_the_database_takes_only_looks_there_are(acme, scope, bad):
    row = {"organization": acme, "provider": "p", "model_key": "m", "color_index": 1, "pattern": 0} | bad

    with scope(acme), pytest.raises(IntegrityError), transaction.atomic():
        ModelColor.objects.create(**row)


def test_two_pages_at_once_give_two_models_two_hues(committed_db):
    organization = make_organization("Busy")
    both = Barrier(2)
    found = {}

    def show(model):
        try:
            with org_scope(organization.pk):
                both.wait(timeout=20)
                found.update(colors_of(organization=organization, models=[model]))
        finally:
            connection.close()

    pages = [Thread(target=show, args=(model,)) for model in (GPT, SONNET)]
    for page in pages:
        page.start()
    for page in pages:
        page.join(timeout=20)

    assert {look.color_index for look in found.values()} == {1, 2}
    assert set(found) == {GPT, SONNET}
