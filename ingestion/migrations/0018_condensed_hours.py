from django.db import migrations, models

from core.rls import tenant_table

# As the facets and marks of days (0017), for hours.
CONDENSED = [
    "create table call_rollups_condensed_hourly (facet text not null, like call_rollups_hourly)",
    "alter table call_rollups_condensed_hourly drop column environment, drop column api_key_id",
    """alter table call_rollups_condensed_hourly add primary key
    (organization_id, facet, bucket_start, project_id, provider, model_key, team, feature)""",
]

HOURS = """
create table condensed_hours (
    organization_id bigint not null,
    bucket_start timestamptz not null,
    state text not null,
    primary key (organization_id, bucket_start)
)"""

CHANGED = """
create function rollup_hour_changed() returns trigger language plpgsql set search_path = public, pg_temp as $$
declare
    changed record := case when tg_op = 'DELETE' then old else new end;
begin
    perform from condensed_hours
    where organization_id = changed.organization_id and bucket_start = changed.bucket_start and state = 'changed'
    for share;
    if not found then
        insert into condensed_hours (organization_id, bucket_start, state)
        values (changed.organization_id, changed.bucket_start, 'changed')
        on conflict (organization_id, bucket_start) do update set state = excluded.state;
    end if;
    return null;
end $$"""


def on_change(events: str, row: str) -> str:
    """Hours that ended half an hour ago: what is written of the running one, or arrives late as usual, pays nothing."""
    return f"""
create trigger rollup_hour_changed_{row} after {events} on call_rollups_hourly
for each row when ({row}.bucket_start < now() - interval '90 minutes')
execute function rollup_hour_changed()"""


TOKENS = (
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "audio_input_tokens",
    "cached_audio_input_tokens",
    "image_input_tokens",
    "reasoning_tokens",
    "audio_output_tokens",
    "image_output_tokens",
)
NUMERIC = (
    "cost_usd",
    "cost_input_usd",
    "cost_cached_input_usd",
    "cost_cache_write_usd",
    "cost_output_usd",
    "cost_reasoning_usd",
    "cost_other_usd",
    "latency_histogram",
    "first_token_histogram",
)
INTEGERS = ("calls", "errors", "unpriced_calls", "estimated_calls", "latency_calls", "first_token_calls")


def key(*columns: str) -> models.CompositePrimaryKey:
    return models.CompositePrimaryKey(*columns, blank=True, editable=False, primary_key=True, serialize=False)


class Migration(migrations.Migration):
    """What settled hours add up to by few dimensions, and which hours that is known of."""

    dependencies = [("ingestion", "0017_condensed")]

    operations = [
        migrations.RunSQL([*CONDENSED, HOURS], "drop table condensed_hours, call_rollups_condensed_hourly"),
        tenant_table("call_rollups_condensed_hourly"),
        tenant_table("condensed_hours", edge="select, insert, update"),
        migrations.RunSQL(
            [CHANGED, on_change("insert or update", "new"), on_change("delete", "old")],
            [
                "drop trigger rollup_hour_changed_new on call_rollups_hourly",
                "drop trigger rollup_hour_changed_old on call_rollups_hourly",
                "drop function rollup_hour_changed",
            ],
        ),
        migrations.CreateModel(
            name="CondensedHourlyRollup",
            fields=[
                *((name, models.BigIntegerField(default=0)) for name in TOKENS),
                *((name, models.TextField()) for name in ("provider", "model_key", "feature", "team")),
                *((name, models.BigIntegerField()) for name in INTEGERS),
                *((name, models.DecimalField(decimal_places=30, max_digits=60)) for name in NUMERIC),
                *((name, models.FloatField()) for name in ("latency_sum_ms", "first_token_sum_ms")),
                ("timed_output_tokens", models.BigIntegerField(help_text="output tokens of calls that gave a latency")),
                (
                    "pk",
                    key(
                        "organization",
                        "facet",
                        "bucket_start",
                        "project",
                        "provider",
                        "model_key",
                        "team",
                        "feature",
                    ),
                ),
                ("facet", models.TextField(help_text="feature, model or project feature")),
                ("bucket_start", models.DateTimeField()),
            ],
            options={"db_table": "call_rollups_condensed_hourly", "managed": False},
        ),
        migrations.CreateModel(
            name="CondensedHour",
            fields=[
                ("pk", key("organization", "bucket_start")),
                ("bucket_start", models.DateTimeField()),
                ("state", models.TextField()),
            ],
            options={"db_table": "condensed_hours", "managed": False},
        ),
    ]
