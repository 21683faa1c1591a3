import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from core.rls import tenant_table


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0001_initial"),
        ("tenants", "0018_event_routing"),
    ]

    operations = [
        migrations.AlterField(
            model_name="delivery",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("news", "Alert"),
                    ("recovery", "Recovery"),
                    ("reminder", "Reminder"),
                    ("escalation", "Escalation"),
                    ("acknowledgement", "Acknowledgement"),
                    ("digest", "Digest"),
                    ("test", "Test"),
                    ("report", "Report"),
                ],
                max_length=20,
            ),
        ),
        migrations.CreateModel(
            name="Bulletin",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=200)),
                ("sentences", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list)),
                ("figures", models.JSONField(default=list, help_text="label, value and note of each, ready to read.")),
                ("text", models.TextField(default="")),
                ("link", models.CharField(default="", help_text="The path of the page about it.", max_length=300)),
                (
                    "project_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, help_text="Those it tells of."
                    ),
                ),
                ("file_name", models.CharField(default="", max_length=100)),
                ("file_type", models.CharField(default="", max_length=100)),
                ("file", models.BinaryField(null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
                    ),
                ),
            ],
            options={
                "db_table": "alert_bulletins",
            },
        ),
        migrations.AddField(
            model_name="delivery",
            name="bulletin",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="deliveries", to="alerts.bulletin"
            ),
        ),
        tenant_table("alert_bulletins"),
    ]
