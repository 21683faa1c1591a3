import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from core.rls import tenant_table


class Migration(migrations.Migration):
    """Where the giving of stored calls to a team goes on from."""

    dependencies = [
        ("tenants", "0016_environments"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="TeamMove",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "names",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=300), size=None),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "time_zone",
                    models.CharField(default="", help_text="Whose days the dates below are.", max_length=64),
                ),
                ("first_date", models.DateField(null=True)),
                ("next_date", models.DateField(null=True)),
                ("after_project_id", models.BigIntegerField(default=0)),
                ("end_date", models.DateField(null=True)),
                ("calls", models.BigIntegerField(default=0, help_text="Calls moved so far.")),
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
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="moves", to="tenants.team"
                    ),
                ),
            ],
            options={"db_table": "team_moves"},
        ),
        tenant_table("team_moves"),
    ]
