"""Moving what is stored from an old secret to a new one, while both are valid.

Encrypted values are sealed anew here, row by row. A digest of an API key cannot be made from another digest: each key
gets its new one when it is used (``core.keys.Peppers``), and here they are only counted.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Model, Q
from django.utils import timezone

from core import vault
from core.keys import pepper_id
from core.scope import org_scope
from dashboards.exports.models import Destination
from gateway import credentials
from gateway.models import ProviderCredential
from ingestion.models import Erasure
from rules.alerts.models import Channel
from tenants import idempotency
from tenants.models import ApiAnswer, ApiKeyLookup, Organization, OrganizationSettings

_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Encrypted:
    """A column of a tenant table with values of ``core.vault``; ``context`` is what a row's value is bound to."""

    model: type[Model]
    field: str
    context: Callable[[Any], str]


# A new BinaryField is added here, or to the test's list of those that are not secrets.
ENCRYPTED: Final = (
    Encrypted(OrganizationSettings, "hash_key", lambda row: f"hash-key:{row.organization_id}"),
    Encrypted(ApiAnswer, "answer", idempotency.context_of),
    Encrypted(Erasure, "sealed_ids", lambda row: f"erasure:{row.organization_id}"),
    Encrypted(Channel, "sealed", lambda row: row.sealed_for),
    Encrypted(Destination, "sealed", lambda row: row.sealed_for),
    Encrypted(
        ProviderCredential, "sealed", lambda row: credentials.context(row.organization_id, row.provider, row.name)
    ),
)


@dataclass(frozen=True, slots=True)
class Progress:
    """What became of one organization's values; ``left`` are those that nobody could open."""

    renewed: int
    left: int


def seal_anew() -> Iterator[Progress]:
    """Put tenants' encrypted values under the current key, an organization after the other; safe to run twice."""
    for organization_id in Organization.objects.order_by("pk").values_list("pk", flat=True).iterator():
        renewed = left = 0
        with org_scope(organization_id):
            for column in ENCRYPTED:
                of_column = _seal_column(column)
                renewed, left = renewed + of_column.renewed, left + of_column.left
        yield Progress(renewed, left)


def _seal_column(column: Encrypted) -> Progress:
    renewed = left = 0
    manager: Any = column.model._default_manager
    with transaction.atomic():
        for row in manager.select_for_update().order_by("pk").iterator(chunk_size=_AT_ONCE):
            stored = getattr(row, column.field)
            if vault.is_current(stored):
                continue
            try:
                plain = vault.unseal(stored, context=column.context(row))
            except ValueError:  # core.crypto.DecryptionError
                left += 1
                continue
            setattr(row, column.field, vault.seal(plain, context=column.context(row)))
            row.save(update_fields=[column.field])
            renewed += 1
    return Progress(renewed, left)


def keys_under_old_pepper() -> int:
    """How many keys that still work would stop if only the current pepper were known."""
    now = timezone.now()
    works = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now))
    return ApiKeyLookup.objects.filter(works).exclude(pepper_id=pepper_id(settings.KEY_PEPPER)).count()
