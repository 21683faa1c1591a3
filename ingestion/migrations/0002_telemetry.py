from django.db import migrations

from core.databases import APP, EDGE
from core.rls import open_table, tenant_table

TOKENS = """
    input_tokens bigint not null default 0,
    output_tokens bigint not null default 0,
    cached_input_tokens bigint not null default 0,
    cache_write_tokens bigint not null default 0,
    cache_write_1h_tokens bigint not null default 0,
    audio_input_tokens bigint not null default 0,
    cached_audio_input_tokens bigint not null default 0,
    image_input_tokens bigint not null default 0,
    reasoning_tokens bigint not null default 0,
    audio_output_tokens bigint not null default 0,
    image_output_tokens bigint not null default 0"""

# The order is the writer's: identity, then what it was, then numbers, then texts that are mostly empty.
CALLS = f"""
create table calls (
    organization_id bigint not null,
    project_id bigint not null,
    started_at timestamptz not null,
    call_id text not null,
    received_at timestamptz not null default now(),
    api_key_id bigint not null,
    provider text not null,
    provider_raw text not null default '',
    model text not null,
    response_model text not null default '',
    model_key text not null,
    operation text not null default 'chat',
    feature text not null default 'default',
    team text not null default '',
    environment text not null default 'default',
    user_id text not null default '',
    session_id text not null default '',
    trace_id text not null default '',
    span_id text not null default '',
    parent_span_id text not null default '',{TOKENS},
    extra_units jsonb,
    usage_rule text not null default 'inclusive',
    usage_inconsistent boolean not null default false,
    usage_partial boolean not null default false,
    usage_estimated boolean not null default false,
    latency_ms double precision,
    time_to_first_token_ms double precision,
    status text not null default 'ok',
    error_type text not null default '',
    http_status integer,
    stream boolean not null default false,
    service_tier text not null default 'standard',
    prompt_hash text not null default '',
    prompt_prefix_hash text not null default '',
    cost_usd numeric,
    cost_input_usd numeric,
    cost_cached_input_usd numeric,
    cost_cache_write_usd numeric,
    cost_output_usd numeric,
    cost_reasoning_usd numeric,
    cost_other_usd numeric,
    reported_cost_usd numeric,
    cost_source text not null,
    price_match text not null default '',
    rate_card_id bigint,
    response_id text not null default '',
    upstream_request_id text not null default '',
    finish_reason text not null default '',
    agent_name text not null default '',
    prompt_version text not null default '',
    retries bigint,
    ratelimit_remaining_requests bigint,
    ratelimit_remaining_tokens bigint,
    tags jsonb not null default '{{}}',
    git_branch text not null default '',
    git_commit text not null default '',
    source text not null default 'rest'
) partition by range (started_at)"""

INDEXES = [
    "create unique index calls_identity on calls (project_id, started_at, call_id)",
    "create index calls_trace on calls (project_id, trace_id) where trace_id <> ''",
    "create index calls_session on calls (project_id, session_id) where session_id <> ''",
]

# The edge may not read whole calls, so it copies the shape of its temporary table from this empty one.
STAGE = "create table calls_stage (like calls including defaults)"

DIMENSIONS = """
    provider text not null,
    model_key text not null,
    feature text not null,
    team text not null,
    environment text not null,
    api_key_id bigint not null,"""

SUMS = f"""
    calls bigint not null,
    errors bigint not null,
    unpriced_calls bigint not null,
    estimated_calls bigint not null,{TOKENS},
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


def rollup(table: str, bucket: str, kind: str) -> str:
    """Half-filled pages: nearly every write is an update of a warm row, which then stays on its page (HOT)."""
    return f"""
create table {table} (
    organization_id bigint not null,
    project_id bigint not null,
    {bucket} {kind} not null,{DIMENSIONS}{SUMS}
    primary key (project_id, {bucket}, provider, model_key, feature, team, environment, api_key_id)
) with (fillfactor = 50)"""


ENSURE = f"""
create function ensure_partitions(from_date date, to_date date) returns integer
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '2s' as $$
declare
    day date;
    leaf text;
    made integer := 0;
begin
    for day in select generate_series(from_date, to_date, interval '1 day')::date loop
        leaf := 'calls_' || to_char(day, 'YYYYMMDD');
        continue when to_regclass(leaf) is not null;
        execute format('create table %I (like calls including defaults)', leaf);
        execute format('alter table calls attach partition %I for values from (%L) to (%L)', leaf,
                       day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00');
        -- The writer copies straight into the day's partition; nobody else has a right on it, or the
        -- policies of the parent could be walked around.
        execute format('grant insert on %I to {EDGE}', leaf);
        made := made + 1;
    end loop;
    return made;
end $$"""

DROP = """
create function drop_partitions(before_date date) returns integer
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '2s' as $$
declare
    leaf text;
    dropped integer := 0;
begin
    for leaf in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'calls'::regclass and c.relname < 'calls_' || to_char(before_date, 'YYYYMMDD')
        order by 1
    loop
        execute format('drop table %I', leaf);
        dropped := dropped + 1;
    end loop;
    return dropped;
end $$"""

PARTITIONS = """
create function call_partitions(out first_date date, out last_date date)
language sql stable security definer set search_path = public, pg_temp as $$
    select min(day), max(day) from (
        select to_date(substr(c.relname, 7), 'YYYYMMDD') as day
        from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'calls'::regclass) days
$$"""

FUNCTIONS = {
    "ensure_partitions(date, date)": APP,
    "drop_partitions(date)": APP,
    "call_partitions()": f"{APP}, {EDGE}",
}

COLUMNS_FOR_EDGE = "project_id, started_at, call_id"


class Migration(migrations.Migration):
    """Calls by day, their rollups, the functions that look after partitions, and who may do what."""

    dependencies = [("ingestion", "0001_initial"), ("tenants", "0002_roles")]

    operations = [
        migrations.RunSQL([CALLS, *INDEXES, STAGE], "drop table calls_stage, calls"),
        migrations.RunSQL(
            [
                rollup("call_rollups_hourly", "bucket_start", "timestamptz"),
                rollup("call_rollups_daily", "bucket_date", "date"),
            ],
            "drop table call_rollups_hourly, call_rollups_daily",
        ),
        migrations.RunSQL(
            [
                "create index call_rollups_hourly_org on call_rollups_hourly (organization_id, bucket_start)",
                "create index call_rollups_daily_org on call_rollups_daily (organization_id, bucket_date)",
            ],
            migrations.RunSQL.noop,
        ),
        tenant_table("calls", app="select, update, delete", edge=f"insert, select ({COLUMNS_FOR_EDGE})"),
        tenant_table("call_rollups_hourly", edge="select, insert, update"),
        tenant_table("call_rollups_daily", edge="select, insert, update"),
        open_table("calls_stage", app="", edge="select"),
        open_table("rate_cards", edge="select"),
        open_table("catalogue_changes"),
        open_table("project_activity", edge="select, insert, update"),
        migrations.RunSQL(
            [ENSURE, DROP, PARTITIONS]
            + [f"revoke all on function {name} from public" for name in FUNCTIONS]
            + [f"grant execute on function {name} to {roles}" for name, roles in FUNCTIONS.items()],
            [f"drop function {name}" for name in FUNCTIONS],
        ),
    ]
