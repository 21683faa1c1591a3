import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from core.rls import open_table, tenant_table

TENANT_TABLES = (
    "rule_settings",
    "budgets",
    "budget_states",
    "insights",
    "insight_changes",
    "insight_comments",
)
# Money and tokens are unconstrained, as everywhere.
NUMERIC = {
    "budgets": ("limit",),
    "budget_states": ("spent", "forecast", "forecast_low", "forecast_high"),
    "insights": ("saving_window_usd", "saving_month_usd", "saving_year_usd"),
}
UNCONSTRAINED = [
    f'alter table {table} alter "{column}" type numeric' for table, columns in NUMERIC.items() for column in columns
]
# Whatever a rule lists, a row stays one that a page can show.
BOUNDED = [
    f"alter table insights add constraint insight_{column}_bounded check (octet_length({column}::text) <= 32768)"
    for column in ("evidence", "saving_prices", "saving_parts")
]


class Migration(migrations.Migration):
    """How projects want their rules, what the rules found, what became of it, and budgets."""

    initial = True

    dependencies = [
        ("tenants", "0012_known_devices"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Budget",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("organization", "Organization"),
                            ("team", "Team"),
                            ("project", "Project"),
                            ("feature", "Feature of a project"),
                            ("user", "End user"),
                            ("key", "API key"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "team",
                    models.CharField(
                        blank=True, default="", help_text="As calls are stored: the team's slug.", max_length=100
                    ),
                ),
                ("feature", models.CharField(blank=True, default="", max_length=100)),
                (
                    "user_id",
                    models.CharField(
                        blank=True, default="", help_text="The end user, as calls are stored.", max_length=255
                    ),
                ),
                (
                    "metric",
                    models.CharField(
                        choices=[("cost_usd", "Cost (USD)"), ("tokens", "Tokens")], default="cost_usd", max_length=10
                    ),
                ),
                (
                    "period",
                    models.CharField(
                        choices=[("hour", "Hour"), ("day", "Day"), ("week", "Week"), ("month", "Month")], max_length=10
                    ),
                ),
                (
                    "limit",
                    models.DecimalField(
                        decimal_places=30, max_digits=60, validators=[django.core.validators.MinValueValidator(0)]
                    ),
                ),
                (
                    "thresholds",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveSmallIntegerField(
                            validators=[
                                django.core.validators.MinValueValidator(1),
                                django.core.validators.MaxValueValidator(1000),
                            ]
                        ),
                        help_text="Percent of the limit.",
                    ),
                ),
                ("is_active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "api_key",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.apikey",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.project",
                    ),
                ),
            ],
            options={
                "db_table": "budgets",
            },
        ),
        migrations.CreateModel(
            name="BudgetState",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField(help_text="excluded")),
                ("spent", models.DecimalField(decimal_places=30, default=0, max_digits=60)),
                ("unpriced_calls", models.BigIntegerField(default=0)),
                ("estimated_calls", models.BigIntegerField(default=0)),
                (
                    "fired",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveSmallIntegerField(), default=list
                    ),
                ),
                ("forecast", models.DecimalField(decimal_places=30, max_digits=60, null=True)),
                ("forecast_low", models.DecimalField(decimal_places=30, max_digits=60, null=True)),
                ("forecast_high", models.DecimalField(decimal_places=30, max_digits=60, null=True)),
                ("computed_at", models.DateTimeField()),
                (
                    "budget",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="states", to="rules.budget"
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
                    ),
                ),
            ],
            options={
                "db_table": "budget_states",
            },
        ),
        migrations.CreateModel(
            name="Insight",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "rule",
                    models.CharField(
                        choices=[
                            ("MODEL_MISUSE", "MODEL_MISUSE"),
                            ("MODEL_DOWNGRADE", "MODEL_DOWNGRADE"),
                            ("LONG_PROMPTS", "LONG_PROMPTS"),
                            ("CACHE_WASTE", "CACHE_WASTE"),
                            ("SPIKE", "SPIKE"),
                            ("RAM_OVER_PROVISION", "RAM_OVER_PROVISION"),
                            ("PROMPT_CACHE_OPPORTUNITY", "PROMPT_CACHE_OPPORTUNITY"),
                            ("ERROR_BURST", "ERROR_BURST"),
                            ("LATENCY_REGRESSION", "LATENCY_REGRESSION"),
                            ("UNPRICED_MODEL", "UNPRICED_MODEL"),
                            ("BUDGET_THRESHOLD", "BUDGET_THRESHOLD"),
                            ("BUDGET_FORECAST", "BUDGET_FORECAST"),
                        ],
                        max_length=40,
                    ),
                ),
                (
                    "fingerprint",
                    models.CharField(help_text="SHA-256 of rule, project and what it is one per.", max_length=64),
                ),
                ("subject", models.JSONField(default=dict, help_text="The columns there is one insight per.")),
                ("team", models.TextField(default="")),
                ("feature", models.TextField(default="")),
                ("provider", models.TextField(default="")),
                ("model", models.TextField(default="")),
                ("resource", models.TextField(default="")),
                (
                    "severity",
                    models.CharField(choices=[("low", "Low"), ("medium", "Medium"), ("high", "High")], max_length=10),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("acknowledged", "Acknowledged"),
                            ("muted", "Muted"),
                            ("resolved", "Resolved"),
                        ],
                        default="open",
                        max_length=12,
                    ),
                ),
                ("muted_until", models.DateTimeField(null=True)),
                ("is_firing", models.BooleanField(default=True)),
                ("first_seen_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_seen_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "opened_at",
                    models.DateTimeField(default=django.utils.timezone.now, help_text="The last time it was opened."),
                ),
                ("resolved_at", models.DateTimeField(null=True)),
                ("times_reopened", models.IntegerField(default=0)),
                ("evidence", models.JSONField(help_text="rules.engine.insights.evidence_json")),
                ("window_days", models.IntegerField(default=1)),
                ("saving_window_usd", models.DecimalField(decimal_places=30, max_digits=60, null=True)),
                ("saving_month_usd", models.DecimalField(decimal_places=30, max_digits=60, null=True)),
                ("saving_year_usd", models.DecimalField(decimal_places=30, max_digits=60, null=True)),
                ("saving_is_upper_bound", models.BooleanField(default=False)),
                ("saving_note", models.CharField(default="", max_length=60)),
                ("saving_prices", models.JSONField(default=list, help_text="The model's price and the alternative's.")),
                ("saving_parts", models.JSONField(default=list, help_text="Where a month's saving is made.")),
                (
                    "assignee",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "budget",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="insights",
                        to="rules.budget",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.project"
                    ),
                ),
            ],
            options={
                "db_table": "insights",
            },
        ),
        migrations.CreateModel(
            name="InsightChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        help_text="opened, reopened, resolved, severity, acknowledged, muted, unmuted, assigned or commented",
                        max_length=20,
                    ),
                ),
                (
                    "actor_kind",
                    models.CharField(
                        choices=[("user", "Person"), ("key", "API key"), ("system", "TokenOps")],
                        default="system",
                        max_length=10,
                    ),
                ),
                ("key_name", models.CharField(default="", max_length=100)),
                ("facts", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "actor",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "insight",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="changes", to="rules.insight"
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
                    ),
                ),
            ],
            options={
                "db_table": "insight_changes",
            },
        ),
        migrations.CreateModel(
            name="InsightComment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "key_name",
                    models.CharField(default="", help_text="The API key, where it was none of people.", max_length=100),
                ),
                ("text", models.TextField(max_length=2000)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "insight",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="comments", to="rules.insight"
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
                    ),
                ),
            ],
            options={
                "db_table": "insight_comments",
            },
        ),
        migrations.CreateModel(
            name="RuleEvaluation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("organization_id", models.BigIntegerField()),
                ("project_id", models.BigIntegerField(help_text="0: the organization's budgets")),
                ("evaluated_at", models.DateTimeField(help_text="When the rules of every minute ran.", null=True)),
                (
                    "evaluated_until",
                    models.DateTimeField(help_text="Calls that came before are in what was found.", null=True),
                ),
                ("fully_evaluated_at", models.DateTimeField(help_text="When the rules of every hour ran.", null=True)),
                ("due_at", models.DateTimeField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "rule_evaluations",
                "indexes": [models.Index(fields=["due_at"], name="rule_evaluation_due")],
                "constraints": [
                    models.UniqueConstraint(fields=("organization_id", "project_id"), name="rule_evaluation_uniq")
                ],
            },
        ),
        migrations.CreateModel(
            name="RuleSetting",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "rule",
                    models.CharField(
                        choices=[
                            ("MODEL_MISUSE", "MODEL_MISUSE"),
                            ("MODEL_DOWNGRADE", "MODEL_DOWNGRADE"),
                            ("LONG_PROMPTS", "LONG_PROMPTS"),
                            ("CACHE_WASTE", "CACHE_WASTE"),
                            ("SPIKE", "SPIKE"),
                            ("RAM_OVER_PROVISION", "RAM_OVER_PROVISION"),
                            ("PROMPT_CACHE_OPPORTUNITY", "PROMPT_CACHE_OPPORTUNITY"),
                            ("ERROR_BURST", "ERROR_BURST"),
                            ("LATENCY_REGRESSION", "LATENCY_REGRESSION"),
                            ("UNPRICED_MODEL", "UNPRICED_MODEL"),
                            ("BUDGET_THRESHOLD", "BUDGET_THRESHOLD"),
                            ("BUDGET_FORECAST", "BUDGET_FORECAST"),
                        ],
                        max_length=40,
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                ("thresholds", models.JSONField(blank=True, default=dict)),
                (
                    "severity",
                    models.CharField(
                        blank=True,
                        choices=[("low", "Low"), ("medium", "Medium"), ("high", "High")],
                        default="",
                        help_text="'': the rule's",
                        max_length=10,
                    ),
                ),
                ("muted_features", models.JSONField(blank=True, default=list)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.project"
                    ),
                ),
            ],
            options={
                "db_table": "rule_settings",
            },
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.UniqueConstraint(fields=("organization", "name"), name="budget_org_name_uniq"),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(condition=models.Q(("limit__gt", 0)), name="budget_limit_positive"),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("api_key", None),
                        ("feature", ""),
                        ("project", None),
                        ("scope", "organization"),
                        ("team", ""),
                        ("user_id", ""),
                    ),
                    models.Q(
                        ("api_key", None),
                        ("feature", ""),
                        ("project", None),
                        ("scope", "team"),
                        ("user_id", ""),
                        models.Q(("team", ""), _negated=True),
                    ),
                    models.Q(
                        ("api_key", None),
                        ("feature", ""),
                        ("project__isnull", False),
                        ("scope", "project"),
                        ("team", ""),
                        ("user_id", ""),
                    ),
                    models.Q(
                        ("api_key", None),
                        ("project__isnull", False),
                        ("scope", "feature"),
                        ("team", ""),
                        ("user_id", ""),
                        models.Q(("feature", ""), _negated=True),
                    ),
                    models.Q(
                        ("api_key", None),
                        ("feature", ""),
                        ("project", None),
                        ("scope", "user"),
                        ("team", ""),
                        models.Q(("user_id", ""), _negated=True),
                    ),
                    models.Q(
                        ("api_key__isnull", False),
                        ("feature", ""),
                        ("scope", "key"),
                        ("team", ""),
                        ("user_id", ""),
                    ),
                    _connector="OR",
                ),
                name="budget_names_its_scope",
            ),
        ),
        migrations.AddConstraint(
            model_name="budgetstate",
            constraint=models.UniqueConstraint(fields=("budget", "since"), name="budget_state_period_uniq"),
        ),
        migrations.AddIndex(
            model_name="insight",
            index=models.Index(fields=["organization", "status", "-last_seen_at"], name="insight_org_status"),
        ),
        migrations.AddIndex(
            model_name="insight",
            index=models.Index(fields=["project", "rule"], name="insight_project_rule"),
        ),
        migrations.AddConstraint(
            model_name="insight",
            constraint=models.UniqueConstraint(
                fields=("organization", "fingerprint"), name="insight_org_fingerprint_uniq"
            ),
        ),
        migrations.AddConstraint(
            model_name="insight",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("resolved_at__isnull", False), ("status", "resolved")),
                    models.Q(models.Q(("status", "resolved"), _negated=True), ("resolved_at__isnull", True)),
                    _connector="OR",
                ),
                name="insight_resolved_has_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="insight",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "muted"), _negated=True), ("muted_until__isnull", False), _connector="OR"
                ),
                name="insight_muted_has_an_end",
            ),
        ),
        migrations.AddIndex(
            model_name="insightchange",
            index=models.Index(fields=["insight", "created_at"], name="insight_change_time"),
        ),
        migrations.AddIndex(
            model_name="insightcomment",
            index=models.Index(fields=["insight", "created_at"], name="insight_comment_time"),
        ),
        migrations.AddConstraint(
            model_name="rulesetting",
            constraint=models.UniqueConstraint(fields=("project", "rule"), name="rule_setting_project_rule_uniq"),
        ),
        migrations.RunSQL([*UNCONSTRAINED, *BOUNDED], migrations.RunSQL.noop),
        *[tenant_table(table) for table in TENANT_TABLES],
        open_table("rule_evaluations"),
    ]
