"""Appending: what is in the files, how much of it there may be, and what a failing disk leaves."""

import errno
import json
import os
import threading

import pytest

from gateway.spool.files import END_ROOM, FileSpool, open_spool
from gateway.spool.segments import lock_path, read_piece, segments_of, take_lock
from gateway.spool.tests.records import end_of, new_start
from gateway.types import End, Outcome, SpoolFullError

ROOM = 10 * 2**20


class Disk:
    """Takes what it is given until it is told to be full."""

    def __init__(self):
        self.is_full = False
        self.error = errno.ENOSPC
        self.takes = None  # bytes of a line, when it is cut short

    def write(self, file, line):
        if self.takes is not None:
            return os.write(file, line[: self.takes])
        if self.is_full:
            os.write(file, line[:10])
            raise OSError(self.error, "no room")
        return os.write(file, line)


@pytest.fixture
def spool(tmp_path):
    spool = open_spool(tmp_path, most_bytes=ROOM)
    yield spool
    spool.close()


def records_of(spool):
    pieces = [read_piece(path, 0, most=1_000) for path in segments_of(spool.directory, spool.owner)]
    return [record for piece in pieces if piece for record in piece.records]


def test_what_is_appended_is_in_the_file_at_once(spool):
    start = new_start(key_prefix="abc", project_slug="web")

    spool.start(start)
    spool.end(end_of(start, added_us=700))

    first, last = records_of(spool)
    assert (first.call_id, first.at, first.key_prefix, first.project_slug) == (start.call_id, start.at, "abc", "web")
    assert (first.provider, first.canonical, first.ask) == (start.provider, start.canonical, start.ask)
    assert json.loads(first.interrupted)["error_type"] == "interrupted"
    assert (last.call_id, last.outcome, last.http_status, last.added_us) == (start.call_id, "answered", 200, 700)
    assert last.stored == end_of(start).event


def test_a_request_that_is_no_call_has_no_event(spool):
    start = new_start(ask=None)

    spool.start(start)
    spool.end(End(call_id=start.call_id, outcome=Outcome.UNREACHABLE))

    assert [records_of(spool)[0].interrupted, records_of(spool)[1].stored] == [b"", b""]


def test_an_event_on_several_lines_is_one_record(spool):
    spool.end(end_of(new_start(), event=b'{\n"id": "a"\n}'))

    assert [record.stored for record in records_of(spool)] == [b'{ "id": "a" }']


def test_the_files_are_the_owners_alone(spool):
    spool.start(new_start())

    assert [path.stat().st_mode & 0o777 for path in segments_of(spool.directory, spool.owner)] == [0o600]


def test_a_damaged_line_and_a_torn_one_are_skipped_and_counted(spool):
    starts = [new_start() for _ in range(3)]
    for start in starts:
        spool.start(start)
    (path,) = segments_of(spool.directory, spool.owner)
    first, second, third, _ = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([first, second.replace(b"openai", b"openia"), third, third[:40]]))

    piece = read_piece(path, 0, most=100)

    assert ([record.call_id for record in piece.records], piece.damaged) == ([starts[0].call_id, starts[2].call_id], 1)
    assert piece.ends == path.stat().st_size - 40  # the torn line is not over yet


def test_a_full_spool_refuses_starts_and_takes_the_ends_of_calls_that_run(tmp_path):
    spool = FileSpool(tmp_path, most_bytes=2 * END_ROOM + 3_000)
    running = [new_start(), new_start()]
    for start in running:
        spool.start(start)

    with pytest.raises(SpoolFullError):
        spool.start(new_start())
    for start in running:
        spool.end(end_of(start))

    assert [record.call_id for record in records_of(spool)] == [start.call_id for start in (*running, *running)]
    spool.close()


