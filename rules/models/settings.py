"""How a project wants its rules."""

from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel
from rules.models.choices import RULES, SEVERITIES


class RuleSetting(OrgScopedModel):
    """What a project changed about a rule; a project without a row wants it as the catalogue has it.

    ``thresholds`` holds only numbers that differ, as text, checked by ``rules.engine.thresholds.checked``.
    """

    project = models.ForeignKey("tenants.Project", on_delete=models.CASCADE, related_name="+")
    rule = models.CharField(max_length=40, choices=RULES)
    enabled = models.BooleanField(default=True)
    thresholds = models.JSONField(default=dict, blank=True)
    severity = models.CharField(max_length=10, choices=SEVERITIES, blank=True, default="", help_text="'': the rule's")
    muted_features = models.JSONField(default=list, blank=True)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "rule_settings"
        constraints = [models.UniqueConstraint(fields=["project", "rule"], name="rule_setting_project_rule_uniq")]
