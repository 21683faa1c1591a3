"""Writes about the gateway's settings and an organization's own upstreams: one transaction each, and the edge is told.

A credential was given for an address. So an address does not change under credentials that are stored for it: they
would go where nobody meant them to, and whoever may change an address could read what nobody may read.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from core.scope import org_scope
from gateway import terms, upstreams
from gateway.announcement import announce
from gateway.models import GatewayProvider, GatewaySettings, ProviderCredential
from gateway.terms import WantedProvider
from gateway.types import Auth
from tenants import audit
from tenants.audit import Actor
from tenants.models import Organization, OrganizationSettings, User

MOST_PROVIDERS: Final = 50
_FIELDS: Final = tuple(one.name for one in fields(WantedProvider))


class ProviderGoneError(ValidationError):
    """There is nothing left to change."""


@transaction.atomic
def set_offline_minutes(*, organization: Organization, actor: Actor, minutes: int) -> None:
    """For how long a key that was seen valid works on while the database cannot be asked; 0: not at all.

    :raises ValidationError: out of bounds.
    """
    terms.check_offline_minutes(minutes)
    with org_scope(organization.pk):
        one_at_a_time(organization)
        settings, _ = GatewaySettings.objects.get_or_create(organization=organization)
        before = settings.offline_minutes
        if before == minutes:
            return
        settings.offline_minutes = minutes
        settings.save(update_fields=["offline_minutes"])
        audit.record("gateway.changed", actor=actor, target=settings, before=before, after=minutes)
        announce(organization.pk)


@transaction.atomic
def add_provider(*, organization: Organization, actor: Actor, wanted: WantedProvider) -> GatewayProvider:
    """Add an upstream; one with the slug of a built-in provider takes its place.

    :raises ValidationError: by field: something cannot be so, the slug is taken, credentials are stored for the
        address that it would replace; or there are too many.
    """
    checked = terms.check_provider(wanted)
    with org_scope(organization.pk):
        one_at_a_time(organization)
        if GatewayProvider.objects.count() >= MOST_PROVIDERS:
            raise ValidationError(f"There can be {MOST_PROVIDERS} providers of your own at most.")
        if GatewayProvider.objects.filter(slug=checked.slug).exists():
            raise ValidationError({"slug": "Another provider of yours has this slug."})
        built_in = upstreams.built_in(checked.slug)
        _keep_credentials_where_they_belong(built_in.origin if built_in else "", checked)
        provider = GatewayProvider(organization=organization, **_columns(checked))
        provider.created_by = actor if isinstance(actor, User) else None
        provider.save()
        _record("provider.added", actor, provider, replaces_built_in=built_in is not None)
    return provider


@transaction.atomic
def change_provider(
    *, organization: Organization, actor: Actor, provider: GatewayProvider, wanted: WantedProvider
) -> GatewayProvider:
    """Change an upstream. Slug and preset stay: paths and prices hang on them.

    :raises ValidationError: as ``add_provider``, or somebody deleted it.
    """
    checked = terms.check_provider(wanted)
    with org_scope(organization.pk):
        one_at_a_time(organization)
        locked = _lock(provider)
        if (checked.slug, checked.preset) != (locked.slug, locked.preset):
            raise ValidationError({"slug": "The slug stays as it is. Add another provider instead."})
        _keep_credentials_where_they_belong(locked.origin, checked)
        for name, value in _columns(checked).items():
            setattr(locked, name, value)
        locked.save()
        _record("provider.changed", actor, locked)
    return locked


@transaction.atomic
def change_some(
    *, organization: Organization, actor: Actor, provider: GatewayProvider, changes: Mapping[str, Any]
) -> GatewayProvider:
    """Change what is in ``changes``; what somebody else changed since ``provider`` was read stays as they have it.

    :raises ValidationError: as ``change_provider``.
    """
    with org_scope(organization.pk):
        one_at_a_time(organization)
        locked = _lock(provider)
        wanted = WantedProvider(**{name: getattr(locked, name) for name in _FIELDS} | dict(changes))
        return change_provider(organization=organization, actor=actor, provider=locked, wanted=wanted)


@transaction.atomic
def delete_provider(*, organization: Organization, actor: Actor, provider: GatewayProvider) -> None:
    """Delete an upstream with the credentials that were given for its address; a built-in one of its slug is back.

    :raises ProviderGoneError: somebody else did.
    """
    with org_scope(organization.pk):
        one_at_a_time(organization)
        locked = _lock(provider)
        built_in = upstreams.built_in(locked.slug)
        names = []
        if built_in is None or built_in.origin != locked.origin:
            doomed = ProviderCredential.objects.filter(provider=locked.slug)
            names = list(doomed.order_by("name").values_list("name", flat=True))
            doomed.delete()
        _record("provider.deleted", actor, locked, credentials=names)
        locked.delete()


def one_at_a_time(organization: Organization) -> None:
    """Slugs, names and defaults are looked at before they are written, so that whoever collides is told."""
    OrganizationSettings.objects.select_for_update().get(organization=organization)


def _keep_credentials_where_they_belong(origin: str, wanted: WantedProvider) -> None:
    """:raises ValidationError: credentials are stored, and would go elsewhere or nowhere from now on."""
    stored = ProviderCredential.objects.filter(provider=wanted.slug).count()
    if not stored:
        return
    those = "1 credential is" if stored == 1 else f"{stored} credentials are"
    if wanted.origin != origin:
        raise ValidationError(
            {"origin": f"{those} stored for this slug’s present address. Delete them first, and give them anew here."}
        )
    if wanted.auth == Auth.NONE:
        raise ValidationError({"auth": f"{those} stored for this provider. Delete them first."})


def _columns(wanted: WantedProvider) -> dict[str, Any]:
    return {name: getattr(wanted, name) for name in _FIELDS}


def _lock(provider: GatewayProvider) -> GatewayProvider:
    """:raises ProviderGoneError: somebody deleted it since it was read."""
    found = GatewayProvider.objects.select_for_update().filter(pk=provider.pk).first()
    if found is None:
        raise ProviderGoneError("Somebody deleted this provider in the meantime.")
    return found


def _record(action: str, actor: Actor, provider: GatewayProvider, **more: Any) -> None:
    shown = ("slug", "name", "preset", "origin", "base_path", "auth", "auth_name")
    audit.record(action, actor=actor, target=provider, **{name: getattr(provider, name) for name in shown}, **more)
    announce(provider.organization_id)
