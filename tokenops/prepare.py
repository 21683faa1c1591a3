"""Brings a database from nothing to ready: roles, schema, queue, partitions, prices, demo. Each step may repeat.

``python -m tokenops.prepare [--demo] [--run-key] [--report FILE]`` is what the stack runs before the processes start,
and what an operator of a real server runs at each upgrade.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import django

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What a person or a script needs to use the installation; null where there is no demo."""

    email: str | None = None
    password: str | None = None
    organization: str | None = None
    project: str | None = None
    api_key: str | None = None


def prepare(*, demo: bool, run_key: bool, progress: Progress, now: datetime) -> Report:
    """Run every step that is missing and report the demo's login and key.

    :raises psycopg.OperationalError: the database cannot be reached or its user may not create roles.
    """
    _database(progress, now=now)
    if not demo:
        return Report()
    from tokenops.demo import seed  # noqa: PLC0415 - models need the settings first

    login = seed.demo_organization(progress=progress, now=now)
    key = seed.renew_run_key(now=now) if run_key else None
    return Report(
        email=login.email,
        password=login.password,
        organization=login.organization,
        project=login.project,
        api_key=key,
    )


def _database(progress: Progress, *, now: datetime) -> None:
    from django.conf import settings  # noqa: PLC0415

    from core import provisioning, queue  # noqa: PLC0415
    from ingestion import services as ingestion  # noqa: PLC0415
    from ingestion.pricing import services as pricing  # noqa: PLC0415

    progress("Database roles")
    provisioning.create_roles(settings.DATABASE)
    progress("Migrations")
    provisioning.migrate()
    progress("Queue")
    queue.install_queue(settings.DATABASE)
    progress("Partitions")
    ingestion.ensure_partitions(now=now)
    progress("Rate cards")
    pricing.import_catalogue(now=now)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; the report goes to a file because it holds a key."""
    parser = argparse.ArgumentParser(prog="tokenops.prepare", description=__doc__)
    parser.add_argument("--demo", action="store_true", help="create the demo organization if it is missing")
    parser.add_argument("--run-key", action="store_true", help='renew the demo\'s API key named "make run"')
    parser.add_argument("--report", type=Path, help="write the login and the key as JSON to this file (0600)")
    options = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tokenops.settings")
    django.setup()
    report = prepare(demo=options.demo, run_key=options.run_key, progress=_print_step, now=datetime.now(UTC))
    if options.report:
        _write_private(options.report, json.dumps(asdict(report)))
    return 0


def _print_step(step: str) -> None:
    sys.stdout.write(f"{step}\n")
    sys.stdout.flush()


def _write_private(path: Path, content: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)


if __name__ == "__main__":
    sys.exit(main())
