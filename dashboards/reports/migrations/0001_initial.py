import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from core.rls import tenant_table


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("alerts", "0002_bulletins"),
        ("tenants", "0018_event_routing"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Schedule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                ("span", models.CharField(max_length=20)),
                ("sections", django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20))),
                (
                    "cadence",
                    models.CharField(
                        choices=[("daily", "Every day"), ("weekly", "Every week"), ("monthly", "Every month")],
                        max_length=10,
                    ),
                ),
                ("at", models.TimeField()),
                ("weekday", models.PositiveSmallIntegerField(default=0, help_text="From Monday, 0; of a weekly one.")),
                (
                    "month_day",
                    models.PositiveSmallIntegerField(default=1, help_text="1 to 31; a shorter month's last day."),
                ),
                ("attaches_pdf", models.BooleanField(default=True)),
                ("is_active", models.BooleanField(default=True)),
                ("paused_reason", models.CharField(default="", max_length=200)),
                ("next_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "api_key",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="tenants.apikey"
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
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.project"
                    ),
                ),
                (
                    "runs_as",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "report_schedules",
            },
        ),
        migrations.CreateModel(
            name="Report",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slot_at", models.DateTimeField(null=True)),
                (
                    "is_sent",
                    models.BooleanField(default=False, help_text="Whether it goes to the schedule's channels."),
                ),
                ("span", models.CharField(max_length=20)),
                ("first_day", models.DateField()),
                ("last_day", models.DateField()),
                ("sections", django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20))),
                (
                    "state",
                    models.CharField(
                        choices=[("queued", "Being made"), ("ready", "Ready"), ("failed", "Failed")],
                        default="queued",
                        max_length=10,
                    ),
                ),
                ("error", models.CharField(default="", max_length=300)),
                ("failures", models.PositiveSmallIntegerField(default=0)),
                ("numbers", models.JSONField(null=True)),
                (
                    "left_out",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list),
                ),
                ("pdf", models.BinaryField(null=True)),
                ("pdf_bytes", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("made_at", models.DateTimeField(null=True)),
                (
                    "api_key",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="tenants.apikey"
                    ),
                ),
                (
                    "bulletin",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="alerts.bulletin"
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
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.project"
                    ),
                ),
                (
                    "runs_as",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="reports",
                        to="reports.schedule",
                    ),
                ),
            ],
            options={
                "db_table": "reports",
            },
        ),
        migrations.CreateModel(
            name="ScheduleChannel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "channel",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="alerts.channel"
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
                    ),
                ),
                (
                    "schedule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="recipients", to="reports.schedule"
                    ),
                ),
            ],
            options={
                "db_table": "report_schedule_channels",
            },
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.UniqueConstraint(fields=("organization", "name"), name="report_schedule_org_name_uniq"),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.CheckConstraint(
                condition=models.Q(("month_day__gte", 1), ("month_day__lte", 31), ("weekday__lte", 6)),
                name="report_schedule_day_exists",
            ),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("is_active", True), ("next_at__isnull", False)),
                    models.Q(("is_active", False), ("next_at__isnull", True)),
                    _connector="OR",
                ),
                name="report_schedule_waits_while_active",
            ),
        ),
        migrations.AddIndex(
            model_name="report",
            index=models.Index(fields=["organization", "-created_at"], name="report_org_created"),
        ),
        migrations.AddConstraint(
            model_name="report",
            constraint=models.UniqueConstraint(fields=("schedule", "slot_at"), name="report_once_a_slot"),
        ),
        migrations.AddConstraint(
            model_name="report",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "ready"), _negated=True),
                    models.Q(("made_at__isnull", False), ("numbers__isnull", False)),
                    _connector="OR",
                ),
                name="report_ready_has_numbers",
            ),
        ),
        migrations.AddConstraint(
            model_name="schedulechannel",
            constraint=models.UniqueConstraint(fields=("schedule", "channel"), name="report_schedule_channel_once"),
        ),
        tenant_table("report_schedules"),
        tenant_table("report_schedule_channels"),
        tenant_table("reports"),
    ]
