"""A re-pricing changes calls and sums together, exactly once, whatever happens in between."""

import random
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError, connections, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.models import WorkDue
from core.scope import org_scope
from ingestion import daily_tables, store, tasks
from ingestion.models import Call, DailyRollup, PromptRollup, RepriceRun, SizeRollup, UserRollup
from ingestion.pricing.calculator import EXACT
from ingestion.pricing.cards import RateCard, UnitPrice, to_row
from ingestion.rebuild import local_midnight, rebuild_rollups
from ingestion.reprice import reading, services, writing
from ingestion.reprice.stored import Change
from ingestion.reprice.writing import RepriceError
from ingestion.services import current_book
from ingestion.tests.edge.conftest import new_organization, project_of
from ingestion.tests.reprice.conftest import (
    NOON,
    again,
    apply,
    assert_rebuild_changes_nothing,
    costs,
    make_row,
    rollups,
    run_to_end,
    set_price,
    start,
    store_card,
    store_rows,
    stored,
)
from ingestion.wire.types import Call as WireCall
from ingestion.wire.types import Usage
from ingestion.writer import LocalTime, Target, row
from tenants.models import AuditEntry, User

State = RepriceRun.State
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Kiritimati"]


def unknown(project, count=3, **fields):
    """Calls to a model that no card prices, a minute apart."""
    given = {"model": "house-model", "started_at": NOON, "input_tokens": 1_000_000, "output_tokens": 0} | fields
    first = given.pop("started_at")
    return [make_row(project, f"u{n}", started_at=first + timedelta(minutes=n), **given) for n in range(count)]


def entries(organization, action):
    with org_scope(organization.pk):
        return list(AuditEntry.objects.filter(action=action).order_by("pk"))


# --- The dry run ---


def test_a_dry_run_says_what_would_change_and_changes_nothing(acme):
    project = project_of(acme)
    store_rows([*unknown(project), make_row(project, "known", started_at=NOON, input_tokens=1_000_000)])
    set_price(acme, "house-model", "2")
    before = stored(acme), rollups(acme)

    run = run_to_end(start(acme))

    assert run.state == State.READY
    assert (run.calls_seen, run.calls_changed, run.newly_priced, run.newly_unpriced) == (4, 3, 3, 0)
    assert (run.old_cost_usd, run.new_cost_usd) == (Decimal("2.50001"), Decimal("8.50001"))
    assert (stored(acme), rollups(acme)) == before
    assert not WorkDue.objects.filter(object_id=run.pk).exists()


def test_the_report_breaks_the_difference_down_and_names_the_calls_that_change_most(acme):
    project = project_of(acme)
    store_rows(
        [
            make_row(project, "small", model="house-model", started_at=NOON, input_tokens=1_000, output_tokens=0),
            make_row(project, "large", model="gpt-4o", started_at=NOON, feature="search", output_tokens=0),
        ]
    )
    set_price(acme, "house-model", "2")
    set_price(acme, "gpt-4o", "1000000")

    report = run_to_end(start(acme)).differences

    assert [(row["name"], row["calls"], row["old_cost_usd"], row["new_cost_usd"]) for row in report["models"]] == [
        ("gpt-4o", 1, "0.0000250", "10.000000"),
        ("house-model", 1, "0", "0.002000"),
    ]
    assert [(row["name"], row["calls"]) for row in report["features"]] == [("search", 1), ("default", 1)]
    assert [(one["call_id"], one["old_cost_usd"]) for one in report["samples"]] == [
        ("large", "0.0000250"),
        ("small", None),
    ]


def test_a_dry_run_is_about_the_calls_that_were_asked_for(acme):
    web, app = project_of(acme), project_of(acme, "app")
    store_rows(
        [
            make_row(web, "1", started_at=NOON),
            make_row(web, "2", started_at=NOON + timedelta(hours=1), model="gpt-4o-mini"),
            make_row(web, "3", started_at=NOON, provider="azure.ai.openai"),
            make_row(app, "4", started_at=NOON),
            make_row(web, "5", started_at=NOON + timedelta(hours=2), response_model="gpt-4o-mini", model="alias"),
        ]
    )

    def seen(**scope):
        return run_to_end(start(acme, **scope)).calls_seen

    assert seen() == 5
    assert seen(project=web) == 4
    assert seen(provider="azure.ai.openai") == 1
    assert seen(model="gpt-4o-mini") == 2  # as sent, and as priced
    assert seen(since=NOON, until=NOON + timedelta(hours=2)) == 4
    assert seen(since=NOON + timedelta(microseconds=1)) == 2


