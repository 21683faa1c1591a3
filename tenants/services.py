"""Writes about tenants: each is one transaction with its audit row."""

import secrets

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.text import slugify

from core import vault
from core.scope import org_scope
from tenants import audit
from tenants.audit import Actor
from tenants.models import Membership, Organization, OrganizationSettings, Project, User
from tenants.permissions import Role
from tenants.time_zones import time_zones

RESERVED_SLUGS = frozenset({"new"})  # /o/new/ is a page
MOST_EVENTS_A_MONTH = 10**15
KEY_CHANNEL = "tokenops_keys"  # the edge listens here to forget changed keys


@transaction.atomic
def create_organization(*, actor: User, name: str, time_zone: str = "UTC") -> Organization:
    """Create an organization owned by ``actor``.

    :raises ValidationError: the name is empty or too long, or the time zone is not an IANA name.
    """
    if time_zone not in time_zones():
        raise ValidationError({"time_zone": "Choose a time zone from the list."})
    organization = Organization(name=name, slug=_free_slug(name))
    organization.full_clean()
    organization.save()
    Membership.objects.create(user=actor, organization=organization, role=Role.OWNER)
    with org_scope(organization.pk):
        OrganizationSettings.objects.create(
            organization=organization,
            time_zone=time_zone,
            monthly_event_quota=settings.MONTHLY_EVENT_QUOTA,
            hash_key=new_hash_key(organization.pk),
        )
        audit.record("organization.created", actor=actor, target=organization, name=name)
    return organization


def new_hash_key(organization_id: int) -> bytes:
    """A new encrypted key for an organization's prompt and user hashes."""
    context = f"hash-key:{organization_id}"
    return vault.seal(secrets.token_bytes(32), context=context)


def _free_slug(name: str) -> str:
    base = _slug(name, length=40) or "organization"
    if base not in RESERVED_SLUGS and not Organization.objects.filter(slug=base).exists():
        return base
    return f"{base}-{secrets.token_hex(4)}"


def _slug(name: str, *, length: int) -> str:
    """Django keeps underscores, which a slug of ours has not."""
    return slugify(slugify(name).replace("_", "-"))[:length].strip("-")


@transaction.atomic
def rename_organization(*, organization: Organization, actor: Actor, name: str) -> None:
    """Give the organization another name; its slug, and with it every link, stays.

    :raises ValidationError: the name is empty or too long.
    """
    with org_scope(organization.pk):
        locked = Organization.objects.select_for_update().get(pk=organization.pk)
        before, locked.name = locked.name, name
        locked.full_clean()
        if before == locked.name:
            return
        locked.save(update_fields=["name"])
        audit.record("organization.renamed", actor=actor, target=locked, before=before, after=locked.name)
    organization.name = locked.name


@transaction.atomic
def set_time_zone(*, organization: Organization, actor: Actor, time_zone: str) -> None:
    """Move the organization's days to another zone. Whoever calls this sees to the rollups, which are local.

    :raises ValidationError: ``time_zone`` is not an IANA name.
    """
    if time_zone not in time_zones():
        raise ValidationError({"time_zone": "Choose a time zone from the list."})
    with org_scope(organization.pk):
        locked = OrganizationSettings.objects.select_for_update().get(organization=organization)
        before, locked.time_zone = locked.time_zone, time_zone
        if before == time_zone:
            return
        locked.save(update_fields=["time_zone"])
        audit.record("organization.time_zone_changed", actor=actor, target=organization, before=before, after=time_zone)
        announce_key("")  # every key of the organization: the next call belongs to a day of the new zone


@transaction.atomic
def set_quota(*, organization: Organization, actor: User | None, events: int | None) -> None:
    """Let the organization send so many events a calendar month; None: as many as it likes. Every edge hears of it.

    :raises ValidationError: ``events`` is less than one, or more than anybody can count.
    """
    if events is not None and not 1 <= events <= MOST_EVENTS_A_MONTH:
        raise ValidationError({"events": "Choose a whole number of events, at least 1."})
    with org_scope(organization.pk):
        locked = OrganizationSettings.objects.select_for_update().get(organization=organization)
        before, locked.monthly_event_quota = locked.monthly_event_quota, events
        if before == events:
            return
        locked.save(update_fields=["monthly_event_quota"])
        audit.record("organization.quota_changed", actor=actor, target=organization, before=before, after=events)
        announce_key("")  # every key of the organization: what it may send is remembered with the key


@transaction.atomic
def create_project(*, organization: Organization, actor: Actor, name: str) -> Project:
    """Create a project; it is the organization's default when there is none, as the first one is.

    :raises ValidationError: the name is empty, too long, or gives a slug that is taken.
    """
    with org_scope(organization.pk):
        project = Project(
            organization=organization,
            name=name,
            slug=_slug(name, length=50),
            is_default=not Project.objects.filter(is_default=True).exists(),
        )
        if not project.slug:
            raise ValidationError({"name": "Use at least one letter or digit."})
        if Project.objects.filter(slug=project.slug).exists():
            raise ValidationError({"name": "A project with this name exists already."})
        project.full_clean()
        project.save()
        audit.record("project.created", actor=actor, target=project, name=name)
    return project


def appoint_default() -> Project | None:
    """Make the oldest project that takes telemetry the organization's default; part of what takes the old one away."""
    usable = Project.objects.select_for_update().filter(delete_at=None, archived_at=None)
    heir = usable.order_by("created_at", "pk").first()
    if heir is not None:
        heir.is_default = True
        heir.save(update_fields=["is_default"])
    return heir


@transaction.atomic
def rename_project(*, organization: Organization, actor: Actor, project: Project, name: str) -> None:
    """Give a project another name; its slug, and with it every link, stays.

    :raises ValidationError: the name is empty or too long.
    """
    with org_scope(organization.pk):
        locked = Project.objects.select_for_update().get(pk=project.pk)
        before, locked.name = locked.name, name
        locked.full_clean()
        if before == locked.name:
            return
        locked.save(update_fields=["name"])
        audit.record("project.renamed", actor=actor, target=locked, before=before, after=locked.name)
    project.name = locked.name


def announce_every_key() -> None:
    """Tell every edge process, at commit, to read again what it knows of keys and of their projects."""
    announce_key("")


def announce_key(prefix: str) -> None:
    """Tell every edge process, at commit, to forget the key with this prefix; ``''`` means all keys."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_notify(%s, %s)", [KEY_CHANNEL, prefix])
