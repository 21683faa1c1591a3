"""Environments that a project expects its calls to name."""

from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel
from tenants.models.organizations import Project


class Environment(OrgScopedModel):
    """A name that calls of a project may give as their environment. Others are taken as well, and marked as new."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="environments")
    name = models.CharField(max_length=100)
    note = models.CharField(max_length=200, blank=True, default="")
    is_production = models.BooleanField(default=False, help_text="Calls of real users.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "environments"
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="environment_project_name_uniq")]
