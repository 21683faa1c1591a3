"""The arithmetic of stored calls: on the card that priced them, and honest where it does not hold."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from psycopg.types.json import Jsonb

from core.scope import org_scope
from ingestion.arithmetic import arithmetic
from ingestion.models import Call
from ingestion.models import RateCard as StoredCard
from ingestion.pricing.cards import to_row
from ingestion.tests.factories import make_call
from ingestion.tests.pricing.factories import make_card

HOUR_AGO = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@pytest.fixture
def card(db):
    """The catalogue's price of gpt-4o."""
    priced = make_card({"input_tokens": "2.5", "output_tokens": "10"}, catalogue_id="gpt-4o")
    return StoredCard.objects.create(**to_row(priced))


@pytest.fixture
def found(acme, acme_project, scope):
    """The arithmetic of a call with these columns."""

    def stored_and_explained(**columns):
        written = make_call(acme_project, started_at=HOUR_AGO, **columns)
        with scope(acme):
            return arithmetic(organization=acme, call=Call.objects.get(call_id=written["call_id"]))

    return stored_and_explained


def test_the_lines_sum_to_the_stored_cost(found, card):
    result = found(rate_card_id=card.pk)

    assert (result.agrees, result.sentence) == (True, "")
    assert [(line.unit, line.cost) for line in result.explanation.lines] == [
        ("input_tokens", Decimal("0.0025")),
        ("output_tokens", Decimal("0.005")),
    ]
    assert result.explanation.card.id == card.pk


def test_a_card_that_has_ended_since_still_explains(found, card):
    StoredCard.objects.filter(pk=card.pk).update(valid_to=timezone.now())

    assert found(rate_card_id=card.pk).explanation.card.valid_to is not None


def test_extra_units_are_read_as_exactly_as_they_were_priced(found):
    priced = make_card({"web_searches": "0.1", "input_tokens": "1"})
    card = StoredCard.objects.create(**to_row(priced))
    quantity = "123456789012.123456789"
    cost = Decimal(quantity) * Decimal("0.1") / 1000

    result = found(
        rate_card_id=card.pk,
        input_tokens=0,
        output_tokens=0,
        extra_units=Jsonb({"web_searches": 1}, dumps=lambda _: f'{{"web_searches": {quantity}}}'),
        cost_usd=cost,
    )

    assert result.agrees
    assert result.explanation.total == cost


def test_a_cost_that_differs_is_said_and_not_hidden(found, card):
    result = found(rate_card_id=card.pk, cost_usd=Decimal("0.008"))

    assert not result.agrees
    assert result.sentence == "The stored cost differs from the arithmetic, which gives $0.0075."
    assert len(result.explanation.lines) == 2


def test_a_card_that_no_longer_says_it_is_a_difference_too(found):
    card = StoredCard.objects.create(**to_row(make_card({"input_tokens": "NaN"})))

    result = found(rate_card_id=card.pk)

    assert not result.agrees
    assert result.sentence.endswith("does not say what the call costs.")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"cost_source": "reported", "rate_card_id": None}, "what the client reported"),
        ({"cost_source": "none", "cost_usd": None, "price_match": ""}, "No rate card matches this model"),
        ({"cost_source": "none", "cost_usd": None, "price_match": "exact"}, "does not say what this call costs"),
        ({"cost_source": "none", "cost_usd": None, "price_match": "no-usage"}, "The usage of this call is not known"),
        ({"cost_source": "reported", "price_match": "no-usage"}, "what the client reported"),
        ({"rate_card_id": 10**12}, "not stored any more"),
        ({"rate_card_id": None}, "not stored any more"),
    ],
)
def test_without_lines_a_sentence_says_why(found, columns, words):
    result = found(**columns)

    assert (result.explanation, result.agrees) == (None, True)
    assert words in result.sentence


@pytest.mark.parametrize(
    ("prices", "words"), [({}, "free of charge"), ({"web_searches": "1", "input_tokens": "1"}, "used nothing")]
)
def test_a_cost_of_nothing_is_explained_too(found, prices, words):
    card = StoredCard.objects.create(**to_row(make_card(prices)))

    result = found(rate_card_id=card.pk, cost_usd=Decimal(0), input_tokens=0)

    assert result.explanation.total == 0
    assert words in result.sentence


def test_another_organizations_card_is_not_shown(found, globex):
    with org_scope(globex.pk):
        card = StoredCard.objects.create(**to_row(make_card({"input_tokens": "9"}, organization_id=globex.pk)))

    assert found(rate_card_id=card.pk).explanation is None
