"""What was evaluated up to when; ids and times only, because the sweep that reads it has no scope."""

from django.db import models


class RuleEvaluation(models.Model):
    """The cursor of one project's rules, or of an organization's budgets (``project_id`` 0).

    A worker that evaluates holds ``leased_until``; when it dies, the sweep finds the row again. ``due_at`` is when it
    must be evaluated although nothing moved, because findings end and days change by themselves.
    """

    organization_id = models.BigIntegerField()
    project_id = models.BigIntegerField(help_text="0: the organization's budgets")
    evaluated_at = models.DateTimeField(null=True, help_text="When the rules of every minute ran.")
    evaluated_until = models.DateTimeField(null=True, help_text="Calls that came before are in what was found.")
    fully_evaluated_at = models.DateTimeField(null=True, help_text="When the rules of every hour ran.")
    due_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "rule_evaluations"
        constraints = [
            models.UniqueConstraint(fields=["organization_id", "project_id"], name="rule_evaluation_uniq"),
        ]
        indexes = [models.Index(fields=["due_at"], name="rule_evaluation_due")]
