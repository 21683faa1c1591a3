import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from core.rls import tenant_table


class Migration(migrations.Migration):
    """Buckets that calls are copied to, and the copies of single hours or days."""

    dependencies = [
        ("exports", "0001_exports"),
        ("tenants", "0018_event_routing"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Destination",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                ("endpoint", models.CharField(max_length=300)),
                ("region", models.CharField(max_length=50)),
                ("bucket", models.CharField(max_length=63)),
                ("prefix", models.CharField(default="", max_length=200)),
                ("key_id", models.CharField(max_length=128)),
                ("sealed", models.BinaryField(default=b"")),
                ("is_conditional", models.BooleanField(default=True)),
                (
                    "cadence",
                    models.CharField(choices=[("hourly", "Every hour"), ("daily", "Every day")], max_length=10),
                ),
                ("is_active", models.BooleanField(default=True)),
                ("paused_reason", models.CharField(default="", max_length=300)),
                ("filled_until", models.DateTimeField()),
                ("next_at", models.DateTimeField(null=True)),
                ("failures", models.PositiveSmallIntegerField(default=0, help_text="in a row")),
                ("lease", models.UUIDField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
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
                "db_table": "export_destinations",
            },
        ),
        migrations.CreateModel(
            name="DestinationRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slot_from", models.DateTimeField()),
                ("slot_to", models.DateTimeField(help_text="excluded")),
                ("folder", models.CharField(max_length=500)),
                (
                    "state",
                    models.CharField(
                        choices=[("running", "Being copied"), ("failed", "Failed"), ("done", "Copied")],
                        default="running",
                        max_length=10,
                    ),
                ),
                ("left", models.JSONField(null=True)),
                ("cursor_started_at", models.DateTimeField(null=True)),
                ("cursor_call_id", models.TextField(default="")),
                ("parts", models.JSONField(default=list)),
                ("rows", models.BigIntegerField(default=0)),
                ("bytes", models.BigIntegerField(default=0)),
                ("manifest_key", models.CharField(default="", max_length=600)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("error", models.CharField(default="", max_length=300)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "destination",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="runs", to="exports.destination"
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
                "db_table": "export_destination_runs",
            },
        ),
        migrations.AddConstraint(
            model_name="destination",
            constraint=models.UniqueConstraint(fields=("organization", "name"), name="destination_org_name_uniq"),
        ),
        migrations.AddConstraint(
            model_name="destination",
            constraint=models.UniqueConstraint(
                fields=("organization", "endpoint", "bucket", "prefix"), name="destination_org_place_uniq"
            ),
        ),
        migrations.AddConstraint(
            model_name="destination",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("is_active", True), ("next_at__isnull", False)),
                    models.Q(("is_active", False), ("next_at__isnull", True)),
                    _connector="OR",
                ),
                name="destination_waits_while_active",
            ),
        ),
        migrations.AddConstraint(
            model_name="destinationrun",
            constraint=models.UniqueConstraint(fields=("destination", "slot_from"), name="destination_run_once_a_slot"),
        ),
        migrations.AddConstraint(
            model_name="destinationrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("slot_from__lt", models.F("slot_to"))), name="destination_run_slot"
            ),
        ),
        migrations.AddConstraint(
            model_name="destinationrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "done"), _negated=True),
                    models.Q(("manifest_key", ""), _negated=True),
                    _connector="OR",
                ),
                name="destination_run_done_has_manifest",
            ),
        ),
        tenant_table("export_destinations"),
        tenant_table("export_destination_runs"),
    ]
