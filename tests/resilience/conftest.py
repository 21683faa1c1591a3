"""One installation for all tests of a module, emptied for each."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.resilience.installation import Installation, installed

TABLES = (
    "calls",
    "call_rollups_hourly",
    "call_rollups_daily",
    "call_sizes_daily",
    "prompt_hash_daily",
    "user_rollups_daily",
    "ingest_idempotency",
    "ingest_counters",
    "response_seen",
)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("resilience")) as made:
        yield made


@pytest.fixture
def empty(installation: Installation) -> Installation:
    with psycopg.connect(installation.environ["DATABASE_URL"], autocommit=True) as admin:
        admin.execute(f"truncate {', '.join(TABLES)}".encode())
    return installation
