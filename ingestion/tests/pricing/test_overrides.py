"""Own prices and aliases: what is stored, what is refused, and what stays as it was."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, OperationalError, transaction
from django.http import Http404

from core.scope import ScopeError, org_scope
from ingestion.models import Call
from ingestion.models import RateCard as StoredCard
from ingestion.pricing import overrides, own, selectors
from ingestion.pricing.cards import ALIAS
from ingestion.pricing.overrides import Wanted
from ingestion.tests.pricing.factories import make_call
from ingestion.tests.pricing.scene import GPT_4O, import_catalogue, prices, record, set_price, unpriced
from ingestion.wire.types import Usage
from tenants.audit import KeyActor
from tenants.models import AuditEntry, Project, User

T0 = datetime(2026, 11, 1, tzinfo=UTC)
T1, T2 = T0 + timedelta(days=10), T0 + timedelta(days=20)
MILLION = Usage(input_tokens=1_000_000)


@pytest.fixture(autouse=True)
def catalogue_imported(db):
    import_catalogue()


@pytest.fixture
def boss(acme):
    return User.objects.get(email="owner@acme.test")


def stored(organization):
    with org_scope(organization.pk):
        return [
            (
                card.valid_from,
                card.valid_to,
                str(card.prices["input_tokens"].base) if card.prices else card.catalogue_id,
            )
            for card in selectors.own_cards()
        ]


def audited(organization):
    with org_scope(organization.pk):
        return list(AuditEntry.objects.filter(target_kind="ratecard").order_by("pk"))


def cost(organization, model="coder", provider="vllm", at=T2):
    with org_scope(organization.pk):
        priced = selectors.load_book().price(organization.pk, make_call(provider, model, usage=MILLION, started_at=at))
    return priced.cost_usd, priced.cost_source, priced.price_match


def refused(organization, **wanted):
    with org_scope(organization.pk), pytest.raises(ValidationError) as error:
        overrides.cards_for(organization=organization, wanted=[Wanted(**wanted)])
    return error.value.message_dict


# --- Asking for a card ---


def test_a_price_keeps_the_catalogues_name_of_its_model_so_that_charts_stay_together(acme):
    card = set_price(acme, "gpt-4o-2024-08-06", provider="openai")

    assert (card.catalogue_id, card.provider, own.raw_model(card)) == ("gpt-4o", "openai", "gpt-4o-2024-08-06")


@pytest.mark.parametrize(
    ("model", "provider", "key"),
    [("coder", "vllm", "coder"), ("vllm/coder", "vllm", "coder"), ("coder", "", "coder"), ("gpt-4o", "", "gpt-4o")],
)
def test_a_model_the_catalogue_does_not_know_goes_by_its_cleaned_name(acme, model, provider, key):
    assert set_price(acme, model, provider=provider).catalogue_id == key


def test_a_provider_is_stored_by_its_canonical_name(acme):
    assert set_price(acme, "m", provider="Azure").provider == "azure.ai.openai"


@pytest.mark.parametrize("model", ["", "   ", "m" * 256, "a\0b"])
def test_an_id_that_no_call_can_have_is_refused(acme, model):
    assert list(refused(acme, model=model, prices=prices())) == ["model"]


def test_a_kind_of_token_without_a_price_is_refused_because_it_would_cost_nothing(acme):
    assert refused(acme, model="m", prices={"input": Decimal(1)}) == {
        "output": ["Give a price; 0 if it costs nothing."]
    }
    assert set(refused(acme, model="m")) == {"input", "output"}


@pytest.mark.parametrize("year", [1999, 2100])
def test_a_date_outside_of_the_calendar_is_refused(acme, year):
    assert list(refused(acme, model="m", prices=prices(), valid_from=datetime(year, 1, 1, tzinfo=UTC))) == [
        "valid_from"
    ]


def test_an_alias_of_nothing_is_refused_and_near_models_are_named(acme):
    message = refused(acme, model="m", target=("openai", "gpt-4"))["target"][0]

    assert message.startswith("The catalogue has no such model of this provider. Near it: gpt-4o")
    assert list(refused(acme, model="m", target=("nobody", "gpt-4o"))) == ["target"]


def test_a_provider_that_cannot_be_stored_is_refused(acme):
    assert list(refused(acme, model="m", provider="a\0", prices=prices())) == ["provider"]


# --- Saving ---


def test_a_price_is_stored_with_its_audit_row(acme, boss):
    card = set_price(acme, "coder", provider="vllm", valid_from=T0, actor=boss)

    assert stored(acme) == [(T0, None, "1")]
    (entry,) = audited(acme)
    assert (entry.action, entry.actor_user_id, entry.target_id) == ("price.set", boss.pk, str(card.id))
    assert entry.facts == {
        "id": card.id,
        "model": "coder",
        "provider": "vllm",
        "valid_from": "2026-11-01T00:00:00.000000Z",
        "valid_to": None,
        "prices": {"input_tokens": "1", "output_tokens": "2"},
        "ended": [],
        "replaced": [],
    }


def test_a_price_holds_for_its_own_organization_only(acme, globex):
    set_price(acme, "gpt-4o", provider="openai")

    assert cost(acme, "gpt-4o", "openai") == (Decimal(1), "override", "override")
    assert cost(globex, "gpt-4o", "openai") == (Decimal("2.5"), "rate_card", "exact")
    assert stored(globex) == []


def test_a_price_for_one_provider_goes_before_the_price_for_any(acme):
    set_price(acme, "coder", prices=prices(input="5"))
    set_price(acme, "coder", provider="vllm", prices=prices(input="7"))

    assert cost(acme, provider="vllm")[0] == 7
    assert cost(acme, provider="ollama")[0] == 5
    assert len(stored(acme)) == 2


def test_a_later_price_ends_the_earlier_one(acme):
    first = set_price(acme, "coder", valid_from=T0)
    set_price(acme, "CODER", valid_from=T1, prices=prices(input="3"))

    assert stored(acme) == [(T0, T1, "1"), (T1, None, "3")]
    assert (cost(acme, at=T1 - timedelta(microseconds=1))[0], cost(acme, at=T1)[0]) == (1, 3)
    assert audited(acme)[1].facts["ended"] == [first.id]


def test_a_price_for_the_past_yields_to_the_one_that_is_there(acme):
    set_price(acme, "coder", valid_from=T1)
    set_price(acme, "coder", prices=prices(input="3"))

    assert stored(acme) == [(T1, None, "1"), (None, T1, "3")]


def test_a_price_to_come_leaves_today_alone(acme):
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    set_price(acme, "gpt-4o", provider="openai", valid_from=tomorrow)

    assert cost(acme, "gpt-4o", "openai", at=datetime.now(UTC))[0] == Decimal("2.5")
    assert cost(acme, "gpt-4o", "openai", at=tomorrow)[0] == 1


def test_a_correction_takes_the_place_of_a_price_that_priced_nothing(acme):
    wrong = set_price(acme, "coder", valid_from=T0, prices=prices(input="0.000001"))
    set_price(acme, "coder", valid_from=T0)

    assert stored(acme) == [(T0, None, "1")]
    (replaced,) = audited(acme)[1].facts["replaced"]
    assert (replaced["id"], replaced["prices"]["input_tokens"]) == (wrong.id, "0.000001")


@pytest.mark.parametrize("valid_from", [T0, None])
def test_a_price_that_priced_calls_is_kept_and_holds_no_more(acme, acme_project, valid_from):
    wrong = set_price(acme, "coder", provider="vllm", valid_from=valid_from)
    used = {"cost_source": "override", "rate_card_id": wrong.id, "cost_usd": Decimal(9)}
    (call,) = record(acme_project, unpriced() | used)

    set_price(acme, "coder", provider="vllm", valid_from=valid_from, prices=prices(input="3"))

    assert stored(acme) == [(valid_from, valid_from or own.NEVER, "1"), (valid_from, None, "3")]
    assert cost(acme)[0] == 3
    with org_scope(acme.pk):
        found = Call.objects.get(project=acme_project, call_id=call["call_id"])
        assert (found.rate_card_id, found.cost_usd) == (wrong.id, Decimal(9))
        assert StoredCard.objects.filter(pk=wrong.id).exists()


def test_an_alias_has_the_price_of_its_model_and_follows_it(acme):
    set_price(acme, "prod-chat", target=("openai", "gpt-4o"))

    assert cost(acme, "prod-chat", "litellm") == (Decimal("2.5"), "rate_card", "alias")
    (entry,) = audited(acme)
    assert (entry.action, entry.facts["alias_of"]) == ("alias.set", "gpt-4o")


def test_an_alias_moves_to_another_model_from_a_day_on(acme):
    set_price(acme, "prod-chat", target=("openai", "gpt-4o"))
    set_price(acme, "prod-chat", target=("anthropic", "claude-sonnet-4"), valid_from=T1)

    assert (cost(acme, "prod-chat", at=T0)[0], cost(acme, "prod-chat", at=T1)[0]) == (Decimal("2.5"), Decimal(3))


def test_an_alias_that_would_never_be_used_is_refused(acme):
    set_price(acme, "coder")

    with pytest.raises(ValidationError, match="Own prices hold for this model"):
        set_price(acme, "Coder", target=("openai", "gpt-4o"))

    assert len(stored(acme)) == 1


def test_an_alias_beside_a_price_for_one_provider_is_for_the_others(acme):
    set_price(acme, "coder", provider="vllm")
    set_price(acme, "coder", target=("openai", "gpt-4o"))

    assert (cost(acme, provider="vllm")[2], cost(acme, provider="ollama")[2]) == ("override", "alias")


def test_several_cards_are_stored_all_or_none(acme):
    set_price(acme, "b")
    with org_scope(acme.pk):
        wanted = [Wanted(model="a", prices=prices()), Wanted(model="b", target=("openai", "gpt-4o"))]
        cards = overrides.cards_for(organization=acme, wanted=wanted)

    with pytest.raises(ValidationError):
        overrides.save_cards(organization=acme, actor=None, cards=cards)

    assert len(stored(acme)) == 1
    assert len(audited(acme)) == 1


def test_the_same_subject_twice_in_one_go_ends_up_one_after_the_other(acme):
    with org_scope(acme.pk):
        wanted = [Wanted(model="a", prices=prices(), valid_from=start) for start in (T1, T0)]
        cards = overrides.cards_for(organization=acme, wanted=wanted)

    saved = overrides.save_cards(organization=acme, actor=None, cards=cards)

    assert [card.valid_to for card in saved] == [None, T1]


def test_too_many_cards_are_refused(acme, monkeypatch):
    set_price(acme, "a")
    monkeypatch.setattr(overrides, "MOST_CARDS", 1)

    with pytest.raises(ValidationError, match="too many prices"):
        set_price(acme, "b")


def test_a_card_of_another_organization_is_refused_by_the_database(acme, globex):
    with org_scope(acme.pk):
        cards = overrides.cards_for(organization=acme, wanted=[Wanted(model="a", prices=prices())])

    with pytest.raises(DatabaseError), transaction.atomic():
        overrides.save_cards(organization=globex, actor=None, cards=cards)

    assert (stored(acme), stored(globex)) == ([], [])


def test_a_key_that_sets_a_price_is_named_in_the_audit_log(acme):
    with org_scope(acme.pk):
        cards = overrides.cards_for(organization=acme, wanted=[Wanted(model="a", prices=prices())])
        overrides.save_cards(organization=acme, actor=KeyActor(17, "robot"), cards=cards)

    (entry,) = audited(acme)
    assert (entry.actor_kind, entry.actor_key_id, entry.actor_name) == ("key", 17, "robot")


# --- Ending ---


def test_a_card_is_ended_and_its_calls_keep_their_cost(acme, boss):
    card = set_price(acme, "gpt-4o", provider="openai", valid_from=T0)

    ended = overrides.end_card(organization=acme, actor=boss, card_id=card.id, ends_at=T1)

    assert ended.valid_to == T1
    assert stored(acme) == [(T0, T1, "1")]
    assert cost(acme, "gpt-4o", "openai", at=T1)[1] == "rate_card"
    entry = audited(acme)[-1]
    assert (entry.action, entry.actor_user_id) == ("price.ended", boss.pk)
    assert entry.facts["ends_at"] == "2026-11-11T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("ends_at", "message"),
    [
        (T0, "Choose a moment after the one it begins at."),
        (T0 - timedelta(days=1), "Choose a moment after the one it begins at."),
        (T1, "It has ended by then already."),
        (T2, "It has ended by then already."),
    ],
)
def test_a_card_ends_after_its_start_and_never_later_than_it_did(acme, ends_at, message):
    card = set_price(acme, "coder", valid_from=T0)
    overrides.end_card(organization=acme, actor=None, card_id=card.id, ends_at=T1)

    with pytest.raises(ValidationError) as error:
        overrides.end_card(organization=acme, actor=None, card_id=card.id, ends_at=ends_at)

    assert error.value.message_dict == {"ends_at": [message]}
    assert stored(acme) == [(T0, T1, "1")]


def test_an_ended_card_may_end_earlier_still(acme):
    card = set_price(acme, "coder", valid_from=T0)
    overrides.end_card(organization=acme, actor=None, card_id=card.id, ends_at=T2)

    overrides.end_card(organization=acme, actor=None, card_id=card.id, ends_at=T1)

    assert stored(acme) == [(T0, T1, "1")]


# --- Deleting ---


def test_a_card_that_priced_nothing_is_deleted_with_its_audit_row(acme, boss):
    card = set_price(acme, "coder")

    overrides.delete_card(organization=acme, actor=boss, card_id=card.id)

    assert stored(acme) == []
    entry = audited(acme)[-1]
    assert (entry.action, entry.actor_user_id, entry.facts["model"]) == ("price.deleted", boss.pk, "coder")


def test_a_price_of_calls_is_not_deleted(acme, acme_project):
    card = set_price(acme, "coder", provider="vllm")
    record(acme_project, unpriced(cost_source="override", rate_card_id=card.id, cost_usd=Decimal(1)))

    with pytest.raises(ValidationError, match="Calls were priced by this card"):
        overrides.delete_card(organization=acme, actor=None, card_id=card.id)

    assert len(stored(acme)) == 1
    assert len(audited(acme)) == 1


def test_an_alias_of_calls_is_not_deleted(acme, acme_project):
    card = set_price(acme, "prod-chat", target=("openai", "gpt-4o"))
    record(acme_project, {"model": "prod-chat", "price_match": "alias"})

    with pytest.raises(ValidationError, match="Calls were priced by this card"):
        overrides.delete_card(organization=acme, actor=None, card_id=card.id)


def test_calls_of_the_same_model_that_another_card_priced_do_not_keep_a_card(acme, acme_project):
    price, alias = set_price(acme, "coder", provider="vllm"), set_price(acme, "prod-chat", target=("openai", "gpt-4o"))
    record(
        acme_project, {"model": "prod-chat"}, unpriced(), unpriced(cost_source="override", rate_card_id=price.id + 99)
    )

    for card in (price, alias):
        overrides.delete_card(organization=acme, actor=None, card_id=card.id)

    assert stored(acme) == []


def test_calls_of_another_organization_do_not_keep_a_card(acme, globex, scope):
    card = set_price(acme, "coder", provider="vllm")
    with scope(globex):
        project = Project.objects.get(organization=globex)
    record(project, unpriced(cost_source="override", rate_card_id=card.id, cost_usd=Decimal(1)))

    overrides.delete_card(organization=acme, actor=None, card_id=card.id)

    assert stored(acme) == []


def test_a_card_is_used_where_it_takes_too_long_to_find_out(acme, monkeypatch):
    def slow(**_):
        raise OperationalError

    card = set_price(acme, "coder")
    monkeypatch.setattr(overrides.stored_calls, "has_priced", slow)

    with pytest.raises(ValidationError):
        overrides.delete_card(organization=acme, actor=None, card_id=card.id)


@pytest.mark.parametrize("write", ["end", "delete"])
@pytest.mark.parametrize("whose", ["foreign", "catalogue", "nobody"])
def test_what_is_not_the_organizations_own_does_not_exist(acme, globex, write, whose):
    foreign = set_price(globex, "coder")
    numbers = {"foreign": foreign.id, "catalogue": selectors.catalogue()[0].id, "nobody": 2**40}

    writes = {"end": partial(overrides.end_card, ends_at=T2), "delete": overrides.delete_card}

    with pytest.raises(Http404):
        writes[write](organization=acme, actor=None, card_id=numbers[whose])

    assert stored(globex) == [(None, None, "1")]
    assert StoredCard.objects.filter(pk=numbers["catalogue"]).exists()


# --- Reading ---


def test_a_book_without_a_scope_is_refused_instead_of_leaving_own_prices_out(db):
    with pytest.raises(ScopeError):
        selectors.load_book()


def test_the_kept_catalogue_follows_an_import(acme):
    before = {card.catalogue_id for card in selectors.catalogue()}

    import_catalogue(GPT_4O, now=T0)

    assert "gpt-4o-mini" in before
    assert [card.valid_to for card in selectors.catalogue() if card.catalogue_id == "gpt-4o-mini"] == [T0]


def test_doubts_hold_a_price_against_its_model_else_its_provider(acme):
    with org_scope(acme.pk):
        wanted = [
            Wanted(model="gpt-4o", provider="openai", prices=prices(input="0.02", output="10")),
            Wanted(model="unheard-of", provider="openai", prices=prices(input="0.02", output="10")),
            Wanted(model="prod-chat", target=("openai", "gpt-4o")),
        ]
        asked = overrides.doubts(cards=overrides.cards_for(organization=acme, wanted=wanted))

    assert [(own.raw_model(card), doubt.field) for card, doubt in asked] == [("gpt-4o", "input")]


def test_sources_of_own_cards_are_two(acme):
    assert set_price(acme, "a").source == own.PRICE
    assert set_price(acme, "b", target=("openai", "gpt-4o")).source == ALIAS
