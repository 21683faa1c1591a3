"""Bringing the catalogue into the database: once, again, and corrected."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import psycopg
import pytest
from django.conf import settings

from core.databases import EDGE
from core.scope import org_scope
from ingestion.models import CatalogueChange
from ingestion.models import RateCard as StoredCard
from ingestion.pricing import selectors, services
from ingestion.pricing.cards import RateCard, to_row
from ingestion.pricing.services import CatalogueImport
from ingestion.tests.pricing.factories import make_call, make_card
from ingestion.wire.types import Usage
from tenants.models import Organization

T0 = datetime(2026, 11, 1, 12, tzinfo=UTC)
T1, T2, T3 = (T0 + timedelta(days=days) for days in (1, 2, 3))
MILLION = Usage(input_tokens=1_000_000)


def counted(**kinds: int) -> CatalogueImport:
    return CatalogueImport(**({"added": 0, "changed": 0, "closed": 0, "unchanged": 0} | kinds))


def stored() -> list[tuple[datetime | None, datetime | None, str]]:
    rows = StoredCard.objects.order_by("pk").values_list("valid_from", "valid_to", "prices")
    return [(start, end, prices["input_tokens"]["base"]) for start, end, prices in rows]


def order(card: RateCard) -> str:
    return repr((card.model, card.valid_from, card.window, card.context))


def import_at(now: datetime, *cards: RateCard) -> CatalogueImport:
    return services.import_catalogue(now=now, cards=cards)


def cost_at(at: datetime, *, organization_id: int = 1, model: str = "m", tier: str = "standard") -> Decimal | None:
    call = make_call("openai", model, usage=MILLION, started_at=at, service_tier=tier)
    with org_scope(organization_id):
        return selectors.load_book().price(organization_id, call).cost_usd


def test_the_whole_catalogue_comes_in_once(db: None, catalogue: list[RateCard]) -> None:
    models = len({card.model for card in catalogue})

    first = services.import_catalogue(now=T0)
    second = services.import_catalogue(now=T1)

    assert first == counted(added=models)
    assert second == counted(unchanged=models)
    assert StoredCard.objects.count() == len(catalogue)
    assert not CatalogueChange.objects.exists()
    kept = [msgspec.structs.replace(card, id=None) for card in selectors.catalogue_cards()]
    assert sorted(kept, key=order) == sorted(catalogue, key=order)


def test_the_stored_book_prices_as_the_catalogue_does_and_names_its_card(db: None) -> None:
    services.import_catalogue(now=T0)

    with org_scope(1):
        priced = selectors.load_book().price(1, make_call("openai", "gpt-4o", usage=MILLION))

    assert priced.cost_usd == Decimal("2.5")
    assert priced.rate_card_id is not None
    card = StoredCard.objects.get(pk=priced.rate_card_id)
    assert (card.provider, card.catalogue_id, card.context) == ("openai", "gpt-4o", {})


def test_a_corrected_price_begins_now_and_leaves_the_past_alone(db: None) -> None:
    import_at(T0, make_card({"input_tokens": "1"}))

    outcome = import_at(T1, make_card({"input_tokens": "2"}))

    assert outcome == counted(changed=1)
    assert stored() == [(None, T1, "1"), (T1, None, "2")]
    assert cost_at(T1 - timedelta(microseconds=1)) == 1
    assert cost_at(T1) == 2


def test_a_correction_is_made_once(db: None) -> None:
    import_at(T0, make_card({"input_tokens": "1"}))
    import_at(T1, make_card({"input_tokens": "2"}))

    assert import_at(T1, make_card({"input_tokens": "2"})) == counted(unchanged=1)
    assert import_at(T2, make_card({"input_tokens": "2.00"})) == counted(unchanged=1)
    assert len(stored()) == 2


def test_a_correction_of_the_past_is_valid_from_now_too(db: None) -> None:
    import_at(T1, make_card({"input_tokens": "1"}))

    import_at(T2, make_card({"input_tokens": "1"}, valid_to=T0), make_card({"input_tokens": "2"}, valid_from=T0))

    assert stored() == [(None, T2, "1"), (T2, None, "2")]


def test_an_announced_price_waits_for_its_day(db: None) -> None:
    import_at(T0, make_card({"input_tokens": "1"}))

    outcome = import_at(
        T1, make_card({"input_tokens": "1"}, valid_to=T3), make_card({"input_tokens": "2"}, valid_from=T3)
    )

    assert outcome == counted(changed=1)
    assert stored() == [(None, T3, "1"), (T3, None, "2")]


def test_an_announcement_taken_back_never_was(db: None) -> None:
    import_at(T0, make_card({"input_tokens": "1"}, valid_to=T3), make_card({"input_tokens": "2"}, valid_from=T3))

    outcome = import_at(T1, make_card({"input_tokens": "1"}))

    assert outcome == counted(changed=1)
    assert stored() == [(None, None, "1")]


def test_the_day_of_an_announced_price_changes_nothing_in_the_table(db: None) -> None:
    cards = make_card({"input_tokens": "1"}, valid_to=T1), make_card({"input_tokens": "2"}, valid_from=T1)
    import_at(T0, *cards)

    assert import_at(T1, *cards) == counted(unchanged=1)
    assert import_at(T2, *cards) == counted(unchanged=1)


def test_a_new_model_brings_its_whole_history(db: None) -> None:
    import_at(T1, make_card({"input_tokens": "9"}, catalogue_id="other"))

    outcome = import_at(
        T2,
        make_card({"input_tokens": "9"}, catalogue_id="other"),
        make_card({"input_tokens": "1"}, valid_to=T0),
        make_card({"input_tokens": "2"}, valid_from=T0),
    )

    assert outcome == counted(added=1, unchanged=1)
    assert stored()[1:] == [(None, T0, "1"), (T0, None, "2")]


def test_a_model_that_is_no_longer_listed_is_closed_and_may_come_back(db: None) -> None:
    import_at(T0, make_card({"input_tokens": "1"}))

    assert import_at(T1) == counted(closed=1)
    assert import_at(T2) == counted()
    assert import_at(T3, make_card({"input_tokens": "1"})) == counted(added=1)
    assert stored() == [(None, T1, "1"), (T3, None, "1")]
    assert cost_at(T1) is None


def test_a_new_context_is_added_beside_the_standard_price(db: None) -> None:
    usual = make_card({"input_tokens": "2"})
    batch = make_card({"input_tokens": "1"}, context={"processing": "batch"})
    import_at(T0, usual)

    import_at(T1, usual, batch)

    assert cost_at(T0, tier="batch") == 2
    assert cost_at(T1, tier="batch") == 1
    assert cost_at(T1) == 2


def test_a_new_name_place_or_clause_is_followed_without_a_new_card(db: None) -> None:
    import_at(T0, make_card({"input_tokens": "1"}))
    moved = make_card(
        {"input_tokens": "1"}, position=7, match={"starts_with": "m"}, model_name="Em", provider_name="Open"
    )

    outcome = import_at(T1, moved)

    assert outcome == counted(unchanged=1)
    card = StoredCard.objects.get()
    assert (card.position, card.match, card.model_name, card.provider_name) == (7, {"starts_with": "m"}, "Em", "Open")
    assert cost_at(T1, model="m-2") == 1


def test_every_difference_is_written_down(db: None) -> None:
    def changes() -> list[tuple[str, str, str | None, str | None]]:
        return [
            (change.kind, change.catalogue_id, amount(change.before), amount(change.after))
            for change in CatalogueChange.objects.order_by("pk")
        ]

    def amount(side: list[dict[str, dict[str, dict[str, str]]]] | None) -> str | None:
        return side[0]["prices"]["input_tokens"]["base"] if side else None

    kept = make_card({"input_tokens": "5"}, catalogue_id="kept")
    import_at(T0, kept, make_card({"input_tokens": "1"}))
    import_at(T1, kept, make_card({"input_tokens": "2"}))
    import_at(T2, kept)
    import_at(T3, kept, make_card({"input_tokens": "3"}))

    assert changes() == [("changed", "m", "1", "2"), ("closed", "m", "2", None), ("added", "m", None, "3")]


def test_a_price_that_is_not_known_stays_unknown_and_unchanged(db: None) -> None:
    router = make_card({"input_tokens": "-1"})

    assert import_at(T0, router) == counted(added=1)
    assert import_at(T1, router) == counted(unchanged=1)
    assert cost_at(T1) is None


def test_organizations_cards_are_none_of_the_catalogues_business(acme: Organization, globex: Organization) -> None:
    own = make_card({"input_tokens": "0.5"}, organization_id=acme.pk, source="manual")
    with org_scope(acme.pk):
        StoredCard.objects.create(**to_row(own))

    import_at(T0, make_card({"input_tokens": "1"}))
    import_at(T1)

    assert cost_at(T0, organization_id=acme.pk) == Decimal("0.5")
    assert cost_at(T0, organization_id=globex.pk) == 1
    assert cost_at(T1, organization_id=acme.pk) == Decimal("0.5")
    assert cost_at(T1, organization_id=globex.pk) is None


def test_a_broken_import_leaves_everything_as_it_was(db: None) -> None:
    import_at(T0, make_card({"input_tokens": "1"}))

    def broken() -> Iterable[RateCard]:
        yield make_card({"input_tokens": "2"})
        raise RuntimeError

    with pytest.raises(RuntimeError):
        services.import_catalogue(now=T1, cards=broken())

    assert stored() == [(None, None, "1")]


def test_the_edge_reads_the_same_book(committed_db: None) -> None:
    import_at(T0, make_card({"input_tokens": "1"}))

    with psycopg.connect(settings.DATABASE.conninfo(EDGE)) as connection:
        book = selectors.read_book(connection)

    assert book.price(1, make_call("openai", "m", usage=MILLION)).cost_usd == 1
