"""Costs in the currency a report is written in: pure, unlike ``core.display``, which knows the running request."""

from decimal import Decimal
from typing import Final

from core import currencies, formats
from core.currencies import Display
from core.formats import Number
from dashboards.reports.numbers import Currency, Sums

UNKNOWN: Final = "unknown"


def shown(usd: Number | None, currency: Currency) -> str:
    """An amount, or that it is unknown."""
    if usd is None:
        return UNKNOWN
    return formats.money(_converted(usd, currency), currencies.style(currency.code))


def compact(usd: Number, currency: Currency) -> str:
    """The same where room is short."""
    return formats.money_compact(_converted(usd, currency), currencies.style(currency.code))


def cost(sums: Sums, currency: Currency) -> str:
    """What calls cost; ≈ says that the usage of some was estimated."""
    known = sums.known_cost_usd
    is_estimate = known is not None and sums.estimated_calls
    return f"≈{formats.NBSP}{shown(known, currency)}" if is_estimate else shown(known, currency)


def terms(currency: Currency) -> str:
    """The rate in words; '' for dollars."""
    if currency.code == currencies.USD:
        return ""
    since = f" of {currency.since.day} {currency.since:%b %Y}" if currency.since else ""
    rate = currencies.exact(currency.rate)
    return f"Costs are US dollars converted at 1 {currencies.USD} = {rate} {currency.code}{since}."


def _converted(usd: Number, currency: Currency) -> Decimal:
    amount = usd if isinstance(usd, Decimal) else Decimal(str(usd))
    return Display(code=currency.code, rate=currency.rate).of(amount)
