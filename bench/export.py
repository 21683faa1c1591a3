"""export: a CSV of every field of a million calls, made as a worker makes it, against COPY of the same rows.

``BENCH_EXPORT_CALLS`` sets how many. The other formats are figures without a goal.
"""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from bench.dashboard import DAYS, insert_calls
from bench.installation import database, in_its_own_process
from bench.report import Row
from bench.tenants import Tenant, create_tenant

GOAL_RATIO, GOAL_MB = 0.30, 100


def run() -> list[Row]:
    size = int(os.environ.get("BENCH_EXPORT_CALLS", "1000000"))
    return in_its_own_process(_measure, size)


def _measure(size: int) -> list[Row]:
    with database():
        tenant = create_tenant()
        insert_calls(tenant, size, datetime.now(UTC) - timedelta(days=DAYS))
        limit_path = Path(os.environ["TOKENOPS_STATE_DIR"]) / "limit.csv"
        _settle(limit_path)
        _export(tenant, "csv", days=1)  # what is loaded once
        before = _peak_mb()
        seconds, megabytes = _export(tenant, "csv", days=DAYS)
        more = _peak_mb() - before
        limit = _copy(limit_path)
        others = [_figure(form, size, *_export(tenant, form, days=DAYS)) for form in ("ndjson", "parquet", "xlsx")]
    row = Row(
        name="export",
        case=f"CSV of {size:,} calls",
        measured=size / seconds,
        unit="calls/s",
        baseline=size / limit,
        baseline_name="COPY … TO STDOUT CSV",
        goal=f"≥ {GOAL_RATIO:.2f} of it, peak memory +≤ {GOAL_MB} MB",
        met=limit / seconds >= GOAL_RATIO and more <= GOAL_MB,
        figures={"peak MB more": more, "file MB": megabytes},
    )
    return [row, *others]


def _figure(form: str, size: int, seconds: float, megabytes: float) -> Row:
    return Row(
        name="export",
        case=f"{form} of {size:,} calls",
        measured=size / seconds,
        unit="calls/s",
        figures={"file MB": megabytes, "peak MB": _peak_mb()},
    )


def _export(tenant: Tenant, form: str, *, days: int) -> tuple[float, float]:
    """How long a worker is at it, counting included, and how large the file is."""
    from django.utils.timezone import now

    from core.scope import org_scope
    from dashboards.exports import columns, making, services
    from dashboards.exports.models import Export
    from tenants.audit import KeyActor
    from tenants.models import Organization

    asked_at = now()
    wanted = services.Wanted(
        form=form,
        name="Bench",
        columns=tuple(columns.BY_NAME),
        project_ids=tenant.project_ids,
        since=asked_at - timedelta(days=days + 1),
        until=asked_at,
        filters={},
        narrowed_by=(),
    )
    organization = Organization.objects.get(pk=tenant.organization_id)
    export = services.create_export(organization=organization, actor=KeyActor(1, "bench"), wanted=wanted, now=asked_at)
    started = time.perf_counter()
    mine = making.claim(organization_id=organization.pk, export_id=export.pk, now=now())
    while mine and making.advance(mine, now=now()):
        pass
    seconds = time.perf_counter() - started
    with org_scope(organization.pk):
        made = Export.objects.get(pk=export.pk)
    if not made.is_ready or (days == DAYS and not made.rows):
        raise RuntimeError(f"The export is {made.state}: {made.error}")
    services.path_of(made).unlink()
    return seconds, made.megabytes


def _settle(path: Path) -> None:
    """Have what was just inserted written, and read once: whoever comes first would do it for the others."""
    from django.conf import settings

    with psycopg.connect(settings.DATABASE.url, autocommit=True) as connection:
        connection.execute("checkpoint")
    _copy(path)


def _copy(path: Path) -> float:
    """Every column of every call as Postgres writes it, into a file, in no order."""
    from django.conf import settings

    with psycopg.connect(settings.DATABASE.url) as connection, path.open("wb") as file:
        started = time.perf_counter()
        with connection.cursor().copy("copy (select * from calls) to stdout with (format csv)") as copied:
            for piece in copied:
                file.write(piece)
        return time.perf_counter() - started


def _peak_mb() -> float:
    """The most memory this process has ever had."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
