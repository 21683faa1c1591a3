"""Spending ceilings, and how far each period's spend has come."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel
from rules.models.choices import usd


class Budget(OrgScopedModel):
    """A ceiling for what a scope spends in a period. Budgets that overlap know nothing of each other."""

    class Scope(models.TextChoices):
        ORGANIZATION = "organization", "Organization"
        TEAM = "team", "Team"
        PROJECT = "project", "Project"
        FEATURE = "feature", "Feature of a project"
        USER = "user", "End user"
        KEY = "key", "API key"

    class Metric(models.TextChoices):
        COST_USD = "cost_usd", "Cost (USD)"
        TOKENS = "tokens", "Tokens"

    class Period(models.TextChoices):
        HOUR = "hour", "Hour"
        DAY = "day", "Day"
        WEEK = "week", "Week"
        MONTH = "month", "Month"

    name = models.CharField(max_length=100)
    scope = models.CharField(max_length=12, choices=Scope)
    project = models.ForeignKey("tenants.Project", null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    team = models.CharField(max_length=100, blank=True, default="", help_text="As calls are stored: the team's slug.")
    feature = models.CharField(max_length=100, blank=True, default="")
    user_id = models.CharField(max_length=255, blank=True, default="", help_text="The end user, as calls are stored.")
    api_key = models.ForeignKey("tenants.ApiKey", null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    metric = models.CharField(max_length=10, choices=Metric, default=Metric.COST_USD)
    period = models.CharField(max_length=10, choices=Period)
    limit = usd(validators=[MinValueValidator(0)])
    thresholds = ArrayField(
        models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(1_000)]),
        help_text="Percent of the limit.",
    )
    is_active = models.BooleanField(default=True)
    created_by = models.ForeignKey("tenants.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "budgets"
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="budget_org_name_uniq"),
            models.CheckConstraint(condition=models.Q(limit__gt=0), name="budget_limit_positive"),
            models.CheckConstraint(
                condition=models.Q(scope="organization", project=None, api_key=None, team="", feature="", user_id="")
                | (models.Q(scope="team", project=None, api_key=None, feature="", user_id="") & ~models.Q(team=""))
                | models.Q(scope="project", project__isnull=False, api_key=None, team="", feature="", user_id="")
                | (
                    models.Q(scope="feature", project__isnull=False, api_key=None, team="", user_id="")
                    & ~models.Q(feature="")
                )
                | (models.Q(scope="user", project=None, api_key=None, team="", feature="") & ~models.Q(user_id=""))
                # A key's budget is of the key's project, where it has one, and goes with it.
                | models.Q(scope="key", api_key__isnull=False, team="", feature="", user_id=""),
                name="budget_names_its_scope",
            ),
        ]


class BudgetState(OrgScopedModel):
    """A budget's spend in one of its periods. ``fired`` are the thresholds it reached; they are not taken back."""

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="states")
    since = models.DateTimeField()
    until = models.DateTimeField(help_text="excluded")
    spent = usd(default=0)
    unpriced_calls = models.BigIntegerField(default=0)
    estimated_calls = models.BigIntegerField(default=0)
    fired = ArrayField(models.PositiveSmallIntegerField(), default=list)
    forecast = usd(null=True)
    forecast_low = usd(null=True)
    forecast_high = usd(null=True)
    computed_at = models.DateTimeField()

    class Meta:
        db_table = "budget_states"
        constraints = [models.UniqueConstraint(fields=["budget", "since"], name="budget_state_period_uniq")]
