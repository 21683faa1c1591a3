"""The daily tables beside the rollups: sizes of calls, prompts that came again, end users; stored with the calls."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.scope import org_scope
from ingestion import daily_tables, rebuild
from ingestion.models import DailyRollup, PromptRollup, SizeRollup, UserRollup
from ingestion.tests.edge.client import issue_key
from ingestion.tests.edge.conftest import project_of
from ingestion.tests.edge.rows import AN_HOUR_AGO, make_row, new_flusher
from ingestion.wire.types import Usage
from ingestion.writer.daily_sums import PromptCounts
from ingestion.writer.flush import Memory
from ingestion.writer.rollups import DistinctValues

TODAY = AN_HOUR_AGO.date()
ONE = timedelta(days=1)


def store(*rows, memory=None):
    flusher = new_flusher(memory)
    (outcome,) = flusher.flush([list(rows)])
    flusher.close()
    return outcome


def sizes(organization):
    with org_scope(organization.pk):
        return list(SizeRollup.objects.order_by("size").values_list("size", "calls"))


def prompts(organization, *columns):
    with org_scope(organization.pk):
        return sorted(PromptRollup.objects.values_list(*(columns or ("kind", "hash", "calls"))))


def users(organization, *columns):
    with org_scope(organization.pk):
        return sorted(UserRollup.objects.values_list(*(columns or ("user_id", "model_key", "calls"))))


def differences(organization, *, days=(-8, 3)):
    now = datetime.now(UTC)
    period = {"first_date": TODAY + days[0] * ONE, "end_date": TODAY + days[1] * ONE}
    found = rebuild.differences(organization=organization, now=now, **period)
    return [difference for _, differences in found for difference in differences]


def rebuild_all(organization, now=None):
    period = {"first_date": TODAY - 8 * ONE, "end_date": TODAY + 3 * ONE}
    rebuild.rebuild_rollups(organization=organization, now=now, **period)


# --- Sizes ---


@pytest.mark.parametrize(
    ("tokens", "size"),
    [
        (0, 50),
        (49, 50),
        (50, 100),
        (99, 100),
        (100, 200),
        (199, 200),
        (200, 500),
        (499, 500),
        (500, 1_000),
        (999, 1_000),
        (1_000, 2**31 - 1),
        (2 * 10**9, 2**31 - 1),
    ],
)
def test_a_size_is_what_a_call_stays_below(tokens, size):
    assert daily_tables.size(tokens) == size


def test_calls_are_summed_by_size_and_by_nothing_a_rule_does_not_ask_for(acme):
    project = project_of(acme)

    store(
        make_row(project, "1", input_tokens=40, output_tokens=9),
        make_row(project, "2", input_tokens=40, output_tokens=9, environment="staging", api_key_id=8),
        make_row(project, "3", input_tokens=40, output_tokens=10, started_at=AN_HOUR_AGO),
        make_row(project, "4", input_tokens=900, output_tokens=100),
    )

    assert sizes(acme) == [(50, 2), (100, 1), (2**31 - 1, 1)]
    with org_scope(acme.pk):
        small = SizeRollup.objects.get(size=50)
    assert (small.project_id, small.bucket_date, small.provider, small.model_key) == (
        project.pk,
        TODAY,
        "openai",
        "gpt-4o",
    )
    assert (small.feature, small.team) == ("default", "")
    assert (small.input_tokens, small.output_tokens, small.unpriced_calls) == (80, 18, 0)
    assert small.cost_usd == 2 * (40 * Decimal("2.5") + 9 * Decimal(10)) / 1_000_000
    assert differences(acme) == []


def test_a_call_of_unknown_usage_has_no_size_and_is_in_every_other_sum(acme):
    project = project_of(acme)
    nothing = {"usage": Usage(rule="unstated"), "user_id": "u-1"}

    store(make_row(project, "1", input_tokens=1), make_row(project, "2", **nothing))
    store(make_row(project, "3", **nothing), make_row(project, "4", **nothing, status="error"))

    assert sizes(acme) == [(50, 2)]
    with org_scope(acme.pk):
        (day,) = DailyRollup.objects.values("calls", "unpriced_calls", "estimated_calls")
        (user,) = UserRollup.objects.values("calls", "unpriced_calls")
    assert day == {"calls": 4, "unpriced_calls": 2, "estimated_calls": 0}
    assert user == {"calls": 3, "unpriced_calls": 2}
    assert differences(acme) == []
    rebuild_all(acme)
    assert sizes(acme) == [(50, 2)]


def test_a_later_flush_adds_to_the_same_row(acme):
    project = project_of(acme)

    for call_id in ("1", "2", "2"):
        store(make_row(project, call_id))

    assert sizes(acme) == [(50, 2)]


def test_an_estimated_call_is_in_the_rollups_and_in_no_table_of_the_rules(acme):
    store(make_row(project_of(acme), "1", usage_estimated=True, prompt_hash="a" * 64))

    with org_scope(acme.pk):
        assert DailyRollup.objects.get().calls == 1
    assert (sizes(acme), prompts(acme)) == ([], [])
    assert differences(acme) == []


def test_a_second_record_of_a_call_is_in_no_table_of_the_rules(acme):
    project = project_of(acme)
    same = {"response_id": "resp_1", "prompt_hash": "a" * 64}

    store(make_row(project, "1", **same), make_row(project, "2", **same))

    assert (sizes(acme), prompts(acme)) == ([(50, 1)], [("full", "a" * 64, 1)])
    assert differences(acme) == []


def test_what_has_no_price_is_counted_as_unpriced_and_adds_no_cost(acme):
    store(make_row(project_of(acme), "1", model="mine", prompt_hash="a" * 64))

    with org_scope(acme.pk):
        for row in (SizeRollup.objects.get(), PromptRollup.objects.get()):
            assert (row.calls, row.unpriced_calls, row.cost_usd) == (1, 1, 0)


def test_names_beyond_the_most_are_called_other_as_in_the_rollups(acme):
    project = project_of(acme)
    memory = Memory(values=DistinctValues(limit=2))

    store(
        *(make_row(project, str(n), feature=f"f-{n}", prompt_hash=f"{n:064}") for n in range(4)),
        memory=memory,
    )

    with org_scope(acme.pk):
        by_feature = sorted(SizeRollup.objects.values_list("feature", "calls"))
        hashes = sorted(PromptRollup.objects.values_list("feature", "hash"))
    assert by_feature == [("(other)", 2), ("f-0", 1), ("f-1", 1)]
    assert hashes == [("(other)", f"{2:064}"), ("(other)", f"{3:064}"), ("f-0", f"{0:064}"), ("f-1", f"{1:064}")]


# --- Prompts ---


def test_calls_with_the_same_prompt_meet_in_one_row(acme):
    project = project_of(acme)
    hashed = {"prompt_hash": "a" * 64, "prompt_prefix_hash": "b" * 64}

    store(
        make_row(project, "1", input_tokens=100, **hashed),
        make_row(project, "2", input_tokens=50, **hashed | {"prompt_hash": "c" * 64}),
        make_row(project, "3", environment="staging", **hashed),
        make_row(project, "4"),
    )

    assert prompts(acme) == [("full", "a" * 64, 2), ("full", "c" * 64, 1), ("prefix", "b" * 64, 3)]
    with org_scope(acme.pk):
        whole = PromptRollup.objects.get(hash="a" * 64)
    assert (whole.source, whole.model_key, whole.bucket_date) == ("rest", "gpt-4o", TODAY)
    assert (whole.input_tokens, whole.cached_input_tokens) == (110, 0)
    assert whole.cost_usd == Decimal("0.000295")
    assert differences(acme) == []


def test_a_prompt_of_another_source_or_model_is_another_row(acme):
    project = project_of(acme)

    store(
        *(
            make_row(project, str(n), prompt_hash="a" * 64, **other)
            for n, other in enumerate([{}, {"source": "sdk"}, {"model": "mine"}, {"team": "x"}])
        )
    )

    assert [calls for _, _, calls in prompts(acme)] == [1, 1, 1, 1]


def test_a_prompt_of_a_call_that_comes_too_late_is_not_counted(acme):
    project = project_of(acme)
    late = datetime.now(UTC) - daily_tables.PROMPTS_WITHIN

    store(
        make_row(project, "late", started_at=late - timedelta(minutes=1), prompt_hash="a" * 64),
        make_row(project, "in time", started_at=late + timedelta(minutes=1), prompt_hash="b" * 64),
    )

    assert prompts(acme) == [("full", "b" * 64, 1)]
    assert sum(calls for _, calls in sizes(acme)) == 2
    assert differences(acme) == []


def test_an_event_brings_its_hashes_under_the_organizations_key(edge, acme, key):
    event = {"model": "gpt-4o", "prompt_hash": "ab", "prompt_prefix_hash": "ab"}

    assert edge.post([event, event], key=key).status == 202

    rows = prompts(acme, "kind", "calls", "source")
    assert rows == [("full", 2, "rest"), ("prefix", 2, "rest")]
    hashes = {value for (value,) in prompts(acme, "hash")}
    assert len(hashes) == 2
    assert not hashes & {"ab"}


def test_a_project_sees_its_own_only(edge, acme, globex):
    for organization in (acme, globex):
        edge.post([{"model": "gpt-4o", "input_tokens": 1, "prompt_hash": "ab"}], key=issue_key(organization))

    assert (sizes(acme), sizes(globex)) == ([(50, 1)], [(50, 1)])
    assert prompts(acme, "hash") != prompts(globex, "hash")


def test_a_full_day_counts_the_prompts_it_knows_and_takes_no_new_ones(acme):
    project = project_of(acme)
    memory = Memory(prompts=PromptCounts(limit=2))

    for number, hashed in enumerate(["a", "b", "c", "a"]):
        store(make_row(project, str(number), prompt_hash=hashed * 64), memory=memory)

    assert prompts(acme) == [("full", "a" * 64, 2), ("full", "b" * 64, 1)]
    assert sizes(acme) == [(50, 4)]


def test_a_process_that_starts_learns_how_full_a_day_is(acme):
    project = project_of(acme)
    store(*(make_row(project, f"{n}", prompt_hash=f"{n:064}") for n in range(3)))

    memory = Memory(prompts=PromptCounts(limit=3))
    store(
        make_row(project, "more", prompt_hash="f" * 64), make_row(project, "again", prompt_hash="0" * 64), memory=memory
    )

    assert prompts(acme) == [("full", "0" * 64, 2), ("full", f"{1:064}", 1), ("full", f"{2:064}", 1)]


def test_each_day_and_project_has_a_limit_of_its_own(acme):
    memory = Memory(prompts=PromptCounts(limit=1))
    web, app = project_of(acme), project_of(acme, "app")

    store(make_row(web, "1", prompt_hash="a" * 64), memory=memory)
    store(
        make_row(app, "2", prompt_hash="b" * 64),
        make_row(web, "3", prompt_hash="b" * 64, started_at=AN_HOUR_AGO - ONE),
        make_row(web, "4", prompt_hash="c" * 64),
        memory=memory,
    )

    assert [value for _, value, _ in prompts(acme)] == ["a" * 64, "b" * 64, "b" * 64]


def test_days_are_forgotten_when_there_are_too_many(monkeypatch):
    monkeypatch.setattr("ingestion.writer.daily_sums._MOST_DAYS", 2)
    counts = PromptCounts(limit=1)

    for project in range(3):
        counts.learn({(project, TODAY): 1})
    counts.add({(0, TODAY): 5})

    assert counts.unseen([(n, TODAY) for n in range(3)]) == {(0, TODAY)}
    assert not counts.is_full((0, TODAY))
    assert counts.is_full((1, TODAY))


def test_what_two_flushes_learn_of_a_day_is_counted_once():
    counts = PromptCounts(limit=3)

    counts.learn({(1, TODAY): 2})
    counts.learn({(1, TODAY): 2})

    assert not counts.is_full((1, TODAY))


# --- A rebuild ---


def test_a_rebuild_repairs_both_and_leaves_others_alone(acme, globex):
    for organization in (acme, globex):
        hashed = [make_row(project_of(organization), str(n), prompt_hash="a" * 64) for n in range(2)]
        store(*hashed)
    with org_scope(acme.pk):
        SizeRollup.objects.update(calls=100)
        PromptRollup.objects.all().delete()
    found = {(one.table, one.missing, one.unexpected, one.different) for one in differences(acme)}
    assert found == {("call_sizes_daily", 0, 0, 1), ("prompt_hash_daily", 1, 0, 0)}

    rebuild_all(acme)

    assert (sizes(acme), prompts(acme)) == ([(50, 2)], [("full", "a" * 64, 2)])
    assert (sizes(globex), prompts(globex)) == ([(50, 2)], [("full", "a" * 64, 2)])
    assert differences(acme) == differences(globex) == []


def test_a_row_that_no_call_accounts_for_is_seen(acme):
    store(make_row(project_of(acme), "1", prompt_hash="a" * 64))
    with org_scope(acme.pk):
        PromptRollup.objects.update(hash="b" * 64)

    (found,) = differences(acme)

    assert (found.table, found.missing, found.unexpected, found.different) == ("prompt_hash_daily", 1, 1, 0)


def test_a_rebuild_of_an_old_day_brings_no_single_prompt_back(acme):
    project = project_of(acme)
    store(*(make_row(project, str(n), prompt_hash=value * 64) for n, value in enumerate("aab")))
    much_later = datetime.now(UTC) + 5 * ONE

    rebuild_all(acme, now=much_later)

    assert prompts(acme) == [("full", "a" * 64, 2)]
    assert sizes(acme) == [(50, 3)]
    (found,) = differences(acme)  # today they would still be there
    assert (found.table, found.missing) == ("prompt_hash_daily", 1)


def test_a_rebuild_keeps_the_prompts_that_came_first_and_a_full_day_is_not_compared(acme, monkeypatch):
    project = project_of(acme)
    for number, value in enumerate("abc"):
        store(make_row(project, str(number), prompt_hash=value * 64))
    monkeypatch.setattr(daily_tables, "MOST_PROMPTS", 2)

    rebuild_all(acme)

    assert [value for _, value, _ in prompts(acme)] == ["a" * 64, "b" * 64]
    assert differences(acme) == []


# --- End users ---


def test_calls_are_summed_by_end_user_and_model_with_everything_a_page_shows(acme):
    project = project_of(acme)
    failed = {"status": "error", "usage_estimated": True}

    store(
        make_row(project, "1", user_id="ann", input_tokens=40, cached_input_tokens=10, output_tokens=9),
        make_row(project, "2", user_id="ann", input_tokens=2, output_tokens=1, feature="chat", team="web", **failed),
        make_row(project, "3", user_id="ann", model="mine", input_tokens=5, output_tokens=5),
        make_row(project, "4", user_id="bob", input_tokens=1, output_tokens=0),
        make_row(project, "5"),
    )

    assert users(acme) == [("ann", "gpt-4o", 2), ("ann", "mine", 1), ("bob", "gpt-4o", 1)]
    with org_scope(acme.pk):
        ann = UserRollup.objects.get(user_id="ann", model_key="gpt-4o")
        unpriced = UserRollup.objects.get(model_key="mine")
    assert (ann.project_id, ann.bucket_date, ann.provider) == (project.pk, TODAY, "openai")
    assert (ann.errors, ann.estimated_calls, ann.unpriced_calls) == (1, 1, 0)
    assert (ann.input_tokens, ann.cached_input_tokens, ann.output_tokens, ann.reasoning_tokens) == (42, 10, 10, 0)
    assert ann.cost_usd == (42 * Decimal("2.5") + 10 * Decimal(10)) / 1_000_000
    assert (unpriced.unpriced_calls, unpriced.cost_usd) == (1, 0)
    assert differences(acme) == []


def test_a_later_flush_adds_to_the_rows_of_its_users_and_a_retry_adds_nothing(acme):
    project = project_of(acme)

    for call_id, user_id in (("1", "ann"), ("2", "ann"), ("2", "ann"), ("3", "bob")):
        store(make_row(project, call_id, user_id=user_id))

    assert users(acme, "user_id", "calls") == [("ann", 2), ("bob", 1)]


def test_a_second_record_of_a_call_is_not_counted_for_its_user(acme):
    project = project_of(acme)
    same = {"response_id": "resp_1", "user_id": "ann"}

    store(make_row(project, "1", **same), make_row(project, "2", **same))

    assert users(acme, "user_id", "calls") == [("ann", 1)]
    assert differences(acme) == []


def test_beyond_the_most_users_of_a_day_others_are_counted_together(acme):
    project = project_of(acme)
    memory = Memory(users=DistinctValues(2))

    for number, user_id in enumerate(["zoe", "ann", "bob", "zoe", "cem"]):
        store(make_row(project, str(number), user_id=user_id), memory=memory)
    store(make_row(project, "tomorrow", user_id="bob", started_at=AN_HOUR_AGO + ONE), memory=memory)

    assert users(acme, "bucket_date", "user_id", "calls") == [
        (TODAY, "(other)", 2),
        (TODAY, "ann", 1),
        (TODAY, "zoe", 2),
        (TODAY + ONE, "bob", 1),
    ]


def test_a_process_that_starts_anew_knows_the_users_of_the_day(acme):
    project = project_of(acme)
    store(make_row(project, "1", user_id="ann"), make_row(project, "2", user_id="bob"))

    for number, user_id in enumerate(["cem", "bob"]):
        store(make_row(project, f"later-{number}", user_id=user_id), memory=Memory(users=DistinctValues(2)))

    assert users(acme, "user_id", "calls") == [("(other)", 1), ("ann", 1), ("bob", 2)]


def test_users_of_one_flush_keep_their_names_in_one_order_however_they_are_sent(acme, globex):
    for organization, sent in ((acme, "cba"), (globex, "bca")):
        rows = [make_row(project_of(organization), user_id, user_id=user_id) for user_id in sent]
        store(*rows, memory=Memory(users=DistinctValues(2)))

    assert users(acme, "user_id", "calls") == users(globex, "user_id", "calls") == [("(other)", 1), ("a", 1), ("b", 1)]


def test_a_rebuild_repairs_end_users_and_keeps_those_that_came_first(acme, monkeypatch):
    project = project_of(acme)
    for number, user_id in enumerate(["zoe", "ann", "bob"]):
        store(make_row(project, str(number), user_id=user_id))
    with org_scope(acme.pk):
        UserRollup.objects.filter(user_id="ann").update(calls=7)
        UserRollup.objects.filter(user_id="bob").delete()
    found = [(one.table, one.missing, one.unexpected, one.different) for one in differences(acme)]
    assert found == [("user_rollups_daily", 1, 0, 1)]

    rebuild_all(acme)

    assert users(acme, "user_id", "calls") == [("ann", 1), ("bob", 1), ("zoe", 1)]
    monkeypatch.setattr(daily_tables, "MOST_USERS", 2)
    rebuild_all(acme)
    assert users(acme, "user_id", "calls") == [("(other)", 1), ("ann", 1), ("zoe", 1)]
    assert differences(acme) == []
