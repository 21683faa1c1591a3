import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from core.rls import open_table, tenant_table


class Migration(migrations.Migration):
    """Upstreams and their credentials, read by the edge; what passed, counted by it."""

    initial = True

    dependencies = [
        ("tenants", "0018_event_routing"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="GatewaySpoolSegment",
            fields=[
                ("name", models.TextField(primary_key=True, serialize=False)),
                ("drained_to", models.BigIntegerField(help_text="Bytes from the start of the file.")),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "db_table": "gateway_spool_segments",
            },
        ),
        migrations.CreateModel(
            name="GatewaySettings",
            fields=[
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="tenants.organization",
                    ),
                ),
                (
                    "offline_minutes",
                    models.PositiveSmallIntegerField(
                        db_default=60,
                        default=60,
                        help_text="How long a key that was seen valid goes on working while the database cannot be asked.",
                        validators=[django.core.validators.MaxValueValidator(1440)],
                    ),
                ),
            ],
            options={
                "db_table": "gateway_settings",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("offline_minutes__lte", 1440)), name="gateway_offline_bounds"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="GatewayProvider",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "slug",
                    models.CharField(
                        help_text="In the path: /v1/proxy/<slug>/…",
                        max_length=50,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[a-z0-9]+(-[a-z0-9]+)*\\Z", "Use lower-case letters, digits and single hyphens."
                            )
                        ],
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                (
                    "preset",
                    models.CharField(
                        help_text="The built-in row it takes its dialect and defaults from.", max_length=50
                    ),
                ),
                ("origin", models.CharField(help_text="https://host, without a path.", max_length=300)),
                ("base_path", models.CharField(blank=True, default="", max_length=200)),
                (
                    "auth",
                    models.CharField(
                        choices=[
                            ("bearer", "Authorization: Bearer"),
                            ("header", "A header"),
                            ("query", "A query parameter"),
                            ("none", "None"),
                        ],
                        max_length=10,
                    ),
                ),
                ("auth_name", models.CharField(blank=True, default="", max_length=100)),
                ("inject_include_usage", models.BooleanField(default=False)),
                (
                    "first_byte_seconds",
                    models.PositiveIntegerField(
                        default=600,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(3600),
                        ],
                    ),
                ),
                (
                    "idle_seconds",
                    models.PositiveIntegerField(
                        default=300,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(3600),
                        ],
                    ),
                ),
                (
                    "total_seconds",
                    models.PositiveIntegerField(
                        default=3600,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(86400),
                        ],
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
                "db_table": "gateway_providers",
                "constraints": [
                    models.UniqueConstraint(fields=("organization", "slug"), name="gateway_provider_org_slug_uniq")
                ],
            },
        ),
        migrations.CreateModel(
            name="GatewayTraffic",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organization",
                        "hour",
                        "project_id",
                        "provider",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("hour", models.DateTimeField(help_text="Its start in the organization's time zone, as an instant.")),
                ("project_id", models.BigIntegerField(help_text="0 when no project could be decided.")),
                ("provider", models.TextField(help_text="Slug.")),
                ("requests", models.BigIntegerField(default=0)),
                ("calls", models.BigIntegerField(default=0)),
                ("written", models.BigIntegerField(default=0)),
                ("client_errors", models.BigIntegerField(default=0, help_text="4xx other than 429.")),
                ("throttled", models.BigIntegerField(default=0, help_text="429.")),
                ("server_errors", models.BigIntegerField(default=0, help_text="5xx.")),
                ("unreachable", models.BigIntegerField(default=0)),
                ("timeouts", models.BigIntegerField(default=0)),
                ("broken", models.BigIntegerField(default=0)),
                ("client_left", models.BigIntegerField(default=0)),
                ("interrupted", models.BigIntegerField(default=0)),
                ("added_us", models.BigIntegerField(default=0, help_text="Microseconds added, summed up.")),
                ("within_1_ms", models.BigIntegerField(default=0)),
                ("within_5_ms", models.BigIntegerField(default=0)),
                ("within_25_ms", models.BigIntegerField(default=0)),
                ("within_100_ms", models.BigIntegerField(default=0)),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "db_table": "gateway_traffic_hourly",
                "indexes": [models.Index(fields=["hour"], name="gateway_traffic_age")],
            },
        ),
        migrations.CreateModel(
            name="ProviderCredential",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "provider",
                    models.CharField(
                        help_text="Slug of a built-in provider or of the organization's own.", max_length=50
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("sealed", models.BinaryField(help_text="Encrypted; opened by the edge and by the test on saving.")),
                ("hint", models.CharField(default="", help_text="Its last four characters.", max_length=4)),
                ("is_default", models.BooleanField(help_text="Taken where a call names none.")),
                (
                    "check_result",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "Not tried"),
                            ("accepted", "Accepted by the provider"),
                            ("refused", "Refused by the provider"),
                            ("unreachable", "The provider could not be asked"),
                        ],
                        default="",
                        max_length=12,
                    ),
                ),
                ("checked_at", models.DateTimeField(null=True)),
                ("replaced_at", models.DateTimeField(help_text="When its secret was last replaced.", null=True)),
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
                (
                    "project",
                    models.ForeignKey(
                        blank=True,
                        help_text="Only for calls of this project, before those of the whole organization.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.project",
                    ),
                ),
            ],
            options={
                "db_table": "provider_credentials",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "provider", "name"), name="credential_org_name_uniq"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True), ("project", None)),
                        fields=("organization", "provider"),
                        name="credential_org_one_default",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("project", "provider"),
                        name="credential_project_one_default",
                    ),
                ],
            },
        ),
        tenant_table("gateway_settings", edge="select"),
        tenant_table("gateway_providers", edge="select"),
        tenant_table("provider_credentials", edge="select"),
        tenant_table("gateway_traffic_hourly", app="select, delete", edge="select, insert, update"),
        open_table("gateway_spool_segments", app="", edge="select, insert, update, delete"),
    ]
