"""The disk under Postgres is full: 503, nothing lost, and back to work as soon as there is room."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.resilience.installation import Load, assert_stored_exactly_once, installed, server
from tests.resilience.processes import wait_until

pytestmark = pytest.mark.resilience

_DISK_MB = 640
_SMALL_LOG = {"max_wal_size": "64MB", "min_wal_size": "32MB"}  # or the log alone would need a larger disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own that may be filled; only root may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m,mode=0755", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("a file system that may be filled can only be mounted by root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(ballast: Path) -> None:
    """Write until nothing more fits."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(2**16))


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
