from django.db import migrations, models

from core.rls import tenant_table

# A daily row without the two dimensions that no facet has.
CONDENSED = [
    "create table call_rollups_condensed (facet text not null, like call_rollups_daily)",
    "alter table call_rollups_condensed drop column environment, drop column api_key_id",
    """alter table call_rollups_condensed add primary key
    (organization_id, facet, bucket_date, project_id, provider, model_key, team, feature)""",
]

DAYS = """
create table condensed_days (
    organization_id bigint not null,
    bucket_date date not null,
    state text not null,
    primary key (organization_id, bucket_date)
)"""

# Whoever condenses the day holds its row: then this waits, and takes the day out of what can be read. Where the day is
# out already a shared lock is enough, so that writers do not wait for each other, and only condensing waits for them.
CHANGED = """
create function rollup_day_changed() returns trigger language plpgsql set search_path = public, pg_temp as $$
declare
    changed record := case when tg_op = 'DELETE' then old else new end;
begin
    perform from condensed_days
    where organization_id = changed.organization_id and bucket_date = changed.bucket_date and state = 'changed'
    for share;
    if not found then
        insert into condensed_days (organization_id, bucket_date, state)
        values (changed.organization_id, changed.bucket_date, 'changed')
        on conflict (organization_id, bucket_date) do update set state = excluded.state;
    end if;
    return null;
end $$"""


def on_change(events: str, row: str) -> str:
    """Days before yesterday only, decided without a call of the function: nearly all writes are of later ones."""
    return f"""
create trigger rollup_day_changed_{row} after {events} on call_rollups_daily
for each row when ({row}.bucket_date < (now() at time zone 'UTC')::date - 1)
execute function rollup_day_changed()"""


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
    """What settled days add up to by few dimensions, and which days that is known of."""

    dependencies = [("ingestion", "0016_calls_received"), ("tenants", "0002_roles")]

    operations = [
        migrations.RunSQL([*CONDENSED, DAYS], "drop table condensed_days, call_rollups_condensed"),
        tenant_table("call_rollups_condensed"),
        tenant_table("condensed_days", edge="select, insert, update"),
        migrations.RunSQL(
            [CHANGED, on_change("insert or update", "new"), on_change("delete", "old")],
            [
                "drop trigger rollup_day_changed_new on call_rollups_daily",
                "drop trigger rollup_day_changed_old on call_rollups_daily",
                "drop function rollup_day_changed",
            ],
        ),
        migrations.CreateModel(
            name="CondensedRollup",
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
                        "bucket_date",
                        "project",
                        "provider",
                        "model_key",
                        "team",
                        "feature",
                    ),
                ),
                ("facet", models.TextField(help_text="feature, model or project feature")),
                ("bucket_date", models.DateField()),
            ],
            options={"db_table": "call_rollups_condensed", "managed": False},
        ),
        migrations.CreateModel(
            name="CondensedDay",
            fields=[
                ("pk", key("organization", "bucket_date")),
                ("bucket_date", models.DateField()),
                ("state", models.TextField()),
            ],
            options={"db_table": "condensed_days", "managed": False},
        ),
    ]
