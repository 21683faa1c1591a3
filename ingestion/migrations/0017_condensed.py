from django.db import migrations, models

from core.rls import tenant_table

SUMS = """
    calls bigint not null,
    errors bigint not null,
    unpriced_calls bigint not null,
    estimated_calls bigint not null,
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
    cost_input_usd numeric not null,
    cost_cached_input_usd numeric not null,
    cost_cache_write_usd numeric not null,
    cost_output_usd numeric not null,
    cost_reasoning_usd numeric not null,
    cost_other_usd numeric not null,
    latency_calls bigint not null,
    latency_sum_ms double precision not null,
    timed_output_tokens bigint not null,
    first_token_calls bigint not null,
    first_token_sum_ms double precision not null,
    latency_histogram numeric not null,
    first_token_histogram numeric not null,"""

CONDENSED = f"""
create table call_rollups_condensed (
    organization_id bigint not null,
    facet text not null,
    bucket_date date not null,
    project_id bigint not null,
    provider text not null,
    model_key text not null,
    team text not null,
    feature text not null,{SUMS}
    primary key (organization_id, facet, bucket_date, project_id, provider, model_key, team, feature)
)"""

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
        migrations.RunSQL([CONDENSED, DAYS], "drop table condensed_days, call_rollups_condensed"),
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
                ("facet", models.TextField(help_text="model or feature")),
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
