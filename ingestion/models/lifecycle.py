"""Long work on what is stored already: days that move to another time zone, people who asked to be forgotten."""

from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel
from tenants.models import User


class ZoneChange(OrgScopedModel):
    """Daily sums on their way to another time zone, one local day after the other.

    Days before ``next_date`` are done; the work covers ``first_date`` to before ``end_date``.
    """

    from_zone = models.CharField(max_length=64)
    to_zone = models.CharField(max_length=64)
    first_date = models.DateField()
    next_date = models.DateField()
    end_date = models.DateField()
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "zone_changes"
        constraints = [
            models.UniqueConstraint(
                fields=["organization"], condition=models.Q(finished_at=None), name="zone_change_one_at_a_time"
            )
        ]

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        if self.finished_at is not None:
            return 1.0
        days = (self.end_date - self.first_date).days
        return (self.next_date - self.first_date).days / days if days > 0 else 0.0


class Erasure(OrgScopedModel):
    """One end user being taken out of the organization's calls.

    ``sealed_ids`` are the encrypted forms in which the id may be stored; they are emptied when the work is done, and
    only ``person``, a keyed hash, says afterwards who it was.
    """

    person = models.CharField(max_length=64, help_text="Keyed hash of the id.")
    sealed_ids = models.BinaryField()
    calls = models.BigIntegerField(default=0, help_text="Calls changed so far.")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "erasures"
        indexes = [models.Index(fields=["organization", "-created_at"], name="erasure_org_created")]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "person"],
                condition=models.Q(finished_at=None),
                name="erasure_one_at_a_time",
            )
        ]
