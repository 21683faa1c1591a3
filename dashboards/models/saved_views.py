"""Pages with filters that people gave a name."""

from typing import Final

from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel

LONGEST_NAME: Final = 100


class SavedView(OrgScopedModel):
    """A page of the organization, or of ``project``, and what it is asked for.

    With an ``owner`` it is that member's alone and goes with the membership; without one it is shared, and stays when
    whoever shared it leaves. ``query`` are the pairs of a filter (``Filter.of_pairs``), ``options`` what else the page
    is asked.
    """

    name = models.CharField(max_length=LONGEST_NAME)
    page = models.CharField(max_length=40)
    project = models.ForeignKey("tenants.Project", null=True, on_delete=models.CASCADE, related_name="+")
    query = models.JSONField(default=list)
    options = models.JSONField(default=list)
    # The database acts when a membership ends (migration 0001): whoever ends one need not know of views.
    owner = models.ForeignKey(
        "tenants.Membership", null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    shared_by = models.ForeignKey(
        "tenants.Membership", null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "saved_views"
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "project", "page", "name"],
                condition=models.Q(owner=None),
                nulls_distinct=False,
                name="saved_view_shared_name_uniq",
            ),
            models.UniqueConstraint(
                fields=["owner", "project", "page", "name"],
                condition=models.Q(owner__isnull=False),
                nulls_distinct=False,
                name="saved_view_own_name_uniq",
            ),
            models.CheckConstraint(
                condition=models.Q(owner=None) | models.Q(shared_by=None), name="saved_view_private_or_shared"
            ),
        ]

    @property
    def is_shared(self) -> bool:
        return self.owner_id is None


class DefaultView(OrgScopedModel):
    """The view a member's page opens with, when it is asked for nothing else."""

    membership = models.ForeignKey(
        "tenants.Membership", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    page = models.CharField(max_length=40)
    project = models.ForeignKey("tenants.Project", null=True, on_delete=models.CASCADE, related_name="+")
    view = models.ForeignKey(SavedView, on_delete=models.CASCADE, related_name="+")

    class Meta:
        db_table = "default_views"
        constraints = [
            models.UniqueConstraint(
                fields=["membership", "page", "project"], nulls_distinct=False, name="default_view_one_a_page"
            )
        ]