@pytest.mark.parametrize("days", [0, 1, 400])
def test_a_period_without_calls_that_are_kept_is_refused(acme, days):
    now = timezone.now()
    period = {0: (now, now), 1: (now + timedelta(hours=1), now + timedelta(days=1))}
    since, until = period.get(days, (now - timedelta(days=900), now - timedelta(days=800)))

    with pytest.raises(ValidationError):
        start(acme, since=since, until=until)

    with org_scope(acme.pk):
        assert RepriceRun.objects.count() == 0
    assert entries(acme, "prices.reprice_previewed") == []


def test_calls_of_another_organization_are_neither_read_nor_changed(acme, somebody):
    globex = new_organization(somebody, "Globex")
    store_rows([*unknown(project_of(acme)), *unknown(project_of(globex))])
    set_price(acme, "house-model", "2")
    before = stored(globex), rollups(globex)

    run = apply(acme, run_to_end(start(acme)))

    assert (run.calls_seen, run.calls_changed) == (3, 3)
    assert (stored(globex), rollups(globex)) == before


# --- Applying ---


def test_applying_gives_calls_their_price_and_moves_their_sums(acme):
    project = project_of(acme)
    store_rows(unknown(project, latency_ms=120.25, time_to_first_token_ms=30.5))
    card = set_price(acme, "house-model", "2")

    run = apply(acme, run_to_end(start(acme)))

    assert run.state == State.APPLIED
    assert costs(acme) == dict.fromkeys(["u0", "u1", "u2"], Decimal(2))
    with org_scope(acme.pk):
        call, day = Call.objects.get(call_id="u0"), DailyRollup.objects.get()
    assert (call.cost_source, call.price_match, call.rate_card_id) == ("override", "override", card)
    assert (day.calls, day.unpriced_calls, day.cost_usd, day.latency_sum_ms) == (3, 0, Decimal(6), 360.75)
    assert_rebuild_changes_nothing(acme)


def test_a_reported_cost_gives_way_to_a_card_and_a_cost_without_one_becomes_unknown(acme):
    project = project_of(acme)
    reported = unknown(project, count=1, reported_cost_usd=Decimal("0.5"))
    store_rows([*reported, make_row(project, "odd", model="gone-model", started_at=NOON)])
    set_price(acme, "house-model", "2")
    with org_scope(acme.pk):
        wrong = {"cost_usd": 1, "cost_other_usd": 1, "cost_source": "rate_card", "rate_card_id": 10**9}
        Call.objects.filter(call_id="odd").update(**wrong)
    rebuild_rollups(
        organization=acme, first_date=NOON.date() - timedelta(days=1), end_date=NOON.date() + timedelta(days=2)
    )

    run = apply(acme, run_to_end(start(acme)))

    assert costs(acme) == {"u0": Decimal(2), "odd": None}
    assert (run.calls_changed, run.newly_priced, run.newly_unpriced) == (2, 0, 1)
    assert (run.old_cost_usd, run.new_cost_usd) == (Decimal("1.5"), Decimal(2))
    assert_rebuild_changes_nothing(acme)


def test_a_model_that_gets_another_name_moves_to_its_row_and_leaves_none_behind(acme):
    project = project_of(acme)
    store_rows(unknown(project, latency_ms=0.1))
    alias = {"match": {"equals": "house-model"}, "provider": "openai", "catalogue_id": "gpt-4o", "position": 0}
    store_card(acme, prices={}, context={}, source="alias", version="", **alias)

    apply(acme, run_to_end(start(acme)))

    with org_scope(acme.pk):
        assert set(Call.objects.values_list("model_key", flat=True)) == {"gpt-4o"}
        assert list(DailyRollup.objects.values_list("model_key", "calls")) == [("gpt-4o", 3)]
    assert_rebuild_changes_nothing(acme)


def test_re_pricing_again_changes_nothing(acme):
    store_rows(unknown(project_of(acme), count=9))
    set_price(acme, "house-model", "2")
    apply(acme, run_to_end(start(acme)))
    before = stored(acme), rollups(acme)

    run = apply(acme, run_to_end(start(acme)))

    assert (run.calls_seen, run.calls_changed) == (9, 0)
    assert run.old_cost_usd == run.new_cost_usd == Decimal(18)
    assert (stored(acme), rollups(acme)) == before


def random_row(dice, project, call_id, zone):
    return make_row(
        project,
        call_id,
        zone=zone,
        api_key_id=dice.choice([7, 8]),
        started_at=NOON + timedelta(minutes=dice.choice([0, 14, 59, 60, 700, 1439, 2000])),
        model=dice.choice(["gpt-4o", "gpt-4o-mini", "house-model", "other-model"]),
        input_tokens=dice.randrange(10_000),
        output_tokens=dice.randrange(1_000),
        status=dice.choice(["ok", "error"]),
        feature=dice.choice(["search", "", "résumé", "(other) kind"]),
        # Quarters of a millisecond: their sums are exact in any order.
        latency_ms=dice.choice([None, dice.randrange(4_000_000) / 4]),
        time_to_first_token_ms=dice.choice([None, dice.randrange(40_000) / 4]),
        usage_estimated=dice.random() < 0.2,
        reported_cost_usd=dice.choice([None, Decimal("0.000000000000000000000000000001")]),
    )


