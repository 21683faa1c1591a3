import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from core.rls import tenant_table


class Migration(migrations.Migration):
    """Files that were asked for, and how far their making is."""

    initial = True

    dependencies = [
        ("tenants", "0018_event_routing"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Export",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("calls", "Calls"), ("numbers", "Numbers")], default="calls", max_length=10
                    ),
                ),
                (
                    "format",
                    models.CharField(
                        choices=[
                            ("csv", "CSV"),
                            ("json", "JSON"),
                            ("ndjson", "NDJSON"),
                            ("xlsx", "Excel (XLSX)"),
                            ("parquet", "Parquet"),
                        ],
                        max_length=10,
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("columns", django.contrib.postgres.fields.ArrayField(base_field=models.TextField())),
                ("note", models.BooleanField(default=False, help_text="the file begins with a line about itself")),
                ("project_ids", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField())),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField(help_text="excluded")),
                ("as_of", models.DateTimeField(help_text="calls received later are not in it")),
                ("narrowed_by", models.JSONField(default=list)),
                ("filters", models.JSONField(default=dict)),
                ("question", models.JSONField(default=dict, help_text="of numbers: what the explorer was asked")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Waiting"),
                            ("running", "Being made"),
                            ("done", "Ready"),
                            ("cancelled", "Cancelled"),
                            ("failed", "Failed"),
                            ("expired", "Expired"),
                        ],
                        default="queued",
                        max_length=10,
                    ),
                ),
                ("counted_until", models.DateTimeField(null=True)),
                ("is_counted", models.BooleanField(default=False)),
                ("rows_counted", models.BigIntegerField(default=0)),
                ("rows", models.BigIntegerField(default=0)),
                ("bytes", models.BigIntegerField(default=0)),
                ("cursor_project_id", models.BigIntegerField(null=True)),
                ("cursor_started_at", models.DateTimeField(null=True)),
                ("cursor_call_id", models.TextField(default="")),
                ("writer_state", models.JSONField(help_text="null: not begun", null=True)),
                ("lease", models.UUIDField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
                ("failures", models.SmallIntegerField(default=0, help_text="in a row")),
                ("error", models.TextField(default="", help_text="why it failed, or why the file is gone early")),
                ("key_id", models.BigIntegerField(help_text="the API key that asked for it", null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("finished_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(help_text="when the file is deleted", null=True)),
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
            ],
            options={
                "db_table": "exports",
                "indexes": [models.Index(fields=["organization", "-created_at"], name="export_org_created")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("since__lt", models.F("until"))), name="export_period")
                ],
            },
        ),
        tenant_table("exports"),
    ]
