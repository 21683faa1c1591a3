"""Bring the installed catalogue's prices into the database, and tell organizations what it means for them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from django.db import connection, transaction
from django.urls import reverse

from core import work
from core.scope import org_scope
from ingestion.models import CatalogueChange, ProjectActivity
from ingestion.models import RateCard as StoredCard
from ingestion.pricing import selectors
from ingestion.pricing.cards import RateCard, to_row
from ingestion.pricing.catalogue import catalogue_cards, catalogue_version
from ingestion.pricing.diff import DESCRIPTION, ModelDiff, diff
from ingestion.pricing.usage import DAYS, used_models
from ingestion.pricing.wording import sentences
from tenants import events
from tenants.models import Event, Organization, OrganizationSettings

BATCH = 1_000
TELL: Final = "ingestion.tell_of_catalogue"
_TOLD_FOR: Final = timedelta(days=3)  # an import that is older is no news any more
_MOST_NAMED: Final = 20


class CatalogueImport(msgspec.Struct, frozen=True, kw_only=True):
    """How many models an import found new, with another price, no longer listed, and as they were."""

    added: int
    changed: int
    closed: int
    unchanged: int


@transaction.atomic
def import_catalogue(*, now: datetime, cards: Iterable[RateCard] | None = None) -> CatalogueImport:
    """Make the stored catalogue the installed one (or ``cards``) from ``now`` on; the same one again changes nothing.

    A corrected price is valid from ``now``, prices of the past stay, nothing re-prices itself. Every difference is
    written to ``catalogue_changes``, except those of the very first import.
    """
    _lock()
    stored = selectors.catalogue_cards()
    wanted = catalogue_cards() if cards is None else cards
    differences = list(diff(stored=stored, wanted=wanted, now=now))
    _store(differences)
    if stored:
        _record(differences, now)
        if any(difference.kind != "unchanged" for difference in differences):
            _have_told(now)
    kinds = [difference.kind for difference in differences]
    return CatalogueImport(
        added=kinds.count("added"),
        changed=kinds.count("changed"),
        closed=kinds.count("closed"),
        unchanged=kinds.count("unchanged"),
    )


def _lock() -> None:
    """One import at a time; readers are not held up."""
    with connection.cursor() as cursor:
        cursor.execute("lock table rate_cards in share row exclusive mode")


def _store(differences: Sequence[ModelDiff]) -> None:
    StoredCard.objects.filter(pk__in=[card.id for difference in differences for card in difference.delete]).delete()
    # An upsert by id: bulk_update's CASE over three thousand rows takes five seconds instead of one.
    StoredCard.objects.bulk_create(
        [StoredCard(**to_row(card)) for difference in differences for card in difference.update],
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["valid_to", *DESCRIPTION],
    )
    StoredCard.objects.bulk_create(
        [StoredCard(**to_row(card)) for difference in differences for card in difference.insert], batch_size=BATCH
    )


def _record(differences: Iterable[ModelDiff], now: datetime) -> None:
    CatalogueChange.objects.bulk_create(
        [
            CatalogueChange(
                kind=difference.kind,
                provider=difference.model[0],
                catalogue_id=difference.model[2],
                before=_told(difference.before),
                after=_told(difference.after),
                version=catalogue_version(),
                created_at=now,
            )
            for difference in differences
            if difference.kind != "unchanged"
        ],
        batch_size=BATCH,
    )


def _told(cards: Iterable[RateCard]) -> list[dict[str, Any]] | None:
    """Prices with their periods, hours and contexts as JSON, or None where there are none."""
    rows = [to_row(card) for card in cards]
    names = ("valid_from", "valid_to", "window", "context", "prices")
    return [msgspec.to_builtins({name: row[name] for name in names}) for row in rows] or None


def _have_told(now: datetime) -> None:
    """Each organization that was active lately is told by a task of its own, what concerns it and once."""
    active = ProjectActivity.objects.filter(last_received_at__gte=now - timedelta(days=DAYS))
    for organization_id in active.order_by("organization_id").values_list("organization_id", flat=True).distinct():
        work.make_due(TELL, organization_id=organization_id, object_id=organization_id)


def tell_of_catalogue(*, organization_id: int, now: datetime) -> int:
    """Write an event for each recent import that changed a model the organization uses; how many were new."""
    with org_scope(organization_id):
        # A second run at the same time waits here, and then finds the events of the first.
        OrganizationSettings.objects.select_for_update().get(organization_id=organization_id)
        organization = Organization.objects.get(pk=organization_id)
        recent = CatalogueChange.objects.filter(created_at__gte=now - _TOLD_FOR)
        moments = recent.order_by("created_at").values_list("created_at", flat=True).distinct()
        told = sum(_tell(organization, moment, now) for moment in moments)
        work.finish(TELL, object_id=organization_id)
    return told


def _tell(organization: Organization, moment: datetime, now: datetime) -> bool:
    """Whether the import of ``moment`` changed a model the organization uses and it had not been told of it."""
    dedup_key = f"catalogue:{moment.isoformat()}"
    if Event.objects.filter(kind="catalogue.changed", dedup_key=dedup_key).exists():
        return False
    used = used_models(organization=organization, now=now)
    changes = CatalogueChange.objects.filter(created_at=moment).order_by("provider", "catalogue_id", "pk")
    mine = [change for change in changes if (change.provider, change.catalogue_id) in used]
    if not mine:
        return False
    events.record(
        "catalogue.changed",
        severity=Event.Severity.LOW,
        subject=mine[0],
        dedup_key=dedup_key,
        link=f"{reverse('pricing:change-list', args=[organization.slug])}?used=1",
        version=mine[0].version,
        models=len(mine),
        changes=[_fact(change) for change in mine[:_MOST_NAMED]],
    )
    return True


def _fact(change: CatalogueChange) -> dict[str, Any]:
    said = sentences(change.before, change.after, at=change.created_at)
    return {"kind": change.kind, "provider": change.provider, "model": change.catalogue_id, "what": said}
