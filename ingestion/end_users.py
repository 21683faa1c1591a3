"""End users as they are stored: a value that looks personal is only kept as a keyed hash."""

from collections.abc import Sequence

from core import vault
from ingestion.wire.identity import keyed_hash, looks_personal, stored_user_id
from tenants import selectors
from tenants.models import Organization


def as_stored(*, organization: Organization, user_ids: Sequence[str]) -> list[str]:
    """Every form in which calls of these end users may be stored: some projects keep personal ids as sent."""
    personal = [user_id for user_id in user_ids if looks_personal(user_id)]
    if not personal:
        return list(user_ids)
    key = _hash_key(organization)
    return [*user_ids, *(stored_user_id(user_id, key) for user_id in personal)]


def _hash_key(organization: Organization) -> bytes:
    sealed = selectors.organization_settings(organization=organization).hash_key
    return vault.unseal(sealed, context=f"hash-key:{organization.pk}")


def fingerprint(*, organization: Organization, user_id: str) -> str:
    """Names an end user in records that must not say who it is; never what calls are stored under."""
    return keyed_hash("erasure", user_id, _hash_key(organization))[:32]
