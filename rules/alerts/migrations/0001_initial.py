import datetime

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from core.rls import tenant_table


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenants", "0018_event_routing"),
    ]

    operations = [
        migrations.CreateModel(
            name="Channel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("slack", "Slack"),
                            ("email", "E-mail"),
                            ("pagerduty", "PagerDuty"),
                            ("webhook", "Webhook"),
                        ],
                        max_length=10,
                    ),
                ),
                ("config", models.JSONField(default=dict)),
                ("sealed", models.BinaryField(default=b"")),
                ("is_enabled", models.BooleanField(default=True)),
                ("disabled_reason", models.CharField(blank=True, default="", max_length=300)),
                (
                    "failures",
                    models.PositiveSmallIntegerField(default=0, help_text="Messages in a row that were given up."),
                ),
                ("last_failure", models.CharField(blank=True, default="", max_length=300)),
                ("last_failure_at", models.DateTimeField(blank=True, null=True)),
                ("last_success_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
                    ),
                ),
            ],
            options={
                "db_table": "alert_channels",
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("channel_name", models.CharField(help_text="Of a channel that is gone.", max_length=100)),
                (
                    "channel_kind",
                    models.CharField(
                        choices=[
                            ("slack", "Slack"),
                            ("email", "E-mail"),
                            ("pagerduty", "PagerDuty"),
                            ("webhook", "Webhook"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("news", "Alert"),
                            ("recovery", "Recovery"),
                            ("reminder", "Reminder"),
                            ("escalation", "Escalation"),
                            ("acknowledgement", "Acknowledgement"),
                            ("digest", "Digest"),
                            ("test", "Test"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "event_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list),
                ),
                ("events_left_out", models.PositiveIntegerField(default=0, help_text="Of a digest that was full.")),
                (
                    "project_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list),
                ),
                ("key", models.CharField(max_length=100)),
                ("message_id", models.CharField(max_length=50)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("delivered", "Delivered"),
                            ("failed", "Given up"),
                            ("cancelled", "Not needed"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                (
                    "reason",
                    models.CharField(default="", help_text="Why it was given up or is not needed.", max_length=300),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField()),
                ("leased_until", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(help_text="After this nobody tries again.")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "channel",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="deliveries",
                        to="alerts.channel",
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
                "db_table": "alert_deliveries",
            },
        ),
        migrations.CreateModel(
            name="DeliveryAttempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField()),
                ("started_at", models.DateTimeField()),
                ("duration_ms", models.PositiveIntegerField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[("delivered", "Delivered"), ("retry", "Will be tried again"), ("failed", "Refused")],
                        max_length=10,
                    ),
                ),
                (
                    "status",
                    models.PositiveSmallIntegerField(
                        help_text="HTTP or SMTP status; null where nothing answered.", null=True
                    ),
                ),
                (
                    "answer",
                    models.CharField(
                        default="", help_text="The beginning of what was said, no secrets.", max_length=1000
                    ),
                ),
                (
                    "delivery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tries", to="alerts.delivery"
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
                "db_table": "alert_delivery_attempts",
            },
        ),
        migrations.CreateModel(
            name="Route",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                ("is_enabled", models.BooleanField(default=True)),
                (
                    "min_severity",
                    models.CharField(
                        choices=[("low", "Low"), ("medium", "Medium"), ("high", "High")], default="low", max_length=10
                    ),
                ),
                (
                    "kinds",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=50), blank=True, default=list
                    ),
                ),
                (
                    "rules",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=50), blank=True, default=list
                    ),
                ),
                (
                    "teams",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100), blank=True, default=list
                    ),
                ),
                (
                    "project_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), blank=True, default=list
                    ),
                ),
                (
                    "pace",
                    models.CharField(
                        choices=[
                            ("instant", "At once"),
                            ("hourly", "Every hour, together"),
                            ("daily", "Every day, together"),
                        ],
                        default="instant",
                        max_length=10,
                    ),
                ),
                (
                    "digest_at",
                    models.TimeField(
                        default=datetime.time(9, 0), help_text="Of a daily digest, on the organization's clock."
                    ),
                ),
                ("quiet_from", models.TimeField(blank=True, null=True)),
                ("quiet_until", models.TimeField(blank=True, null=True)),
                ("renotify_hours", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("tells_recovery", models.BooleanField(default=True)),
                ("escalate_after_minutes", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "channel",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="routes", to="alerts.channel"
                    ),
                ),
                (
                    "escalate_to",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="alerts.channel",
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
                "db_table": "alert_routes",
            },
        ),
        migrations.AddField(
            model_name="delivery",
            name="route",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="alerts.route"
            ),
        ),
        migrations.AddConstraint(
            model_name="channel",
            constraint=models.UniqueConstraint(fields=("organization", "name"), name="alert_channel_org_name_uniq"),
        ),
        migrations.AddConstraint(
            model_name="route",
            constraint=models.UniqueConstraint(fields=("organization", "name"), name="alert_route_org_name_uniq"),
        ),
        migrations.AddConstraint(
            model_name="route",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("quiet_from", None), ("quiet_until", None)),
                    models.Q(("quiet_from__isnull", False), ("quiet_until__isnull", False)),
                    _connector="OR",
                ),
                name="alert_route_quiet_both",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["organization", "-created_at"], name="alert_delivery_org_created"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(fields=("organization", "key"), name="alert_delivery_once"),
        ),
        tenant_table("alert_channels"),
        tenant_table("alert_routes"),
        tenant_table("alert_deliveries"),
        tenant_table("alert_delivery_attempts"),
    ]
