"""dashboard: server time of the pages over a long history, and what ten times the history costs.

``BENCH_CALLS`` sets the two sizes (default ``100000,1000000``; quality.md's goal is judged at ``1000000,10000000``).
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg

from bench.installation import database, in_its_own_process
from bench.report import Row
from bench.tenants import FEATURES, MODELS, TEAMS, Tenant, create_tenant

DAYS, ROUNDS = 90, 12
_EMPTY = b"No calls yet"
RANGES = ("24h", "7d", "30d", "90d")


def run() -> list[Row]:
    sizes = [int(size) for size in os.environ.get("BENCH_CALLS", "100000,1000000").split(",")]
    measured = {size: in_its_own_process(_measure, size) for size in sizes}
    small, large = measured[sizes[0]], measured[sizes[-1]]
    return [_row(page, sizes, small[page], large[page]) for page in large]


def _row(page: str, sizes: list[int], small: list[float], large: list[float]) -> Row:
    limit = 50.0 if page.startswith("calls") else 150.0
    p95, before = _p95(large), _p95(small)
    return Row(
        name="dashboard",
        case=f"{page}, {sizes[-1]:,} calls",
        measured=p95,
        unit="ms p95",
        baseline=before,
        baseline_name=f"{sizes[0]:,} calls",
        goal=f"≤ {limit:.0f} ms, ≤ 1.5 × the smaller",
        met=p95 <= limit and p95 <= 1.5 * before,
        figures={"p50 ms": sorted(large)[len(large) // 2]},
    )


def _p95(samples: list[float]) -> float:
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


def _measure(size: int) -> dict[str, list[float]]:
    from django.core.management import call_command

    with database():
        call_command("collectstatic", interactive=False, verbosity=0)  # pages name files by their contents
        tenant = create_tenant()
        _fill(tenant, size)
        with _client(tenant) as get:
            return {
                page: [sample for url in urls for sample in _time(get, url)] for page, urls in _pages(tenant).items()
            }


def _pages(tenant: Tenant) -> dict[str, list[str]]:
    organization, project = f"/o/{tenant.slug}/", f"/o/{tenant.slug}/p/{tenant.project_slugs[0]}/"
    return {
        f"{page} of the {whose}": [f"{base}{path}?range={span}" for span in RANGES]
        for whose, base in (("organization", organization), ("project", project))
        for page, path in (("overview", ""), ("explorer", "explorer/"), ("calls", "calls/"), ("insights", "insights/"))
    }


@contextmanager
def _client(tenant: Tenant) -> Iterator["object"]:
    from django.test import Client

    from tenants.models import User
    from tokenops import collector

    collector.settle()  # as the process that serves pages does
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.get(email=tenant.email))
    yield client.get


def _time(get: "object", url: str) -> list[float]:
    samples = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        response = get(url)  # type: ignore[operator]
        samples.append((time.perf_counter() - started) * 1000)
        if response.status_code != 200 or _EMPTY in response.content:
            raise RuntimeError(f"{url} answered {response.status_code}, or without calls.")
    return samples[2:]  # the first ones compile templates and warm caches


def _fill(tenant: Tenant, size: int) -> None:
    """Calls by SQL, rollups by the product's own rebuild, spread evenly over the days and every dimension.

    A project belongs to a team: quality.md's workload has projects, models and features.
    """
    from django.conf import settings
    from django.db import connection as django_connection

    from ingestion.condensing import condense
    from ingestion.rebuild import rebuild_rollups
    from tenants.models import Organization

    until = datetime.now(UTC)
    since = until - timedelta(days=DAYS)
    insert_calls(tenant, size, since)
    organization = Organization.objects.get(pk=tenant.organization_id)
    with django_connection.cursor() as cursor:
        cursor.execute("set statement_timeout = '60s'")  # a worker's: pages have 5 s
    rebuild_rollups(organization=organization, first_date=since.date(), end_date=until.date() + timedelta(days=1))
    condense(now=until, seconds=600)
    with django_connection.cursor() as cursor:
        cursor.execute("reset statement_timeout")
    with psycopg.connect(settings.DATABASE.url, autocommit=True) as connection:
        connection.execute(
            "vacuum analyze call_rollups_hourly, call_rollups_daily, call_rollups_condensed,"
            " call_rollups_condensed_hourly, user_rollups_daily"
        )


def insert_calls(tenant: Tenant, size: int, since: datetime) -> None:
    """``size`` calls of the tenant by SQL, from ``since`` on."""
    from django.conf import settings

    with psycopg.connect(settings.DATABASE.url, autocommit=True) as connection:
        connection.execute(_INSERT, _parameters(tenant, size, since))
        connection.execute(_ACTIVITY, [since, tenant.organization_id])
        connection.execute("vacuum analyze calls")


def _parameters(tenant: Tenant, size: int, since: datetime) -> dict[str, object]:
    return {
        "organization": tenant.organization_id,
        "projects": tenant.project_ids,
        "models": list(MODELS),
        "features": list(FEATURES),
        "teams": list(TEAMS),
        "size": size,
        "since": since,
        "step": timedelta(days=DAYS) / size,
    }


_INSERT = """
insert into calls (organization_id, project_id, started_at, call_id, api_key_id, provider, model, model_key, feature,
                   team, input_tokens, output_tokens, latency_ms, cost_usd, cost_input_usd, cost_cached_input_usd,
                   cost_cache_write_usd, cost_output_usd, cost_reasoning_usd, cost_other_usd, cost_source)
select %(organization)s, (%(projects)s::bigint[])[1 + n %% 20], %(since)s + n * %(step)s::interval, 'call-' || n, 1,
       'openai', model, model, (%(features)s::text[])[1 + (n / 100) %% 20], (%(teams)s::text[])[1 + n %% 20 %% 4],
       500 + n %% 3000, 100 + n %% 700, 300 + (n::bigint * 7919) %% 9000, 0.003, 0.001, 0, 0, 0.002, 0, 0, 'rate_card'
from generate_series(0, %(size)s - 1) n, lateral (select (%(models)s::text[])[1 + (n / 20) %% 5] as model) m
"""
# What the edge notes with the first call: without it pages show how to send one.
_ACTIVITY = """
insert into project_activity (project_id, organization_id, first_received_at, last_received_at)
select id, organization_id, %s, now() from projects where organization_id = %s on conflict do nothing
"""
