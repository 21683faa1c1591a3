import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from core.rls import open_table


class Migration(migrations.Migration):
    """Where people signed in from before, so that a sign-in from elsewhere is mailed."""

    dependencies = [("tenants", "0011_mfa_policy")]

    operations = [
        migrations.CreateModel(
            "KnownDevice",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.BinaryField(help_text="Keyed digest of address and browser.")),
                ("seen_at", models.DateTimeField()),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={"db_table": "known_devices"},
        ),
        migrations.AddConstraint(
            "knowndevice", models.UniqueConstraint(fields=["user", "digest"], name="known_device_user_digest_uniq")
        ),
        open_table("known_devices"),
    ]
