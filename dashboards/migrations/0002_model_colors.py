import django.db.models.deletion
from django.db import migrations, models

from core.rls import tenant_table


class Migration(migrations.Migration):
    """Which colour each model of an organization has in its charts."""

    dependencies = [("dashboards", "0001_saved_views"), ("tenants", "0018_event_routing")]

    operations = [
        migrations.CreateModel(
            name="ModelColor",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.TextField(blank=True)),
                ("model_key", models.TextField()),
                ("color_index", models.PositiveSmallIntegerField()),
                (
                    "pattern",
                    models.PositiveSmallIntegerField(help_text="0 is plain; others tell models of one hue apart."),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
                    ),
                ),
            ],
            options={"db_table": "model_colors"},
        ),
        migrations.AddConstraint(
            model_name="modelcolor",
            constraint=models.UniqueConstraint(
                fields=("organization", "provider", "model_key"), name="model_color_model_uniq"
            ),
        ),
        migrations.AddConstraint(
            model_name="modelcolor",
            constraint=models.CheckConstraint(
                condition=models.Q(("color_index__range", (1, 10))), name="model_color_is_a_hue"
            ),
        ),
        migrations.AddConstraint(
            model_name="modelcolor",
            constraint=models.CheckConstraint(condition=models.Q(("pattern__lt", 4)), name="model_color_is_a_pattern"),
        ),
        tenant_table("model_colors"),
    ]
