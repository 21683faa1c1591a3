"""The disk under Postgres is full: 503, nothing lost, and back to work as soon as there is room."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.resilience.disks import fill, small_disk
from tests.resilience.installation import Load, assert_stored_exactly_once, installed, server
from tests.resilience.processes import wait_until

pytestmark = pytest.mark.resilience

_DISK_MB = 640
_SMALL_LOG = {"max_wal_size": "64MB", "min_wal_size": "32MB"}  # or the log alone would need a larger disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", megabytes=_DISK_MB) as place:
        yield place


def test_a_full_disk_is_503_until_there_is_room(disk, tmp_path):
    with (
        installed(disk, _SMALL_LOG) as made,
        server(made, tmp_path / "edge.log") as running,
        Load(made.key) as load,
    ):
        load.port = running.port
        load.wait_for(200)
        fill(disk / "ballast")
        wait_until(lambda: 503 in load.statuses, "the disk to be too small")
        (disk / "ballast").unlink()
        if made.postgres.poll() is not None:  # it ends itself when it cannot write its log; the stack starts it again
            made.postgres.stop()
            made.postgres.start()
        load.wait_for(200)

        load.finish()
        assert load.statuses == {202, 503}
        assert_stored_exactly_once(made, load)
        assert made.rollups_equal_a_rebuild()