@pytest.mark.parametrize("zone", ZONES)
@hypothesis_settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_rollups_equal_a_rebuild_after_any_re_pricing(somebody, zone, seed):
    dice = random.Random(seed)  # noqa: S311
    organization = new_organization(somebody, "Mix", time_zone=zone)
    projects = [project_of(organization), project_of(organization, "app")]
    store_rows(random_row(dice, dice.choice(projects), f"c{n}", zone) for n in range(80))
    for model in dice.sample(["gpt-4o", "house-model", "other-model"], 2):
        set_price(organization, model, str(dice.randrange(1, 9)), "0.1")

    run = apply(organization, run_to_end(start(organization)), most=dice.choice([1, 5, 1000]))

    assert (run.state, run.calls_seen) == (State.APPLIED, 80)
    with localcontext(EXACT):
        assert sum(cost for cost in costs(organization).values() if cost is not None) == run.new_cost_usd
    assert_rebuild_changes_nothing(organization)


def test_sums_that_did_not_agree_with_the_calls_stop_the_run_before_it_makes_them_worse(acme):
    store_rows(unknown(project_of(acme)))
    set_price(acme, "house-model", "2")
    with org_scope(acme.pk):
        DailyRollup.objects.all().delete()
    run = run_to_end(start(acme))
    services.apply(organization=acme, actor=None, run=run)
    before = stored(acme), rollups(acme)

    tasks.reprice(organization_id=acme.pk, object_id=run.pk)

    assert again(run).state == State.FAILED
    assert "rebuild the rollups" in again(run).error
    assert (stored(acme), rollups(acme)) == before
    assert not WorkDue.objects.filter(object_id=run.pk).exists()


# --- Days with more values than are kept apart ---


@pytest.fixture
def few_values(monkeypatch):
    """Two values of a dimension are kept apart a day."""
    monkeypatch.setattr(store, "MOST_VALUES", 2)
    return 2


def many_features(project, count=12):
    return [
        make_row(
            project,
            f"f{n:02}",
            model="house-model",
            started_at=NOON + timedelta(minutes=n),
            feature=f"feature {n}",
            input_tokens=1_000_000,
            output_tokens=0,
        )
        for n in range(count)
    ]


def test_the_sums_of_a_capped_day_follow_when_its_last_call_has_its_price(acme, few_values):
    store_rows(many_features(project_of(acme)), most_values=few_values)
    set_price(acme, "house-model", "2")
    run = run_to_end(start(acme))
    services.apply(organization=acme, actor=None, run=run)

    services.advance(organization_id=acme.pk, run_id=run.pk, now=timezone.now(), most=5)

    assert again(run).open_date == NOON.date()
    with org_scope(acme.pk):
        assert DailyRollup.objects.filter(cost_usd__gt=0).count() == 0

    run = run_to_end(run, most=5)

    assert (run.state, run.open_date) == (State.APPLIED, None)
    assert set(costs(acme).values()) == {Decimal(2)}
    with org_scope(acme.pk):
        assert sum(DailyRollup.objects.values_list("cost_usd", flat=True)) == Decimal(24)
        assert DailyRollup.objects.get(feature="(other)").calls == 10
    assert_rebuild_changes_nothing(acme)


def test_a_day_that_new_model_names_would_overfill_is_counted_again(acme, few_values):
    project = project_of(acme)
    rows = [make_row(project, f"m{n}", model="gpt-4o" if n else "gpt-4o-mini", started_at=NOON) for n in range(4)]
    store_rows(rows)
    card = RateCard(
        organization_id=acme.pk,
        provider="",
        catalogue_id="renamed",
        match={"equals": "gpt-4o"},
        prices={"input_tokens": UnitPrice(Decimal(1))},
        source="override",
    )
    store_card(acme, **to_row(card))

    run = apply(acme, run_to_end(start(acme)), most=2)

    assert (run.state, run.calls_changed) == (State.APPLIED, 3)
    with org_scope(acme.pk):
        assert set(DailyRollup.objects.values_list("model_key", "calls")) == {("renamed", 3), ("gpt-4o-mini", 1)}
    assert_rebuild_changes_nothing(acme)


# --- Usage that nobody knows ---

NO_USAGE = {"model": "house-model", "started_at": NOON, "usage": Usage(rule="unstated"), "user_id": "u-1"}


