"""Teams: whom cost is attributed to. They restrict nobody's reading."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel
from tenants.models.people import User


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


class TeamMove(OrgScopedModel):
    """Stored calls on their way to the team that a name of theirs became: one project's local day after the other.

    ``names`` are folded. Days before ``next_date`` are done, and of that day the projects up to ``after_project_id``;
    the work covers ``first_date`` to before ``end_date``, which are unknown until it has begun.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="moves")
    names = ArrayField(models.CharField(max_length=300))
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    time_zone = models.CharField(max_length=64, default="", help_text="Whose days the dates below are.")
    first_date = models.DateField(null=True)
    next_date = models.DateField(null=True)
    after_project_id = models.BigIntegerField(default=0)
    end_date = models.DateField(null=True)
    calls = models.BigIntegerField(default=0, help_text="Calls moved so far.")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "team_moves"

    @property
    def label(self) -> str:
        """The names as people read them."""
        return ", ".join(f"“{name}”" for name in self.names)

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        if self.finished_at is not None:
            return 1.0
        if self.first_date is None or self.next_date is None or self.end_date is None:
            return 0.0
        days = (self.end_date - self.first_date).days
        return (self.next_date - self.first_date).days / days if days > 0 else 0.0
