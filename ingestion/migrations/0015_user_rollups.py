from django.db import migrations, models

from core.rls import tenant_table

# The key begins with the organization, as those of the other daily tables do. Half-filled pages as rollups have them:
# most writes are updates of rows that the day has already.
USERS = """
create table user_rollups_daily (
    organization_id bigint not null,
    project_id bigint not null,
    bucket_date date not null,
    user_id text collate "C" not null,
    provider text not null,
    model_key text not null,
    calls bigint not null,
    errors bigint not null,
    unpriced_calls bigint not null,
    estimated_calls bigint not null,
    input_tokens bigint not null,
    cached_input_tokens bigint not null,
    output_tokens bigint not null,
    reasoning_tokens bigint not null,
    cost_usd numeric not null,
    primary key (organization_id, project_id, bucket_date, user_id, provider, model_key)
) with (fillfactor = 50)"""


class Migration(migrations.Migration):
    """What end users' calls add up to, by day and model."""

    dependencies = [("ingestion", "0014_reattribution"), ("tenants", "0002_roles")]

    operations = [
        migrations.RunSQL(USERS, "drop table user_rollups_daily"),
        tenant_table("user_rollups_daily", edge="select, insert, update"),
        migrations.CreateModel(
            name="UserRollup",
            fields=[
                ("bucket_date", models.DateField(help_text="Local date in the organization's time zone.")),
                ("provider", models.TextField()),
                ("model_key", models.TextField()),
                ("calls", models.BigIntegerField()),
                ("unpriced_calls", models.BigIntegerField()),
                ("cost_usd", models.DecimalField(decimal_places=30, max_digits=60)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organization",
                        "project",
                        "bucket_date",
                        "user_id",
                        "provider",
                        "model_key",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("user_id", models.TextField()),
                ("errors", models.BigIntegerField()),
                ("estimated_calls", models.BigIntegerField()),
                ("input_tokens", models.BigIntegerField()),
                ("cached_input_tokens", models.BigIntegerField()),
                ("output_tokens", models.BigIntegerField()),
                ("reasoning_tokens", models.BigIntegerField()),
            ],
            options={"db_table": "user_rollups_daily", "managed": False},
        ),
    ]