def sizes(organization):
    with org_scope(organization.pk):
        return sorted(SizeRollup.objects.values_list("model_key", "calls", "unpriced_calls", "cost_usd"))


def test_a_price_per_token_leaves_unknown_usage_unknown(acme):
    project = project_of(acme)
    flagged = {"usage": Usage(rule="estimated"), "usage_partial": True, "usage_estimated": True}
    store_rows([make_row(project, "a", **NO_USAGE), make_row(project, "b", **NO_USAGE | flagged)])
    set_price(acme, "house-model", "2")

    run = run_to_end(start(acme))

    assert (run.calls_seen, run.newly_priced, run.new_cost_usd) == (2, 0, 0)
    assert run.calls_changed == 0
    assert costs(acme) == {"a": None, "b": None}


def test_a_price_per_call_prices_unknown_usage_and_gives_it_a_size(acme):
    project = project_of(acme)
    store_rows([make_row(project, "a", **NO_USAGE), *unknown(project, count=1)])
    assert sizes(acme) == [("house-model", 1, 1, 0)]
    prices = {name: UnitPrice(Decimal(0)) for name in ("input_tokens", "output_tokens")}
    fee = RateCard(
        organization_id=acme.pk,
        provider="",
        catalogue_id="",
        match={"equals": "house-model"},
        prices=prices | {"requests": UnitPrice(Decimal(40))},
        source="override",
    )
    store_card(acme, **to_row(fee))

    run = apply(acme, run_to_end(start(acme)))

    assert (run.calls_changed, run.newly_priced) == (2, 2)
    assert costs(acme) == {"a": Decimal("0.04"), "u0": Decimal("0.04")}
    assert sum(calls for _, calls, _, _ in sizes(acme)) == 2
    assert_rebuild_changes_nothing(acme)


def test_what_was_stored_as_free_before_becomes_unknown(acme):
    """The gateway marked pictures as partial and estimated, and 0 tokens cost $0."""
    project = project_of(acme)
    store_rows([make_row(project, "old", started_at=NOON, usage=Usage(), user_id="u-1"), make_row(project, "known")])
    assert costs(acme)["old"] == 0
    with org_scope(acme.pk):
        Call.objects.filter(call_id="old").update(usage_partial=True)

    run = apply(acme, run_to_end(start(acme)))

    assert (run.state, run.calls_changed, run.newly_unpriced) == (State.APPLIED, 1, 1)
    with org_scope(acme.pk):
        call, day = Call.objects.get(call_id="old"), DailyRollup.objects.get()
        assert UserRollup.objects.get().unpriced_calls == 1
    assert (call.cost_usd, call.cost_input_usd, call.cost_source) == (None, None, "none")
    assert (call.price_match, call.rate_card_id, call.model_key) == ("no-usage", None, "gpt-4o")
    assert (day.calls, day.unpriced_calls) == (2, 1)
    assert sum(calls for _, calls, _, _ in sizes(acme)) == 1
    assert_rebuild_changes_nothing(acme)


def test_prices_move_in_the_tables_of_the_rules_too(acme):
    """One model gets a price, another gets another name, and one of its prompts meets itself in the new row."""
    project, at = project_of(acme), timezone.now() - timedelta(hours=1)
    hashed = {"started_at": at, "prompt_hash": "a" * 64, "prompt_prefix_hash": "b" * 64}
    store_rows(
        make_row(project, f"{model}-{n}", model=model, **hashed | more)
        for model in ("house-model", "old-name", "gpt-4o")
        for n, more in enumerate([{}, {}, {"prompt_hash": ""}, {"usage_estimated": True}])
    )
    set_price(acme, "house-model", "2")
    alias = {"match": {"equals": "old-name"}, "provider": "openai", "catalogue_id": "gpt-4o", "position": 0}
    store_card(acme, prices={}, context={}, source="alias", version="", **alias)

    apply(acme, run_to_end(start(acme)), most=3)

    with org_scope(acme.pk):
        sizes = list(SizeRollup.objects.order_by("model_key").values_list("model_key", "calls", "unpriced_calls"))
        prompts = set(PromptRollup.objects.values_list("model_key", "kind", "calls", "unpriced_calls", "cost_usd"))
    assert sizes == [("gpt-4o", 6, 0), ("house-model", 3, 0)]
    both = Decimal("0.000035")
    assert prompts == {
        ("gpt-4o", "full", 4, 0, 4 * both),
        ("gpt-4o", "prefix", 6, 0, 6 * both),
        ("house-model", "full", 2, 0, Decimal("0.00004")),
        ("house-model", "prefix", 3, 0, Decimal("0.00006")),
    }
    assert_rebuild_changes_nothing(acme)


