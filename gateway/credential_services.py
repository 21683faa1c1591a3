"""Writes about providers' credentials: one transaction each, and the edge is told. Secrets go in and never come out."""

from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from core.scope import org_scope
from gateway import checking, credentials, provider_selectors, terms
from gateway.announcement import announce
from gateway.checking import Verdict
from gateway.models import ProviderCredential
from gateway.services import one_at_a_time
from gateway.terms import WantedCredential
from gateway.types import Auth
from tenants import audit
from tenants.audit import Actor
from tenants.models import Organization, User

MOST_CREDENTIALS: Final = 200
_MOVED: Final = "The address of this provider changed in the meantime. Look at it, then add the credential again."
_REPLACED: Final = (
    "Somebody else replaced this secret while you did. Look at the credential, then replace it again if yours is right."
)


class CredentialGoneError(ValidationError):
    """There is nothing left to change."""


@transaction.atomic
def add_credential(
    *, organization: Organization, actor: Actor, wanted: WantedCredential, now: datetime
) -> ProviderCredential:
    """Store a credential. The first one of a provider in its scope, project or organization, is the default there.

    :raises ValidationError: by field: there is no such provider or it takes none, name or secret cannot be so, the
        name is taken; the address changed since it was seen; or there are too many.
    """
    name, secret = terms.check_name(wanted.name), terms.check_secret(wanted.secret)
    with org_scope(organization.pk):
        one_at_a_time(organization)
        _check_provider(organization, wanted)
        if ProviderCredential.objects.count() >= MOST_CREDENTIALS:
            raise ValidationError(f"There can be {MOST_CREDENTIALS} credentials at most.")
        if ProviderCredential.objects.filter(provider=wanted.provider, name__iexact=name).exists():
            raise ValidationError({"name": "Another credential of this provider has this name."})
        credential = ProviderCredential(
            organization=organization, project=wanted.project, provider=wanted.provider, name=name, created_at=now
        )
        credential.created_by = actor if isinstance(actor, User) else None
        credential.is_default = not provider_selectors.beside(credential=credential).filter(is_default=True).exists()
        _seal(credential, secret)
        credential.save()
        _record("credential.added", actor, credential)
    return credential


@transaction.atomic
def replace_secret(
    *,
    organization: Organization,
    actor: Actor,
    credential: ProviderCredential,
    secret: str,
    seen: datetime | None,
    now: datetime,
) -> ProviderCredential:
    """Put a new secret in the place of the old one; the name stays. ``seen`` is ``replaced_at`` as the actor saw it.

    :raises ValidationError: the secret cannot be one, or somebody replaced it since it was seen.
    """
    checked = terms.check_secret(secret)
    with org_scope(organization.pk):
        locked = _lock(credential)
        if locked.replaced_at != seen:
            raise ValidationError(_REPLACED)
        _seal(locked, checked)
        locked.replaced_at, locked.checked_at, locked.check_result = now, None, ProviderCredential.Check.UNKNOWN
        locked.save(update_fields=["sealed", "hint", "replaced_at", "checked_at", "check_result"])
        _record("credential.replaced", actor, locked)
    return locked


@transaction.atomic
def make_default(*, organization: Organization, actor: Actor, credential: ProviderCredential) -> None:
    """Have calls that name no credential take this one, in its scope. One that is it already stays."""
    with org_scope(organization.pk):
        one_at_a_time(organization)
        locked = _lock(credential)
        if not locked.is_default:
            provider_selectors.beside(credential=locked).filter(is_default=True).update(is_default=False)
            _appoint(locked)
            _record("credential.made_default", actor, locked)


@transaction.atomic
def delete_credential(
    *, organization: Organization, actor: Actor, credential: ProviderCredential
) -> ProviderCredential | None:
    """Delete a credential; the one that is the default in its scope afterwards, or None.

    After a default it is the oldest of those that are left.
    """
    with org_scope(organization.pk):
        one_at_a_time(organization)
        locked = _lock(credential)
        _record("credential.deleted", actor, locked)
        heir = provider_selectors.heir(credential=locked)
        locked.delete()
        if heir is not None and not heir.is_default:
            _appoint(heir)
            _record("credential.made_default", actor, heir)
    return heir


def check_credential(*, organization: Organization, actor: Actor, credential_id: int, now: datetime) -> Verdict | None:
    """Ask the provider whether it takes a credential, and keep the answer. None: the credential is gone.

    Called outside of any transaction, since it waits for somebody else's server. An answer about a secret that was
    replaced meanwhile is told to whoever asked and not kept.
    """
    with org_scope(organization.pk):
        asked = ProviderCredential.objects.filter(pk=credential_id).first()
        upstream = provider_selectors.upstream(organization=organization, slug=asked.provider) if asked else None
    if asked is None:
        return None
    verdict = checking.check(upstream.preset, upstream.provider, asked) if upstream else checking.gone(asked)
    with transaction.atomic(), org_scope(organization.pk):
        locked = ProviderCredential.objects.select_for_update().filter(pk=credential_id).first()
        if locked is not None and locked.replaced_at == asked.replaced_at:
            locked.check_result, locked.checked_at = verdict.result, now
            locked.save(update_fields=["check_result", "checked_at"])
            _audit("credential.checked", actor, locked, result=verdict.result, http_status=verdict.status)
    return verdict


def _check_provider(organization: Organization, wanted: WantedCredential) -> None:
    """:raises ValidationError: nothing can be given to it, or it leads elsewhere than it did when it was looked at."""
    upstream = provider_selectors.upstream(organization=organization, slug=wanted.provider)
    if upstream is None:
        raise ValidationError({"provider": "There is no such provider. Add it first."})
    if upstream.provider.auth == Auth.NONE:
        raise ValidationError({"provider": "This provider takes no credential."})
    if wanted.origin and wanted.origin != upstream.provider.origin:
        raise ValidationError(_MOVED)


def _appoint(credential: ProviderCredential) -> None:
    credential.is_default = True
    credential.save(update_fields=["is_default"])


def _seal(credential: ProviderCredential, secret: str) -> None:
    credential.sealed = credentials.seal(
        secret,
        organization_id=credential.organization_id,
        provider=credential.provider,
        name=credential.name,
    )
    credential.hint = terms.hint(secret)


def _lock(credential: ProviderCredential) -> ProviderCredential:
    """:raises CredentialGoneError: somebody deleted it."""
    found = ProviderCredential.objects.select_for_update(of=("self",)).filter(pk=credential.pk)
    locked = found.select_related("project").first()
    if locked is None:
        raise CredentialGoneError("Somebody deleted this credential in the meantime.")
    return locked


def _record(action: str, actor: Actor, credential: ProviderCredential) -> None:
    _audit(action, actor, credential, is_default=credential.is_default)
    announce(credential.organization_id)


def _audit(action: str, actor: Actor, credential: ProviderCredential, **facts: Any) -> None:
    """What tells a credential from others, and nothing of its secret: the hint stays on the page."""
    audit.record(
        action,
        actor=actor,
        target=credential,
        provider=credential.provider,
        name=credential.name,
        project=credential.project.slug if credential.project else "",
        **facts,
    )
