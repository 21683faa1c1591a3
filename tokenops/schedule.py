"""What runs by the clock, in code because a schedule in the database would differ from one instance to the next."""

from typing import Any

from celery.schedules import crontab


def _entry(task: str, schedule: Any, *, expires: int) -> dict[str, Any]:
    # A run that nobody took before the next one is due would only be done twice in a row.
    return {"task": task, "schedule": schedule, "options": {"expires": expires}}


SCHEDULE = {
    "heartbeat": _entry("core.heartbeat", 30.0, expires=30),
    "work": _entry("core.dispatch_work", 30.0, expires=30),
    "partitions": _entry("ingestion.ensure_partitions", crontab(minute="5"), expires=3_000),
    "retention": _entry("ingestion.retention", crontab(minute="35"), expires=3_000),
    "condense": _entry("ingestion.condense", crontab(minute="*/10"), expires=500),
    "quotas": _entry("ingestion.check_quotas", 60.0, expires=60),
    "rules": _entry("rules.sweep", 30.0, expires=30),
    "samples": _entry("rules.seek_samples", crontab(minute="12"), expires=3_000),
    "spool": _entry("gateway.watch_spool", 60.0, expires=60),
    "gateway-retention": _entry("gateway.retention", crontab(hour="4", minute="50"), expires=80_000),
    "expiring-keys": _entry("tenants.tell_expiring_keys", crontab(minute="50"), expires=3_000),
    "exports-retention": _entry("exports.retention", crontab(minute="25"), expires=3_000),
    "alerts-retention": _entry("alerts.retention", crontab(hour="4", minute="40"), expires=80_000),
    "reports-tidy": _entry("reports.tidy", crontab(minute="25"), expires=3_000),
    "rules-retention": _entry("rules.retention", crontab(hour="4", minute="45"), expires=80_000),
    "catalogue": _entry("ingestion.import_catalogue", crontab(hour="3", minute="20"), expires=80_000),
}
