from django.db import migrations, models

from core.rls import tenant_table

OWNER = """
    organization_id bigint not null,
    project_id bigint not null,
    bucket_date date not null,"""
NAMES = """
    provider text not null,
    model_key text not null,
    feature text not null,
    team text not null,"""

# The key begins with the organization, so that retention, deletion and rules need no second index: every flush pays
# for each. Half-filled pages as rollups have them, because most writes are updates of warm rows.
SIZES = f"""
create table call_sizes_daily ({OWNER}{NAMES}
    size integer not null,
    calls bigint not null,
    unpriced_calls bigint not null,
    input_tokens bigint not null,
    output_tokens bigint not null,
    cached_input_tokens bigint not null,
    cache_write_tokens bigint not null,
    cache_write_1h_tokens bigint not null,
    audio_input_tokens bigint not null,
    cached_audio_input_tokens bigint not null,
    image_input_tokens bigint not null,
    reasoning_tokens bigint not null,
    audio_output_tokens bigint not null,
    image_output_tokens bigint not null,
    cost_usd numeric not null,
    primary key (organization_id, project_id, bucket_date, provider, model_key, feature, team, size)
) with (fillfactor = 50)"""

# The hash comes early in the key, because it tells nearly every two rows apart. Most prompts come once, so that pages
# are filled.
PROMPTS = f"""
create table prompt_hash_daily ({OWNER}
    hash text collate "C" not null,
    kind text not null,
    source text not null,{NAMES}
    calls bigint not null,
    unpriced_calls bigint not null,
    input_tokens bigint not null,
    cached_input_tokens bigint not null,
    cost_usd numeric not null,
    primary key (organization_id, project_id, bucket_date, hash, kind, source, provider, model_key, feature, team)
)"""


class Migration(migrations.Migration):
    """How large calls were and which prompts came again, by day, for the rules."""

    dependencies = [("ingestion", "0011_cloud_samples"), ("tenants", "0002_roles")]

    operations = [
        migrations.RunSQL([SIZES, PROMPTS], "drop table prompt_hash_daily, call_sizes_daily"),
        tenant_table("call_sizes_daily", edge="select, insert, update"),
        tenant_table("prompt_hash_daily", edge="select, insert, update"),
        migrations.CreateModel(
            name="PromptRollup",
            fields=[
                ("bucket_date", models.DateField(help_text="Local date in the organization's time zone.")),
                ("provider", models.TextField()),
                ("model_key", models.TextField()),
                ("feature", models.TextField()),
                ("team", models.TextField()),
                ("calls", models.BigIntegerField()),
                ("unpriced_calls", models.BigIntegerField()),
                ("cost_usd", models.DecimalField(decimal_places=30, max_digits=60)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organization",
                        "project",
                        "bucket_date",
                        "hash",
                        "kind",
                        "source",
                        "provider",
                        "model_key",
                        "feature",
                        "team",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("hash", models.TextField()),
                ("kind", models.TextField()),
                ("source", models.TextField()),
                ("input_tokens", models.BigIntegerField()),
                ("cached_input_tokens", models.BigIntegerField()),
            ],
            options={
                "db_table": "prompt_hash_daily",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="SizeRollup",
            fields=[
                ("input_tokens", models.BigIntegerField(default=0)),
                ("output_tokens", models.BigIntegerField(default=0)),
                ("cached_input_tokens", models.BigIntegerField(default=0)),
                ("cache_write_tokens", models.BigIntegerField(default=0)),
                ("cache_write_1h_tokens", models.BigIntegerField(default=0)),
                ("audio_input_tokens", models.BigIntegerField(default=0)),
                ("cached_audio_input_tokens", models.BigIntegerField(default=0)),
                ("image_input_tokens", models.BigIntegerField(default=0)),
                ("reasoning_tokens", models.BigIntegerField(default=0)),
                ("audio_output_tokens", models.BigIntegerField(default=0)),
                ("image_output_tokens", models.BigIntegerField(default=0)),
                ("bucket_date", models.DateField(help_text="Local date in the organization's time zone.")),
                ("provider", models.TextField()),
                ("model_key", models.TextField()),
                ("feature", models.TextField()),
                ("team", models.TextField()),
                ("calls", models.BigIntegerField()),
                ("unpriced_calls", models.BigIntegerField()),
                ("cost_usd", models.DecimalField(decimal_places=30, max_digits=60)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organization",
                        "project",
                        "bucket_date",
                        "provider",
                        "model_key",
                        "feature",
                        "team",
                        "size",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("size", models.IntegerField()),
            ],
            options={
                "db_table": "call_sizes_daily",
                "managed": False,
            },
        ),
    ]
