"""Writes about teams. Each tells the edge, which stores calls under the slug of the team they name."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify

from core import work
from core.scope import org_scope
from tenants import audit, services
from tenants.audit import Actor
from tenants.models import (
    SLUG,
    Membership,
    Organization,
    OrganizationSettings,
    Project,
    Team,
    TeamAlias,
    TeamMember,
    TeamMove,
    User,
)
from tenants.team_names import LONGEST, folded

RESERVED_SLUGS: Final = frozenset({"new", "adopt"})  # pages beside the teams' own
RESERVED_NAMES: Final = frozenset({"(other)"})  # what rollups call everything beyond the values they keep apart
MOST_TEAMS: Final = 500  # the edge keeps all of them with every key
MOST_ALIASES: Final = 50
MOVE_TASK: Final = "ingestion.move_calls"  # telemetry is above us: its package has the task of this name
SETTLING: Final = timedelta(minutes=1)  # until every edge process has heard of the name, notified or not

_NO_SLUG: Final = "Use lower-case letters, digits and single hyphens."


@transaction.atomic
def create_team(
    *, organization: Organization, actor: Actor, name: str, slug: str = "", aliases: Sequence[str] = ()
) -> Team:
    """Create a team; without a ``slug`` it is made from the name.

    :raises ValidationError: the slug or an alias is a name of a team already or no usable one; there are too many.
    """
    with org_scope(organization.pk):
        _one_at_a_time(organization)
        if Team.objects.count() >= MOST_TEAMS:
            raise ValidationError(f"There can be {MOST_TEAMS} teams at most.")
        team = Team(organization=organization, name=name.strip(), slug=slug or _slug(name))
        _check_slug(team.slug)
        _check_name(team.slug, field="slug")
        team.full_clean(exclude=["slug"])
        team.save()
        TeamAlias.objects.create(
            organization=organization, team=team, alias=team.slug, folded=folded(team.slug), is_slug=True
        )
        wanted = list({folded(alias): alias for alias in aliases if folded(alias) != team.slug}.values())
        for alias in wanted:
            _add_name(team, alias, field="aliases")
        audit.record("team.created", actor=actor, target=team, slug=team.slug, name=team.name, aliases=wanted)
        services.announce_every_key()
        _move_stored_calls(team, [team.slug, *wanted], actor)
    return team


@transaction.atomic
def adopt(*, organization: Organization, actor: Actor, value: str) -> Team:
    """Make a team of what telemetry calls one.

    :raises ValidationError: it gives no slug, or it is a team by now.
    """
    return create_team(organization=organization, actor=actor, name=value, aliases=[value])


@transaction.atomic
def rename_team(*, organization: Organization, actor: Actor, team: Team, name: str) -> None:
    """Give a team another name; its slug, under which its calls are stored, stays.

    :raises ValidationError: the name is empty or too long.
    """
    with org_scope(organization.pk):
        locked = Team.objects.select_for_update().get(pk=team.pk)
        before, locked.name = locked.name, name.strip()
        locked.full_clean()
        if before == locked.name:
            return
        locked.save(update_fields=["name"])
        audit.record("team.renamed", actor=actor, target=locked, before=before, after=locked.name)
    team.name = locked.name


@transaction.atomic
def add_alias(*, organization: Organization, actor: Actor, team: Team, alias: str) -> None:
    """Count calls that name ``alias`` to the team, stored ones too. A name it has already changes nothing.

    :raises ValidationError: it is a name of another team, or no usable one; the team has too many.
    """
    with org_scope(organization.pk):
        _one_at_a_time(organization)
        if TeamAlias.objects.filter(team=team, folded=folded(alias)).exists():
            return
        if TeamAlias.objects.filter(team=team, is_slug=False).count() >= MOST_ALIASES:
            raise ValidationError({"alias": f"A team can have {MOST_ALIASES} aliases at most."})
        added = _add_name(team, alias, field="alias")
        audit.record("team.alias_added", actor=actor, target=team, slug=team.slug, alias=added.alias)
        services.announce_every_key()
        _move_stored_calls(team, [added.alias], actor)


@transaction.atomic
def remove_alias(*, organization: Organization, actor: Actor, team: Team, alias: str) -> None:
    """Stop counting calls that name ``alias`` to the team; those that are stored stay. Its slug is no alias."""
    with org_scope(organization.pk):
        found = TeamAlias.objects.filter(team=team, folded=folded(alias), is_slug=False).first()
        if found is None:
            return
        found.delete()
        audit.record("team.alias_removed", actor=actor, target=team, slug=team.slug, alias=found.alias)
        services.announce_every_key()


@transaction.atomic
def set_aliases(*, organization: Organization, actor: Actor, team: Team, aliases: Sequence[str]) -> None:
    """Make ``aliases`` the team's only ones; each change is recorded by itself.

    :raises ValidationError: as ``add_alias``.
    """
    with org_scope(organization.pk):
        wanted = {folded(alias): alias for alias in aliases}
        for had in list(TeamAlias.objects.filter(team=team, is_slug=False).order_by("pk")):
            if had.folded not in wanted:
                remove_alias(organization=organization, actor=actor, team=team, alias=had.alias)
        for alias in wanted.values():
            add_alias(organization=organization, actor=actor, team=team, alias=alias)


@transaction.atomic
def add_member(*, organization: Organization, actor: Actor, team: Team, membership: Membership) -> None:
    """Put a member of the organization into the team.

    :raises ValidationError: they are no member of the organization.
    """
    with org_scope(organization.pk):
        if membership.organization_id != organization.pk:
            raise ValidationError({"member": "Choose a member of the organization."})
        added, is_new = TeamMember.objects.get_or_create(organization=organization, team=team, membership=membership)
        if is_new:
            who = {"email": membership.user.email}
            audit.record("team.member_added", actor=actor, target=added.team, personal=who, slug=team.slug)


@transaction.atomic
def remove_member(*, organization: Organization, actor: Actor, team: Team, membership: Membership) -> None:
    """Take a member out of the team; the organization keeps them."""
    with org_scope(organization.pk):
        gone, _ = TeamMember.objects.filter(team=team, membership=membership).delete()
        if gone:
            who = {"email": membership.user.email}
            audit.record("team.member_removed", actor=actor, target=team, personal=who, slug=team.slug)


@transaction.atomic
def delete_team(*, organization: Organization, actor: Actor, team: Team) -> None:
    """Delete a team. Its calls keep its slug, which is then "not a team yet"; its projects have no team."""
    with org_scope(organization.pk):
        _one_at_a_time(organization)
        locked = Team.objects.select_for_update().get(pk=team.pk)
        projects = list(Project.objects.filter(team=locked).order_by("slug").values_list("slug", flat=True))
        audit.record("team.deleted", actor=actor, target=locked, slug=locked.slug, name=locked.name, projects=projects)
        locked.delete()
        services.announce_every_key()


def _move_stored_calls(team: Team, names: Sequence[str], actor: Actor) -> None:
    """Have the calls that are stored under ``names`` given to the team, when no edge stores more of them."""
    move = TeamMove.objects.create(
        organization_id=team.organization_id,
        team=team,
        names=[folded(name) for name in names],
        created_by=actor if isinstance(actor, User) else None,
    )
    work.make_due(MOVE_TASK, organization_id=team.organization_id, object_id=move.pk, due_at=move.created_at + SETTLING)


def _one_at_a_time(organization: Organization) -> None:
    """Names of teams are looked at before they are written, so that whoever collides is told with whom."""
    OrganizationSettings.objects.select_for_update().get(organization=organization)


def _slug(name: str) -> str:
    """Django keeps underscores, which a slug of ours has not."""
    return slugify(slugify(name).replace("_", "-"))[:LONGEST].strip("-")


def _check_slug(slug: str) -> None:
    if not slug:
        raise ValidationError({"slug": "Choose a slug: the name has no letter or digit to make one from."})
    if slug in RESERVED_SLUGS or len(slug) > LONGEST:
        raise ValidationError({"slug": "Choose another slug; this one cannot be used."})
    try:
        SLUG(slug)
    except ValidationError as error:
        raise ValidationError({"slug": _NO_SLUG}) from error


def _check_name(name: str, *, field: str) -> str:
    """The name without blanks around it.

    :raises ValidationError: a team has it, or it is no usable name; said of ``field``.
    """
    alias = name.strip()
    if not alias or len(alias) > LONGEST or not alias.isprintable() or alias in RESERVED_NAMES:
        raise ValidationError({field: f"Use 1 to {LONGEST} visible characters."})
    taken = TeamAlias.objects.select_related("team").filter(folded=folded(alias)).first()
    if taken is not None:
        raise ValidationError({field: f"This is a name of the team {taken.team.name} already."})
    return alias


def _add_name(team: Team, name: str, *, field: str) -> TeamAlias:
    alias = _check_name(name, field=field)
    return TeamAlias.objects.create(organization_id=team.organization_id, team=team, alias=alias, folded=folded(alias))
