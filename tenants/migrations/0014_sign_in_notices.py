import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from core.rls import open_table


class Migration(migrations.Migration):
    """Mails about sign-ins that are still to be sent."""

    dependencies = [("tenants", "0013_api_idempotency")]

    operations = [
        migrations.CreateModel(
            "SignInNotice",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "email",
                    models.EmailField(
                        help_text="Where the person could be reached when they signed in.", max_length=254
                    ),
                ),
                ("address", models.CharField(max_length=64)),
                ("user_agent", models.CharField(max_length=300)),
                ("created_at", models.DateTimeField()),
                ("claimed_at", models.DateTimeField(help_text="When somebody began to send it.", null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={"db_table": "sign_in_notices"},
        ),
        open_table("sign_in_notices"),
    ]
