from django.db import migrations, models


class Migration(migrations.Migration):
    """Projects that take no telemetry and stay readable."""

    dependencies = [
        ("tenants", "0009_teams"),
    ]

    operations = [
        migrations.AddField(
            model_name="project",
            name="archived_at",
            field=models.DateTimeField(
                blank=True, help_text="Since when it takes no telemetry and is out of navigation.", null=True
            ),
        ),
    ]
