"""Whether a restored database is what it was: asked after ``make restore``, before anything is started."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from io import StringIO
from typing import Final

from django.core.management import call_command
from django.core.management.base import SystemCheckError

from core import crypto, vault
from core.scope import org_scope
from ingestion import rebuild, time_zone
from ingestion.models import DailyRollup
from tenants import selectors
from tenants.models import Organization
from tokenops import health

_MOST_ORGANIZATIONS: Final = 20
_DAYS: Final = 3  # of each, the latest that have calls


def findings(*, now: datetime, progress: Callable[[str], None]) -> list[str]:
    """What is wrong, as sentences for the operator; nothing when all is well."""
    progress("Checking isolation, readiness, secrets and sums")
    return [*_isolation(), *_readiness(now), *_of_organizations(now)]


def _isolation() -> Iterator[str]:
    try:
        call_command("check", databases=["default"], verbosity=0, stderr=StringIO())  # its remarks are not for now
    except SystemCheckError as error:
        yield str(error)


def _readiness(now: datetime) -> Iterator[str]:
    for part, is_fine in health.readiness(now=now).items():
        if not is_fine:
            yield f"Not ready: {part}."


def _of_organizations(now: datetime) -> Iterator[str]:
    organizations = list(Organization.objects.order_by("pk")[:_MOST_ORGANIZATIONS])
    if organizations and not _opens(organizations[0]):
        yield "These are not the secrets this backup was made with: nothing encrypted can be opened, and no key works."
    for organization in organizations:
        for days in _days_that_differ(organization, now):
            yield f"Sums and calls of {organization.slug} differ on {days}."


def _opens(organization: Organization) -> bool:
    with org_scope(organization.pk):
        sealed = bytes(selectors.organization_settings(organization=organization).hash_key)
    try:
        vault.unseal(sealed, context=f"hash-key:{organization.pk}")
    except crypto.DecryptionError:
        return False
    return True


def _days_that_differ(organization: Organization, now: datetime) -> Iterator[str]:
    with org_scope(organization.pk):
        unsettled = time_zone.unsettled_until(organization=organization) or date.min
        dates = DailyRollup.objects.filter(bucket_date__gt=unsettled).values_list("bucket_date", flat=True)
        sample = list(dates.distinct().order_by("-bucket_date")[:_DAYS])
    for day in sample:
        compared = rebuild.differences(
            organization=organization, first_date=day, end_date=day + timedelta(days=1), now=now
        )
        if any(found for _, found in compared):
            yield day.isoformat()
