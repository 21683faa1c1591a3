"""How the cost of a stored call was computed: its card as it is stored, its usage, and whether they still agree."""

from dataclasses import dataclass

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from core.fields import decimal_text
from ingestion import store
from ingestion.models import Call
from ingestion.models import RateCard as StoredCard
from ingestion.pricing.cards import RateCard, from_row
from ingestion.pricing.explain import Explanation, explain
from ingestion.pricing.matching import NO_USAGE
from ingestion.pricing.selectors import COLUMNS
from ingestion.reprice.stored import units_of
from ingestion.wire.types import Usage
from tenants.models import Organization


@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic:
    """``sentence`` says what the lines do not: why there are none, or that they do not give the stored cost."""

    explanation: Explanation | None
    sentence: str = ""
    agrees: bool = True


def arithmetic(*, organization: Organization, call: Call) -> Arithmetic:
    """The lines of a call's cost on the very card that priced it, closed or corrected since."""
    if call.cost_source == "reported":
        return _without("The cost is what the client reported, so there is nothing to compute.")
    if call.cost_usd is None:
        return _without(_why_unknown(call))
    card = _card(organization, call)
    if card is None:
        return _without("The rate card that priced this call is not stored any more.")
    found = explain(card, _usage(call))
    if found.total != call.cost_usd:
        return Arithmetic(explanation=found, sentence=_disagreement(found), agrees=False)
    return Arithmetic(explanation=found, sentence="" if found.lines else _why_nothing(card))


def _without(sentence: str) -> Arithmetic:
    return Arithmetic(explanation=None, sentence=sentence)


def _why_unknown(call: Call) -> str:
    if call.price_match == NO_USAGE:
        return "The usage of this call is not known: so is its cost, which is not zero."
    if call.price_match:
        return "A rate card matches, but it does not say what this call costs: the cost is unknown, not zero."
    return "No rate card matches this model: the cost is unknown, not zero."


def _disagreement(found: Explanation) -> str:
    if found.total is None:
        return "The stored cost differs from the arithmetic: this rate card does not say what the call costs."
    return f"The stored cost differs from the arithmetic, which gives ${decimal_text(found.total)}."


def _why_nothing(card: RateCard) -> str:
    if not card.prices:
        return "This rate card is free of charge."
    return "The call used nothing that this rate card bills."


def _card(organization: Organization, call: Call) -> RateCard | None:
    if call.rate_card_id is None:
        return None
    visible = StoredCard.objects.filter(Q(organization=None) | Q(organization=organization))
    row = visible.filter(pk=call.rate_card_id).values(*COLUMNS).first()
    return None if row is None else from_row(row)


def _usage(call: Call) -> Usage:
    counts = {name: getattr(call, name) for name in store.TOKENS}
    return Usage(**counts, extra_units=units_of(_units_text(call)) if call.extra_units else None)


def _units_text(call: Call) -> str | None:
    """As they are stored: the model's JSON field reads numbers as floats."""
    same = Call.objects.filter(project_id=call.project_id, started_at=call.started_at, call_id=call.call_id)
    text: str | None = same.values_list(Cast("extra_units", TextField()), flat=True).get()
    return text
