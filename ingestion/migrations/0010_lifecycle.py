import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from core.rls import tenant_table

# The partitions there are get theirs at once; those made later take it over.
END_USERS = "create index calls_end_user on calls (project_id, user_id) where user_id <> ''"


class Migration(migrations.Migration):
    """The rows that long work about stored calls goes on from, and a way to one end user's calls."""

    dependencies = [
        ("ingestion", "0009_reprice_runs"),
        ("tenants", "0005_lifecycle"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("person", models.CharField(help_text="Keyed hash of the id.", max_length=64)),
                ("sealed_ids", models.BinaryField()),
                ("calls", models.BigIntegerField(default=0, help_text="Calls changed so far.")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("finished_at", models.DateTimeField(null=True)),
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
                "db_table": "erasures",
                "indexes": [models.Index(fields=["organization", "-created_at"], name="erasure_org_created")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("finished_at", None)),
                        fields=("organization", "person"),
                        name="erasure_one_at_a_time",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ZoneChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("from_zone", models.CharField(max_length=64)),
                ("to_zone", models.CharField(max_length=64)),
                ("first_date", models.DateField()),
                ("next_date", models.DateField()),
                ("end_date", models.DateField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("finished_at", models.DateTimeField(null=True)),
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
                "db_table": "zone_changes",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("finished_at", None)),
                        fields=("organization",),
                        name="zone_change_one_at_a_time",
                    )
                ],
            },
        ),
        tenant_table("erasures"),
        tenant_table("zone_changes"),
        migrations.RunSQL(END_USERS, "drop index calls_end_user"),
    ]
