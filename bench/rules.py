"""rules: every rule over one project with a million calls in thirty days, against one sequential scan of the calls."""

import os
import statistics
import time
from datetime import UTC, datetime, timedelta

import psycopg

from bench.installation import database
from bench.report import Row
from bench.tenants import FEATURES, TEAMS, Tenant, create_tenant

DAYS, ROUNDS = 30, 5
MODELS = (
    ("openai", "gpt-4o"),
    ("openai", "gpt-4o-mini"),
    ("anthropic", "claude-sonnet-4-0"),
    ("gcp.gemini", "gemini-2.5-pro"),
    ("gcp.gemini", "gemini-2.0-flash"),
)
GOAL_SHARE, GOAL_SECONDS = 0.5, 2.0


def run() -> list[Row]:
    size = int(os.environ.get("BENCH_RULES_CALLS", "1000000"))
    with database():
        tenant = create_tenant()
        _fill(tenant, size)
        scan = statistics.median(_scan() for _ in range(ROUNDS))
        _evaluate(tenant)  # a worker has its price book and its prepared statements
        every_hour = statistics.median(_evaluate(tenant) for _ in range(ROUNDS))
        every_minute = statistics.median(_evaluate(tenant, every_minute=True) for _ in range(ROUNDS))
    return [
        _row(f"every rule, {size:,} calls", every_hour, scan),
        _row(f"rules of every minute, {size:,} calls", every_minute, scan),
    ]


def _row(case: str, seconds: float, scan: float) -> Row:
    return Row(
        name="rules",
        case=case,
        measured=seconds,
        unit="s",
        baseline=scan,
        baseline_name="a sequential scan of the calls",
        goal=f"≤ {GOAL_SHARE} × the scan, ≤ {GOAL_SECONDS:.0f} s",
        met=seconds <= GOAL_SHARE * scan and seconds <= GOAL_SECONDS,
    )


def _scan() -> float:
    """One pass over every call, as the owner, without indexes and without a second process."""
    from django.conf import settings

    with psycopg.connect(settings.DATABASE.url) as connection:
        connection.execute("set max_parallel_workers_per_gather = 0")
        connection.execute("set enable_indexscan = off")
        connection.execute("set enable_bitmapscan = off")
        started = time.perf_counter()
        connection.execute(
            "select count(*), sum(input_tokens), sum(output_tokens), sum(cost_usd) from calls where duplicate_of = ''"
        )
        return time.perf_counter() - started


def _evaluate(tenant: Tenant, *, every_minute: bool = False) -> float:
    """What the worker does for the project, transaction included."""
    from core.scope import org_scope
    from rules import evaluation
    from rules.engine.thresholds import EVERY_MINUTE, OF_PROJECTS
    from tenants import selectors
    from tenants.models import Organization, Project

    rules = sorted(OF_PROJECTS & EVERY_MINUTE if every_minute else OF_PROJECTS)
    organization = Organization.objects.get(pk=tenant.organization_id)
    started = time.perf_counter()
    with org_scope(organization.pk):
        project = Project.objects.get(pk=tenant.project_ids[0])
        zone = selectors.time_zone(organization=organization)
        evaluation.evaluate_project(
            organization=organization, project=project, rules=rules, now=datetime.now(UTC), zone=zone
        )
    return time.perf_counter() - started


def _fill(tenant: Tenant, size: int) -> None:
    """Calls by SQL, sums by the product's own rebuild."""
    from django.conf import settings

    from ingestion.rebuild import rebuild_rollups
    from tenants.models import Organization

    until = datetime.now(UTC)
    since = until - timedelta(days=DAYS)
    parameters = {
        "organization": tenant.organization_id,
        "project": tenant.project_ids[0],
        "providers": [provider for provider, _ in MODELS],
        "models": [model for _, model in MODELS],
        "features": list(FEATURES),
        "teams": list(TEAMS),
        "size": size,
        "since": since,
        "step": timedelta(days=DAYS) / size,
    }
    with psycopg.connect(settings.DATABASE.url, autocommit=True) as connection:
        connection.execute(_INSERT, parameters)
        connection.execute("vacuum analyze calls")
    organization = Organization.objects.get(pk=tenant.organization_id)
    rebuild_rollups(organization=organization, first_date=since.date(), end_date=until.date() + timedelta(days=1))
    with psycopg.connect(settings.DATABASE.url, autocommit=True) as connection:
        connection.execute(
            "vacuum analyze call_rollups_hourly, call_rollups_daily, call_sizes_daily, prompt_hash_daily"
        )


# Twenty features of four teams, five models; one call in fifty failed, one in two hundred is estimated, a tenth of a
# feature's prompts come again, and one feature gets answers of a few tokens from every model.
_INSERT = """
insert into calls (organization_id, project_id, started_at, received_at, call_id, api_key_id, provider, model,
                   model_key, feature, team, input_tokens, output_tokens, latency_ms, status, usage_estimated,
                   prompt_hash, source, cost_usd, cost_input_usd, cost_cached_input_usd, cost_cache_write_usd,
                   cost_output_usd, cost_reasoning_usd, cost_other_usd, cost_source)
select %(organization)s, %(project)s, at, at, 'call-' || n, 1, (%(providers)s::text[])[m::int],
       (%(models)s::text[])[m::int],
       (%(models)s::text[])[m::int], (%(features)s::text[])[f::int], (%(teams)s::text[])[(1 + f %% 4)::int],
       500 + n %% 3000, case when f = 1 then 5 else 100 + n %% 700 end, 300 + (n * 7919) %% 9000,
       case when n %% 50 = 0 then 'error' else 'ok' end, n %% 200 = 0,
       case when n %% 10 = 0 then 'hash-' || (n / 10) %% 500 else md5(n::text) end, 'sdk',
       0.003, 0.001, 0, 0, 0.002, 0, 0, 'rate_card'
from generate_series(0::bigint, %(size)s - 1) n,
     lateral (select 1 + n %% 5 as m, 1 + (n / 5) %% 20 as f, %(since)s + n * %(step)s::interval as at) of
"""
