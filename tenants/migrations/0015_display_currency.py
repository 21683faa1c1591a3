import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from core.rls import tenant_table


class Migration(migrations.Migration):
    """What pages show costs in, and what a dollar is worth in it from which day on."""

    dependencies = [
        ("tenants", "0014_sign_in_notices"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            "organizationsettings",
            "display_currency",
            models.CharField(
                max_length=3, default="USD", db_default="USD", help_text="ISO 4217; what pages show costs in."
            ),
        ),
        migrations.CreateModel(
            name="CurrencyRate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("currency", models.CharField(help_text="ISO 4217.", max_length=3)),
                ("valid_from", models.DateField()),
                (
                    "rate",
                    models.DecimalField(
                        decimal_places=10,
                        max_digits=20,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
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
            ],
            options={
                "db_table": "currency_rates",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "currency", "valid_from"), name="currency_rate_one_from_a_day"
                    ),
                    models.CheckConstraint(condition=models.Q(("rate__gt", 0)), name="currency_rate_positive"),
                ],
            },
        ),
        tenant_table("currency_rates"),
    ]
