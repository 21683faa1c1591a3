"""The currency that costs are shown in while a request is answered, as ``django.utils.timezone`` knows the zone."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal

from django.utils.html import format_html
from django.utils.safestring import SafeString

from core import currencies, formats
from core.currencies import IN_DOLLARS, USD, Display
from core.formats import UNKNOWN, Number

_current: ContextVar[Display] = ContextVar("display_currency", default=IN_DOLLARS)


def current() -> Display:
    return _current.get()


@contextmanager
def override(display: Display) -> Iterator[None]:
    """Show costs in ``display`` until the block ends."""
    token = _current.set(display)
    try:
        yield
    finally:
        _current.reset(token)


def cost(usd: Number | None, unknown: str = UNKNOWN) -> SafeString | str:
    """A cost in the current currency; one that is converted has its exact dollars and the rate as a tooltip."""
    display = current()
    if usd is None or not display.is_converted:
        return formats.usd(usd, unknown)
    amount = usd if isinstance(usd, Decimal) else Decimal(str(usd))
    return format_html(
        '<span class="converted" title="{}">{}</span>',
        f"{exact(amount)}, {terms(display)}",
        formats.money(display.of(amount), display.style),
    )


def exact(usd: Decimal) -> str:
    """Dollars with every digit that is stored."""
    text = f"{abs(usd):,f}"
    whole, _, cents = text.partition(".")
    return f"{formats.MINUS if usd < 0 else ''}${whole}.{cents.rstrip('0').ljust(2, '0')}"


def terms(display: Display) -> str:
    """The rate and since when it is valid: ``at 1 USD = 0.92 EUR of 1 Nov 2026``."""
    since = f" of {display.since.day} {display.since:%b %Y}" if display.since else ""
    return f"at 1 {USD} = {currencies.exact(display.rate)} {display.code}{since}"
