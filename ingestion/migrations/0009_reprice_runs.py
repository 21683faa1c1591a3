from decimal import Decimal

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from core.rls import tenant_table


class Migration(migrations.Migration):
    """Runs that re-price stored calls. Their money is unconstrained, as everywhere."""

    dependencies = [
        ("ingestion", "0008_price_overrides"),
        ("tenants", "0003_events"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="RepriceRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "provider",
                    models.CharField(blank=True, default="", help_text="'': of every provider", max_length=100),
                ),
                (
                    "model",
                    models.CharField(
                        blank=True, default="", help_text="as sent or as priced; '': every model", max_length=255
                    ),
                ),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField(help_text="excluded")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Waiting"),
                            ("running", "Dry run"),
                            ("ready", "Ready to apply"),
                            ("applying", "Applying"),
                            ("applied", "Applied"),
                            ("cancelled", "Cancelled"),
                            ("failed", "Failed"),
                        ],
                        default="queued",
                        max_length=10,
                    ),
                ),
                ("cursor_project_id", models.BigIntegerField(null=True)),
                ("cursor_started_at", models.DateTimeField(null=True)),
                ("cursor_call_id", models.TextField(default="")),
                ("open_date", models.DateField(null=True)),
                ("calls_seen", models.BigIntegerField(default=0)),
                ("calls_changed", models.BigIntegerField(default=0)),
                ("newly_priced", models.BigIntegerField(default=0)),
                ("newly_unpriced", models.BigIntegerField(default=0)),
                (
                    "calls_skipped",
                    models.BigIntegerField(default=0, help_text="would change, but the sums of their day cannot"),
                ),
                ("old_cost_usd", models.DecimalField(decimal_places=30, default=Decimal(0), max_digits=60)),
                ("new_cost_usd", models.DecimalField(decimal_places=30, default=Decimal(0), max_digits=60)),
                ("differences", models.JSONField(default=dict, help_text="by model, by feature, and some calls")),
                (
                    "preview",
                    models.JSONField(default=dict, help_text="what the dry run had said, once the run is applied"),
                ),
                ("failures", models.SmallIntegerField(default=0, help_text="in a row")),
                ("error", models.TextField(default="")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("finished_at", models.DateTimeField(help_text="of the dry run, then of the whole run", null=True)),
                (
                    "applied_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.project"
                    ),
                ),
            ],
            options={
                "db_table": "reprice_runs",
                "indexes": [models.Index(fields=["organization", "-created_at"], name="reprice_run_org_created")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("since__lt", models.F("until"))), name="reprice_run_period"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "applying")),
                        fields=("organization",),
                        name="reprice_run_one_applying",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            "alter table reprice_runs alter old_cost_usd type numeric, alter new_cost_usd type numeric",
            migrations.RunSQL.noop,
        ),
        tenant_table("reprice_runs"),
    ]