def test_a_prompt_that_was_forgotten_is_not_brought_back_by_a_price(acme):
    project, at = project_of(acme), timezone.now() - timedelta(hours=1)
    store_rows([make_row(project, "once", model="house-model", started_at=at, prompt_hash="a" * 64)])
    with org_scope(acme.pk):
        PromptRollup.objects.all().delete()
    set_price(acme, "house-model", "2")

    run = apply(acme, run_to_end(start(acme)))

    assert run.state == State.APPLIED
    with org_scope(acme.pk):
        assert not PromptRollup.objects.exists()
        assert SizeRollup.objects.get().cost_usd == Decimal("0.00002")


def test_cancelling_in_the_middle_of_a_capped_day_leaves_sums_that_agree(acme, few_values):
    store_rows(many_features(project_of(acme)), most_values=few_values)
    set_price(acme, "house-model", "2")
    run = run_to_end(start(acme))
    services.apply(organization=acme, actor=None, run=run)
    services.advance(organization_id=acme.pk, run_id=run.pk, now=timezone.now(), most=5)

    services.cancel(organization=acme, actor=None, run=run, now=timezone.now())
    assert WorkDue.objects.filter(object_id=run.pk).exists()
    tasks.reprice(organization_id=acme.pk, object_id=run.pk)

    assert (again(run).state, again(run).open_date) == (State.CANCELLED, None)
    assert sorted(costs(acme).values(), key=str) == [Decimal(2)] * 5 + [None] * 7
    assert_rebuild_changes_nothing(acme)
    assert not WorkDue.objects.filter(object_id=run.pk).exists()


def test_a_capped_day_that_is_not_kept_whole_is_left_as_it_is(acme, few_values, monkeypatch):
    monkeypatch.setattr(services, "_MARGIN", timedelta(days=178))  # calls are kept for 180
    project = project_of(acme)
    store_rows(many_features(project), most_values=few_values)
    set_price(acme, "house-model", "2")
    run = run_to_end(start(acme))
    before = stored(acme), rollups(acme)

    run = apply(acme, run, most=5)

    assert (run.state, run.calls_skipped, run.calls_changed) == (State.APPLIED, 12, 0)
    assert run.old_cost_usd == run.new_cost_usd == 0
    assert (stored(acme), rollups(acme)) == before


def test_a_day_that_stops_being_kept_before_it_is_counted_ends_the_run_and_says_so(acme, few_values, monkeypatch):
    project = project_of(acme)
    store_rows(many_features(project), most_values=few_values)
    set_price(acme, "house-model", "2")
    run = run_to_end(start(acme))
    services.apply(organization=acme, actor=None, run=run)
    services.advance(organization_id=acme.pk, run_id=run.pk, now=timezone.now(), most=5)
    monkeypatch.setattr(tasks, "now", lambda: timezone.now() + timedelta(days=181))

    tasks.reprice(organization_id=acme.pk, object_id=run.pk)

    assert again(run).state == State.FAILED
    assert (
        again(run).error == f"The sums of {NOON.date().isoformat()} are of old prices: its calls are not kept any more."
    )


def test_calls_that_are_gone_keep_their_part_of_the_sums(acme):
    project = project_of(acme)
    store_rows([*unknown(project), make_row(project, "gone", started_at=NOON, input_tokens=1_000_000)])
    set_price(acme, "house-model", "2")
    with org_scope(acme.pk):
        Call.objects.filter(call_id="gone").delete()

    apply(acme, run_to_end(start(acme)))

    with org_scope(acme.pk):
        sums = dict(DailyRollup.objects.values_list("model_key", "cost_usd"))
    assert sums == {"house-model": Decimal(6), "gpt-4o": Decimal("2.50001")}


# --- Killed, doubled, disturbed ---


def test_a_run_whose_worker_died_goes_on_where_it_was_and_adjusts_nothing_twice(acme):
    store_rows(unknown(project_of(acme), count=20))
    set_price(acme, "house-model", "2")
    run = run_to_end(start(acme))
    services.apply(organization=acme, actor=None, run=run)
    services.advance(organization_id=acme.pk, run_id=run.pk, now=timezone.now(), most=6)

    with transaction.atomic():  # the second slice dies before its commit
        services.advance(organization_id=acme.pk, run_id=run.pk, now=timezone.now(), most=6)
        transaction.set_rollback(True)
    assert again(run).calls_seen == 6

    run = run_to_end(run, most=6)

    assert (run.calls_seen, run.calls_changed, run.new_cost_usd) == (20, 20, Decimal(40))
    assert_rebuild_changes_nothing(acme)