def test_bytes_of_adopted_files_count(tmp_path):
    spool = FileSpool(tmp_path, most_bytes=ROOM)
    spool.adopted_bytes = ROOM

    with pytest.raises(SpoolFullError):
        spool.start(new_start())
    spool.close()


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_start_that_the_disk_does_not_take_leaves_nothing(tmp_path, error):
    disk = Disk()
    spool = FileSpool(tmp_path, most_bytes=ROOM, write=disk.write)
    start = new_start()
    spool.start(start)
    disk.is_full, disk.error = True, error

    with pytest.raises(SpoolFullError):
        spool.start(new_start())

    (path,) = segments_of(tmp_path, spool.owner)
    assert path.read_bytes().count(b"\n") == 1
    assert path.read_bytes().endswith(b"\n")
    spool.close()


def test_a_line_that_is_cut_short_is_taken_back(tmp_path):
    disk = Disk()
    spool = FileSpool(tmp_path, most_bytes=ROOM, write=disk.write)
    disk.takes = 20

    with pytest.raises(SpoolFullError):
        spool.start(new_start())

    assert [path.stat().st_size for path in segments_of(tmp_path, spool.owner)] == [0]
    spool.close()


def test_an_end_that_the_disk_does_not_take_is_written_when_it_can(tmp_path, caplog):
    disk = Disk()
    spool = FileSpool(tmp_path, most_bytes=ROOM, write=disk.write)
    first, second = new_start(), new_start()
    spool.start(first)
    spool.start(second)
    disk.is_full = True

    spool.end(end_of(first))
    spool.end(end_of(second))
    disk.is_full = False
    spool.start(later := new_start())

    ids = [record.call_id for record in records_of(spool)]
    assert ids == [start.call_id for start in (first, second, first, second, later)]
    assert [record.message for record in caplog.records] == ["the spool cannot be written"]
    spool.close()


def test_records_are_put_on_the_disk_together(tmp_path):
    synced = []
    is_synced = threading.Event()

    def sync(file):
        synced.append(file)
        is_synced.set()

    spool = FileSpool(tmp_path, most_bytes=ROOM, sync=sync)
    for _ in range(100):
        spool.start(new_start())
    assert is_synced.wait(30)
    spool.close()

    assert 1 <= len(synced) < 20


def test_a_segment_that_is_long_enough_is_followed_by_the_next(tmp_path):
    spool = FileSpool(tmp_path, most_bytes=ROOM, segment_bytes=1_000)
    starts = [new_start() for _ in range(10)]
    for start in starts:
        spool.start(start)

    assert len(segments_of(tmp_path, spool.owner)) > 2
    assert [record.call_id for record in records_of(spool)] == [start.call_id for start in starts]
    spool.close()


def test_the_start_of_a_call_that_runs_is_carried_on(tmp_path):
    spool = FileSpool(tmp_path, most_bytes=ROOM, segment_bytes=1)
    running, over = new_start(), new_start()
    spool.start(running)
    spool.start(over)
    spool.end(end_of(over))

    spool.carry(1)

    ids = [record.call_id for record in records_of(spool)]
    assert ids == [running.call_id, over.call_id, over.call_id, running.call_id]
    spool.close()


def test_nobody_else_gets_the_lock_of_a_living_owner(spool):
    assert take_lock(spool.directory, spool.owner) is None


def test_a_closed_spool_leaves_its_files_to_the_next(tmp_path):
    spool = open_spool(tmp_path, most_bytes=ROOM)
    spool.start(new_start())

    spool.close()

    lock = take_lock(tmp_path, spool.owner)
    assert lock is not None
    assert len(segments_of(tmp_path, spool.owner)) == 1
    os.close(lock)
    assert lock_path(tmp_path, spool.owner).exists()


def test_pace_says_what_waits(spool):
    start = new_start()
    spool.start(start)
    spool.end(end_of(start))

    pace = spool.pace()

    (path,) = segments_of(spool.directory, spool.owner)
    assert (pace.bytes_waiting, pace.records_waiting, pace.limit) == (path.stat().st_size, 2, ROOM)
    assert pace.damaged == 0
