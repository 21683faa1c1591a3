"""pytest plugin: every run gets an embedded Postgres of its own, every worker a copy of one migrated database.

Loaded with ``-p`` so that the environment is set before Django reads its settings. Tests run as the product's own
database roles, because isolation that was only tested as the owner was not tested.
"""

import atexit
import fcntl
import gc
import os
import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django.plugin import blocking_manager_key

from tokenops.embedded import EmbeddedPostgres, admin_url

# A deadline is a timed assertion, and so is a complaint that examples are made slowly: machines are busy.
hypothesis_settings.register_profile("tokenops", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("tokenops")

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
TEMPLATE = "tokenops_template"
SECRET = "test-secret-that-is-long-enough-for-the-settings"


def _state_dir() -> Path:
    if "TOKENOPS_TEST_DIR" not in os.environ:
        directory = tempfile.mkdtemp(prefix="tokenops-test-")
        os.environ["TOKENOPS_TEST_DIR"] = directory
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return Path(os.environ["TOKENOPS_TEST_DIR"])


STATE_DIR = _state_dir()


def _url(database: str) -> str:
    return admin_url(STATE_DIR).replace("/tokenops?", f"/{database}?")


os.environ |= {
    "DATABASE_URL": _url(f"test_{WORKER}"),
    "SECRET_KEY": SECRET,
    "KEY_PEPPER": SECRET + "-pepper",
    "ENCRYPTION_KEY": SECRET + "-encryption",
    "TOKENOPS_STATE_DIR": str(STATE_DIR / WORKER),
    "LOG_LEVEL": "ERROR",
    "DEBUG": "true",
}
(STATE_DIR / WORKER / "static").mkdir(parents=True, exist_ok=True)
_FOREIGN = ("BASE_URL", "HOST", "PORT", "SIGNUP", "EMAIL_URL", "CACHE_URL", "CELERY_BROKER_URL")
_PROVIDERS = (
    "OIDC_",
    "GOOGLE_CLIENT",
    "GITLAB_CLIENT",
    "MICROSOFT_",
    "GITHUB_CLIENT",
    "GITHUB_URL",
    "TRUSTED_IDENTITY",
)
# A run starts dozens of servers and imports hundreds of modules: nobody compiles all of them each time.
sys.dont_write_bytecode = os.environ.pop("PYTHONDONTWRITEBYTECODE", None) is None and sys.dont_write_bytecode
for _name in list(os.environ):  # of whoever runs the tests
    if _name in _FOREIGN or _name.startswith(_PROVIDERS):
        os.environ.pop(_name)


def pytest_configure(config: pytest.Config) -> None:
    """With workers, the controller starts the server for all of them; alone, the first test that needs it does."""
    if WORKER == "main" and config.getoption("numprocesses", None):
        with config.stash[blocking_manager_key].unblock():
            _start_server()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of half a minute come first, so that no worker waits for another's at the end. Else the order is random."""
    items.sort(key=lambda item: not (item.get_closest_marker("browser") or item.get_closest_marker("resilience")))


def pytest_collection_finish() -> None:
    """Sixteen thousand tests and all they import live until the end: the collector need not look at them again.

    It did for a seventh of the time of a run, and so does every ``gc.collect()`` of a test.
    """
    gc.collect()
    gc.freeze()


def _start_server() -> None:
    if "TOKENOPS_TEST_SERVER" in os.environ:
        return
    server = EmbeddedPostgres(STATE_DIR, durable=False)
    server.start()
    atexit.register(server.stop)
    os.environ["TOKENOPS_TEST_SERVER"] = "started"
    _build_template()


def _build_template() -> None:
    """Migrate once, in this process's own database, and keep the result as the template of all others."""
    from django.conf import settings
    from django.db import connections

    from core import provisioning

    _admin(f"create database test_{WORKER}")
    provisioning.create_roles(settings.DATABASE)
    provisioning.migrate()
    today = datetime.now(UTC).date()
    with connections["owner"].cursor() as cursor:
        cursor.execute("select ensure_partitions(%s, %s)", [today - timedelta(days=40), today + timedelta(days=14)])
    connections.close_all()
    _admin(f"alter database test_{WORKER} rename to {TEMPLATE}")


def _admin(*statements: str) -> None:
    with psycopg.connect(_url("postgres"), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def create_worker_database() -> None:
    """Copy the migrated template to this worker's own database."""
    from django.conf import settings

    from core import provisioning

    _start_server()
    with (STATE_DIR / "worker.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # roles belong to the whole server: workers change them one at a time
        _admin(f"create database test_{WORKER} template {TEMPLATE}")
        # Privileges on a database are not copied from its template.
        provisioning.create_roles(settings.DATABASE)
