import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from core.rls import tenant_table


class Migration(migrations.Migration):
    """Environments that projects expect, and the one of calls that name none."""

    dependencies = [("tenants", "0015_display_currency")]

    operations = [
        migrations.AddField(
            "project",
            "default_environment",
            models.CharField(
                max_length=100,
                default="default",
                db_default="default",
                help_text="The environment of calls that name none.",
            ),
        ),
        migrations.CreateModel(
            name="Environment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                ("note", models.CharField(blank=True, default="", max_length=200)),
                ("is_production", models.BooleanField(default=False, help_text="Calls of real users.")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="environments", to="tenants.project"
                    ),
                ),
            ],
            options={
                "db_table": "environments",
                "constraints": [
                    models.UniqueConstraint(fields=("project", "name"), name="environment_project_name_uniq")
                ],
            },
        ),
        tenant_table("environments"),
    ]
