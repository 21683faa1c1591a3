"""Teams: whom cost is attributed to. They restrict nobody's reading."""

from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel


class Team(OrgScopedModel):
    """A group of an organization. ``slug`` is what calls are stored with, so it never changes."""

    slug = models.CharField(max_length=100)
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "teams"
        constraints = [models.UniqueConstraint(fields=["organization", "slug"], name="team_org_slug_uniq")]

    def __str__(self) -> str:
        return self.name


class TeamAlias(OrgScopedModel):
    """A name by which telemetry may call a team. Its slug is one of them, so that no name means two teams.

    ``folded`` is ``team_names.folded`` of the alias: what is compared.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="aliases")
    alias = models.CharField(max_length=100)
    folded = models.CharField(max_length=300, help_text="Folding makes some letters three.")
    is_slug = models.BooleanField(default=False)

    class Meta:
        db_table = "team_aliases"
        constraints = [models.UniqueConstraint(fields=["organization", "folded"], name="team_alias_org_folded_uniq")]


class TeamMember(OrgScopedModel):
    """A member of the organization who is in a team; gone with the membership, whoever ends that."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="members")
    # The database deletes the row with the membership (migration 0009): whoever ends one need not know of teams.
    membership = models.ForeignKey(
        "tenants.Membership", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )

    class Meta:
        db_table = "team_members"
        constraints = [models.UniqueConstraint(fields=["team", "membership"], name="team_member_uniq")]
