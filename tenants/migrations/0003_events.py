import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from core.rls import tenant_table


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0002_roles"),
    ]

    operations = [
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(help_text="noun.verb, for example catalogue.changed", max_length=50)),
                ("team", models.CharField(default="", max_length=100)),
                (
                    "severity",
                    models.CharField(choices=[("low", "Low"), ("medium", "Medium"), ("high", "High")], max_length=10),
                ),
                ("subject_kind", models.CharField(max_length=50)),
                ("subject_id", models.CharField(max_length=64)),
                ("dedup_key", models.CharField(max_length=200)),
                (
                    "facts",
                    models.JSONField(default=dict, help_text="Numbers and names for the message, without secrets."),
                ),
                ("link", models.CharField(default="", help_text="Path of the page about it.", max_length=500)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("acknowledged_at", models.DateTimeField(null=True)),
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
                "db_table": "events",
                "indexes": [models.Index(fields=["organization", "-created_at"], name="event_org_created")],
            },
        ),
        tenant_table("events"),
    ]
