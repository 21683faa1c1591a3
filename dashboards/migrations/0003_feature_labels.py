import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from core.rls import tenant_table


class Migration(migrations.Migration):
    """What people call features, and which of them are not one."""

    dependencies = [("dashboards", "0002_model_colors"), ("tenants", "0018_event_routing")]

    operations = [
        migrations.CreateModel(
            name="FeatureLabel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("feature", models.TextField(help_text="The wire name.")),
                ("label", models.CharField(blank=True, default="", max_length=100)),
                (
                    "group",
                    models.CharField(
                        blank=True, default="", help_text="Features of one group are one row.", max_length=100
                    ),
                ),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
                    ),
                ),
            ],
            options={
                "db_table": "feature_labels",
                "constraints": [
                    models.UniqueConstraint(fields=("organization", "feature"), name="feature_label_org_feature_uniq"),
                    models.CheckConstraint(
                        condition=models.Q(("group", ""), ("label", ""), _negated=True),
                        name="feature_label_says_something",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="FeaturesApart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("feature", models.TextField()),
                ("other", models.TextField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
                    ),
                ),
            ],
            options={
                "db_table": "features_apart",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "feature", "other"), name="features_apart_org_pair_uniq"
                    ),
                ],
            },
        ),
        tenant_table("feature_labels"),
        tenant_table("features_apart", app="select, insert, delete"),
    ]
