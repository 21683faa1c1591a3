from django.db import migrations, models


class Migration(migrations.Migration):
    """Organizations may require two-step sign-in of their members."""

    dependencies = [("tenants", "0010_archived_projects")]

    operations = [
        migrations.AddField(
            "organizationsettings",
            "mfa_required",
            models.BooleanField(
                default=False,
                db_default=False,
                help_text="Members without two-step sign-in are let in when they have set it up.",
            ),
        ),
    ]
