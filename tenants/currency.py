"""The currency an organization reads its costs in, and the rates it gave for it. Stored costs stay US dollars."""

from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from core import currencies
from core.currencies import IN_DOLLARS, NAMES, USD, Display
from core.scope import org_scope
from tenants import audit
from tenants.audit import Actor
from tenants.models import CurrencyRate, Organization, OrganizationSettings, User

SMALLEST, LARGEST = Decimal("0.0000000001"), Decimal(9999999999)
MOST_RATES: Final = 1_000
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2199, 12, 31)
NO_RATE: Final = "Type how many of it one US dollar is: a number above 0."
_CODE: Final = "Choose a currency from the list."


# --- Inside the organization's scope ----------------------------------------------------------------------------------
def rates(*, organization: Organization) -> QuerySet[CurrencyRate]:
    """Every rate there was, by currency, the newest first."""
    found = CurrencyRate.objects.filter(organization=organization).select_related("created_by")
    return found.order_by("currency", "-valid_from")


def display(settings: OrganizationSettings, *, today: date) -> Display:
    """What costs are shown in today: dollars, without a question to the database, unless another one was chosen."""
    wanted = settings.display_currency
    if wanted == USD:
        return IN_DOLLARS
    found = _valid(settings.organization_id, wanted, today)
    if found is None:
        return Display(wanted=wanted)
    return Display(code=wanted, rate=found.rate, since=found.valid_from, wanted=wanted)


def _valid(organization_id: int, code: str, day: date) -> CurrencyRate | None:
    """The rate of a day: the newest that is not of a later one."""
    dated = CurrencyRate.objects.filter(organization_id=organization_id, currency=code, valid_from__lte=day)
    return dated.order_by("-valid_from").first()


def doubt(*, organization: Organization, code: str, rate: Decimal, valid_from: date) -> str | None:
    """A question about a rate that looks like a slip; the one before it knows best what to expect."""
    before = _valid(organization.pk, code, valid_from)
    return currencies.doubt(code, rate, before=before.rate if before else None)


# --- Writes -----------------------------------------------------------------------------------------------------------
@transaction.atomic
def set_currency(*, organization: Organization, actor: Actor, code: str) -> None:
    """Show costs in another currency from the next page on.

    :raises ValidationError: ``code`` is no currency of ISO 4217 that we know.
    """
    _check_code(code)
    with org_scope(organization.pk):
        locked = OrganizationSettings.objects.select_for_update().get(organization=organization)
        before, locked.display_currency = locked.display_currency, code
        if before == code:
            return
        locked.save(update_fields=["display_currency"])
        audit.record("organization.currency_changed", actor=actor, target=organization, before=before, after=code)


@transaction.atomic
def set_rate(*, organization: Organization, actor: Actor, code: str, rate: Decimal, valid_from: date) -> None:
    """Say what a dollar is worth from a day on; for a day that has a rate it is corrected.

    :raises ValidationError: the currency is the dollar or unknown, the rate or the day is out of bounds, or there are
        too many rates.
    """
    _check_code(code)
    _check_rate(code, rate, valid_from)
    with org_scope(organization.pk):
        OrganizationSettings.objects.select_for_update().get(organization=organization)
        found = CurrencyRate.objects.filter(currency=code, valid_from=valid_from).first()
        before = found.rate if found else None
        if before == rate:
            return
        if found is None and CurrencyRate.objects.count() >= MOST_RATES:
            raise ValidationError(f"There can be {MOST_RATES:,} rates at most; remove some that were never used.")
        saved = found or CurrencyRate(organization=organization, currency=code, valid_from=valid_from)
        saved.rate = rate
        saved.created_by = actor if isinstance(actor, User) else None
        saved.clean_fields(exclude=["created_by"])
        saved.save()
        audit.record(
            "currency_rate.set",
            actor=actor,
            target=saved,
            currency=code,
            valid_from=valid_from.isoformat(),
            before=_text(before),
            after=_text(rate),
        )


@transaction.atomic
def remove_rate(*, organization: Organization, actor: Actor, rate_id: int) -> None:
    """Take a rate away, as if it had never been said; the audit log knows that it was. One that is gone stays gone."""
    with org_scope(organization.pk):
        found = CurrencyRate.objects.select_for_update().filter(pk=rate_id).first()
        if found is None:
            return
        facts: dict[str, Any] = {
            "currency": found.currency,
            "valid_from": found.valid_from.isoformat(),
            "rate": _text(found.rate),
        }
        audit.record("currency_rate.removed", actor=actor, target=found, **facts)
        found.delete()


def _check_code(code: str) -> None:
    if code not in NAMES:
        raise ValidationError({"currency": _CODE})


def _check_rate(code: str, rate: Decimal, valid_from: date) -> None:
    if code == USD:
        raise ValidationError({"currency": "Costs are stored in US dollars; a dollar needs no rate."})
    if not SMALLEST <= rate <= LARGEST:
        raise ValidationError({"rate": NO_RATE})
    if not FIRST_DAY <= valid_from <= LAST_DAY:
        raise ValidationError({"valid_from": "Choose a day from 2000 to 2199."})


def _text(rate: Decimal | None) -> str | None:
    return None if rate is None else currencies.exact(rate)