def test_a_task_that_finds_the_run_taken_leaves_it_alone(acme):
    store_rows(unknown(project_of(acme)))
    run = start(acme)
    outcomes = []

    def second():
        outcomes.append(services.advance(organization_id=acme.pk, run_id=run.pk, now=timezone.now()))
        connections.close_all()

    with org_scope(acme.pk):
        RepriceRun.objects.select_for_update().get(pk=run.pk)
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(30)

    assert outcomes == [False]
    assert again(run).calls_seen == 0
    assert WorkDue.objects.filter(object_id=run.pk).exists()


def test_two_workers_and_an_edge_at_once_leave_exact_sums(acme):
    web = project_of(acme)
    store_rows(unknown(web, count=60))
    set_price(acme, "house-model", "2")
    run = run_to_end(start(acme))
    services.apply(organization=acme, actor=None, run=run)
    errors = []

    def guarded(job):
        try:
            job()
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    def work():
        run_to_end(run, most=3)

    def ingest():
        for n in range(40):
            store_rows([make_row(web, f"late{n}", model="house-model", started_at=NOON + timedelta(minutes=n))])

    threads = [threading.Thread(target=guarded, args=[job]) for job in (work, work, ingest)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert errors == []
    assert run_to_end(run).state == State.APPLIED
    assert_rebuild_changes_nothing(acme)
    with org_scope(acme.pk):
        assert Call.objects.count() == 100
        assert Call.objects.filter(call_id__startswith="u", cost_usd=2).count() == 60


def test_the_task_works_until_the_run_is_done(acme, sent):
    store_rows(unknown(project_of(acme)))
    run = start(acme)
    assert sent == [{"task": "ingestion.reprice", "organization_id": acme.pk, "object_id": run.pk}]

    tasks.reprice(organization_id=acme.pk, object_id=run.pk)
    tasks.reprice(organization_id=acme.pk, object_id=run.pk)  # the sweep's message came too

    assert (again(run).state, again(run).calls_seen) == (State.READY, 3)
    assert len(sent) == 1


def test_the_task_makes_room_for_others_and_asks_to_be_called_again(acme, sent, monkeypatch):
    monkeypatch.setattr(tasks, "_SECONDS_AT_ONCE", 0.0)
    store_rows(unknown(project_of(acme)))
    run = start(acme)

    tasks.reprice(organization_id=acme.pk, object_id=run.pk)

    assert again(run).state == State.RUNNING
    assert len(sent) == 2


def test_a_run_of_a_deleted_project_has_nothing_more_due(acme):
    project = project_of(acme, "app")
    run = start(acme, project=project)
    with org_scope(acme.pk):
        project.delete()

    assert services.advance(organization_id=acme.pk, run_id=run.pk, now=timezone.now()) is False

    assert not WorkDue.objects.filter(object_id=run.pk).exists()


def test_a_slice_that_fails_again_and_again_ends_the_run(acme, monkeypatch):
    run = start(acme)

    def too_slow(*_args, **_kwargs):
        raise OperationalError

    monkeypatch.setattr(reading, "next_slice", too_slow)
    for _ in range(services.MOST_FAILURES):
        assert again(run).state == State.QUEUED
        with pytest.raises(OperationalError):
            tasks.reprice(organization_id=acme.pk, object_id=run.pk)

    assert (again(run).state, again(run).failures) == (State.FAILED, services.MOST_FAILURES)
    assert "shorter period" in again(run).error


def test_calls_that_disappear_between_reading_and_writing_are_noticed(acme):
    call = WireCall(call_id="x", started_at=NOON, provider="openai", model="m", usage=Usage())
    price = ("m", "none", "", None, *[None] * 7)
    change = Change(project_of(acme).pk, 7, call, price, price, False, True, None)

    with pytest.raises(RepriceError, match="disappeared"), org_scope(acme.pk):
        writing.update_calls([change], organization_id=acme.pk)


# --- Who did what ---


def test_the_audit_log_tells_the_whole_story(acme, somebody):
    store_rows(unknown(project_of(acme)))
    set_price(acme, "house-model", "2")
    now = timezone.now()
    run = services.reprice(
        organization=acme, actor=somebody, since=NOON - timedelta(days=1), until=now, model="house-model", now=now
    )
    run_to_end(run)
    services.apply(organization=acme, actor=somebody, run=run)
    run_to_end(run)

    (previewed,) = entries(acme, "prices.reprice_previewed")
    (started,) = entries(acme, "prices.reprice_started")
    (done,) = entries(acme, "prices.repriced")
    assert {entry.actor_user_id for entry in (previewed, started, done)} == {somebody.pk}
    assert (previewed.facts["model"], previewed.facts["project"]) == ("house-model", "")
    assert (started.facts["calls_changed"], started.facts["new_cost_usd"]) == (3, "6")
    assert (done.facts["old_cost_usd"], done.facts["new_cost_usd"], done.facts["calls_changed"]) == ("0", "6", 3)


def test_only_a_finished_dry_run_can_be_applied_and_only_once(acme):
    run = start(acme)
    with pytest.raises(ValidationError):
        services.apply(organization=acme, actor=None, run=run)

    run_to_end(run)
    services.apply(organization=acme, actor=None, run=run)
    with pytest.raises(ValidationError):
        services.apply(organization=acme, actor=None, run=run)

    assert len(entries(acme, "prices.reprice_started")) == 1


def test_two_runs_are_not_applied_at_once(acme):
    store_rows(unknown(project_of(acme)))
    first, second = run_to_end(start(acme)), run_to_end(start(acme))
    services.apply(organization=acme, actor=None, run=first)

    with pytest.raises(ValidationError, match="Another re-pricing"):
        services.apply(organization=acme, actor=None, run=second)

    assert again(second).state == State.READY
    run_to_end(first)
    assert apply(acme, second).state == State.APPLIED


def test_a_cancelled_run_is_over_and_says_so_once(acme):
    store_rows(unknown(project_of(acme)))
    run = start(acme)

    services.cancel(organization=acme, actor=None, run=run, now=timezone.now())
    with pytest.raises(ValidationError):
        services.cancel(organization=acme, actor=None, run=run, now=timezone.now())
    assert services.advance(organization_id=acme.pk, run_id=run.pk, now=timezone.now()) is False

    assert (again(run).state, again(run).calls_seen) == (State.CANCELLED, 0)
    assert len(entries(acme, "prices.reprice_cancelled")) == 1
    assert not WorkDue.objects.filter(object_id=run.pk).exists()


def test_the_progress_of_a_run_is_how_far_it_has_walked(acme):
    web, app = project_of(acme), project_of(acme, "app")
    run = start(acme, since=NOON, until=NOON + timedelta(hours=10))
    with org_scope(acme.pk):
        assert reading.fraction(run) == 0
        run.cursor_project_id, run.cursor_started_at = min(web.pk, app.pk), NOON + timedelta(hours=5)
        assert reading.fraction(run) == 0.25
        run.cursor_project_id, run.cursor_started_at = max(web.pk, app.pk), NOON + timedelta(hours=10)
        assert reading.fraction(run) == 1


def test_long_stretches_without_calls_are_walked_in_several_slices(acme):
    now = datetime.now(UTC)
    run = start(acme, since=now - timedelta(days=150), until=now, project=project_of(acme))
    slices = 1

    while services.advance(organization_id=acme.pk, run_id=run.pk, now=timezone.now()):
        slices += 1

    assert 3 <= slices <= 5
    assert again(run).state == State.READY


def test_a_run_remembers_who_started_it(acme):
    starter = User.objects.create_user(email=f"starter{acme.pk}@reprice.test")
    now = timezone.now()
    run = services.reprice(organization=acme, actor=starter, since=NOON, until=now, now=now)

    assert again(run).created_by_id == starter.pk
    with org_scope(acme.pk):
        assert AuditEntry.objects.get(action="prices.reprice_previewed").actor_user_id == starter.pk


# --- Against the database itself ---


def test_what_the_database_gives_back_is_priced_as_it_was(acme):
    project = project_of(acme)
    prices = {"input_tokens": UnitPrice(Decimal("1.1")), "web_searches": UnitPrice(Decimal("0.1"))}
    card = RateCard(
        organization_id=acme.pk,
        provider="",
        catalogue_id="",
        match={"equals": "searching-model"},
        prices=prices,
        source="override",
    )
    store_card(acme, **to_row(card))
    usage = Usage(input_tokens=7, extra_units={"web_searches": Decimal("0.123456789")})
    call = WireCall(
        call_id="s", started_at=NOON, provider="openai", model="searching-model", usage=usage, service_tier="batch"
    )
    with org_scope(acme.pk):
        priced = current_book(organization_id=acme.pk).price(acme.pk, call)
    store_rows([row(call, priced, Target(acme.pk, project.pk, 7, LocalTime("UTC")), datetime.now(UTC))])

    run = run_to_end(start(acme))

    assert (run.calls_seen, run.calls_changed) == (1, 0)
    assert run.old_cost_usd == priced.cost_usd == Decimal("0.0000200456789")


def test_a_slice_takes_only_what_comes_after_the_cursor_of_the_same_moment(acme):
    store_rows([make_row(project_of(acme), f"c{n}", started_at=NOON) for n in range(5)])

    run = run_to_end(start(acme), most=2)

    assert run.calls_seen == 5


def test_the_bounds_of_a_period_are_its_start_and_not_its_end(acme):
    store_rows([make_row(project_of(acme), f"c{n}", started_at=NOON + timedelta(hours=n)) for n in range(3)])

    run = run_to_end(start(acme, since=NOON, until=NOON + timedelta(hours=2)))

    assert run.calls_seen == 2


@pytest.mark.parametrize("zone", ["America/St_Johns", "Pacific/Kiritimati"])
def test_a_local_day_is_never_split_between_two_dates(somebody, zone):
    organization = new_organization(somebody, "Local", time_zone=zone)
    midnight = local_midnight(NOON.date(), zone)
    moments = [midnight - timedelta(microseconds=1), midnight, midnight + timedelta(hours=23, minutes=59)]
    project = project_of(organization)
    store_rows(
        [
            make_row(project, f"c{n}", zone=zone, started_at=at, model="house-model", input_tokens=1_000_000)
            for n, at in enumerate(moments)
        ]
    )
    set_price(organization, "house-model", "2")

    apply(organization, run_to_end(start(organization)))

    with org_scope(organization.pk):
        days = dict(DailyRollup.objects.values_list("bucket_date", "cost_usd"))
    assert days == {NOON.date() - timedelta(days=1): Decimal(2), NOON.date(): Decimal(4)}
    assert_rebuild_changes_nothing(organization)


def test_the_database_refuses_a_second_run_that_is_being_applied(acme):
    run_to_end(start(acme)), run_to_end(start(acme))

    with pytest.raises(IntegrityError), org_scope(acme.pk):
        RepriceRun.objects.update(state=State.APPLYING)


def test_a_run_that_was_deleted_while_a_slice_failed_is_nobodys_business(acme):
    services.note_failure(organization_id=acme.pk, run_id=10**9, now=timezone.now())


def test_a_failure_after_the_end_keeps_the_end_and_says_what_is_owed(acme):
    run = run_to_end(start(acme))
    services.cancel(organization=acme, actor=None, run=run, now=timezone.now())

    services.fail(organization_id=acme.pk, run_id=run.pk, reason="Owed.", now=timezone.now())

    assert (again(run).state, again(run).error) == (State.CANCELLED, "Owed.")
    assert entries(acme, "prices.reprice_failed") == []


def test_a_slice_that_works_forgets_the_failures_before_it(acme):
    store_rows(unknown(project_of(acme)))
    run = start(acme)
    for _ in range(services.MOST_FAILURES - 1):
        services.note_failure(organization_id=acme.pk, run_id=run.pk, now=timezone.now())

    services.advance(organization_id=acme.pk, run_id=run.pk, now=timezone.now())

    assert (again(run).state, again(run).failures) == (State.RUNNING, 0)


def test_prices_move_in_the_sums_of_end_users_too(acme):
    project, at = project_of(acme), timezone.now() - timedelta(hours=1)
    store_rows(
        make_row(project, f"{model}-{user_id}", model=model, user_id=user_id, started_at=at)
        for model in ("house-model", "old-name")
        for user_id in ("ann", "bob")
    )
    set_price(acme, "house-model", "2")
    alias = {"match": {"equals": "old-name"}, "provider": "openai", "catalogue_id": "gpt-4o", "position": 0}
    store_card(acme, prices={}, context={}, source="alias", version="", **alias)

    apply(acme, run_to_end(start(acme)), most=3)

    with org_scope(acme.pk):
        found = set(UserRollup.objects.values_list("user_id", "model_key", "calls", "unpriced_calls", "cost_usd"))
    assert found == {
        (user_id, model, 1, 0, cost)
        for user_id in ("ann", "bob")
        for model, cost in (("house-model", Decimal("0.00002")), ("gpt-4o", Decimal("0.000035")))
    }
    assert_rebuild_changes_nothing(acme)


def test_a_day_with_more_users_than_are_kept_apart_is_counted_anew(acme, monkeypatch):
    project, at = project_of(acme), timezone.now() - timedelta(hours=1)
    store_rows(make_row(project, u, model="house-model", user_id=u, started_at=at) for u in ("ann", "bob", "cem"))
    monkeypatch.setattr(daily_tables, "MOST_USERS", 2)
    today = local_midnight(at.date(), "UTC").date()
    rebuild_rollups(organization=acme, first_date=today, end_date=today + timedelta(days=1))
    set_price(acme, "house-model", "2")

    apply(acme, run_to_end(start(acme)))

    with org_scope(acme.pk):
        found = set(UserRollup.objects.values_list("user_id", "calls", "cost_usd"))
    assert found == {(user_id, 1, Decimal("0.00002")) for user_id in ("ann", "bob", "(other)")}
    assert_rebuild_changes_nothing(acme)
