"""Events on disk: they survive the process that recorded them, arrive once, and say no more than what is sent."""

import json
import os
import signal
import stat
import subprocess

import pytest

from sdk_tests.scripts import command, environment, run
from sdk_tests.test_reporting import report
from tokenops_sdk.spool import Spool
from tokenops_sdk.stats import Counters
from tokenops_sdk.trouble import Told

EVENT = b'{"id":"%d","timestamp":1}'


@pytest.fixture
def spool(tmp_path):
    return new_spool(tmp_path)


def new_spool(folder, bytes_=1_000_000):
    made = Spool(str(folder), 1, Counters(), Told())
    made._most_bytes = bytes_
    return made


def write(spool, *numbers):
    segments = []
    for number in numbers:
        spool.append(EVENT % number, segments.append)
    return segments


def die(spool):
    """What is left of a process that is gone: its files, and nobody's lock."""
    spool.forget()


def adopted(spool):
    found = spool.adopt()
    return [json.loads(line)["id"] for line in found[1]] if found else []


def files(folder):
    return sorted(folder.iterdir())


def test_what_a_process_leaves_the_next_one_adopts_in_order_and_once(spool, tmp_path):
    write(spool, 1, 2, 3)
    other = new_spool(tmp_path)
    assert adopted(other) == []  # its owner lives

    die(spool)

    assert adopted(other) == ["1", "2", "3"]
    assert adopted(other) == []
    assert adopted(new_spool(tmp_path)) == []
    assert other._counters.seen(waiting=0).adopted == 3


def test_what_is_decided_is_not_adopted(spool, tmp_path):
    segments = write(spool, 1, 2, 3)
    spool.acknowledge(segments[:2])
    die(spool)

    assert adopted(new_spool(tmp_path)) == ["3"]


def test_a_file_whose_events_are_all_decided_is_empty_and_then_gone(spool, tmp_path):
    spool.acknowledge(write(spool, 1, 2))
    assert [path.stat().st_size for path in files(tmp_path)] == [0]

    spool.close()

    assert files(tmp_path) == []


def test_an_adopted_file_goes_when_its_events_are_decided(spool, tmp_path):
    write(spool, 1, 2)
    die(spool)
    other = new_spool(tmp_path)

    segment, lines = other.adopt()
    other.acknowledge([segment] * len(lines))

    assert files(tmp_path) == []


def test_lines_that_cannot_be_read_are_skipped_and_counted(spool, tmp_path):
    write(spool, 1)
    (path,) = files(tmp_path)
    with path.open("ab") as file:
        file.write(b'\xff\x00{broken\n[1]\n{"id":"2"}\n' + EVENT % 3 + b"\n" + b'{"id":"4","timest')
    die(spool)
    other = new_spool(tmp_path)

    assert adopted(other) == ["1", "3"]
    assert other._counters.seen(waiting=0).spool_corrupted == 4


def test_the_spool_is_bounded_and_says_what_it_did_not_take(tmp_path):
    spool = new_spool(tmp_path, bytes_=100)

    segments = write(spool, *range(1, 9))

    assert [segment is not None for segment in segments] == [True] * 4 + [False] * 4
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 100
    assert spool._counters.seen(waiting=0).not_spooled == 4


def test_files_of_the_dead_count_towards_the_bound(tmp_path):
    dead = new_spool(tmp_path, bytes_=100)
    write(dead, *range(1, 4))
    die(dead)

    assert write(new_spool(tmp_path, bytes_=70), 5) == [None]


def test_only_the_owner_may_read_it(tmp_path):
    spool = new_spool(tmp_path / "new")
    write(spool, 1)

    (path,) = files(tmp_path / "new")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_written_costs_the_protection_and_not_the_event(new_client, server, tmp_path):
    (tmp_path / "file").write_text("")
    client = new_client(spool_dir=str(tmp_path / "file"))

    report(client)

    assert client.flush(20)
    assert (client.stats().accepted, client.stats().not_spooled) == (1, 1)


def test_events_are_on_disk_before_they_are_sent_and_without_content(new_client, server, tmp_path):
    client = new_client(spool_dir=str(tmp_path))

    report(client)

    (path,) = files(tmp_path)
    (line,) = path.read_text().splitlines()
    assert "hello" not in line
    assert server.requests == []
    assert client.flush(20)
    assert server.events == [json.loads(line)]
    client.close()
    assert files(tmp_path) == []


def test_a_process_that_is_killed_while_it_sends_loses_nothing_and_doubles_nothing(server, tmp_path):
    """The server has the events, but the process does not learn of it: the next one sends the same again."""
    server.holds = True
    process = subprocess.Popen(
        command("call('one'); call('two'); sdk.flush(30)"), env=environment(server.url, spool_dir=tmp_path)
    )
    server.wait_for(1)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    server.release()

    done = run("call('three'); sdk.flush(20); assert sdk.stats().adopted == 2", server.url, spool_dir=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    sent = [(event["id"], event["timestamp"], event["endpoint_name"]) for event in server.events]
    assert sorted(set(sent)) == sorted(sent[:2] + [one for one in sent if one[2] == "three"])
    assert sorted(one[2] for one in sent) == ["one", "one", "three", "two", "two"]
    assert files(tmp_path) == []


def test_a_process_that_is_cut_off_before_it_sends_leaves_its_calls(server, tmp_path):
    assert run("call('one')\nos._exit(7)", server.url, spool_dir=tmp_path).returncode == 7
    assert server.events == []

    done = run("call('two')\nsdk.flush(20)", server.url, spool_dir=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(event["endpoint_name"] for event in server.events) == ["one", "two"]


def test_what_cannot_be_sent_in_time_stays_and_is_not_called_dropped(server, tmp_path):
    unreachable = "http://127.0.0.1:1"
    program = "call()\nclients.default().close(0)\nprint(sdk.stats().left_in_spool, sdk.stats().dropped)"
    done = run(program, unreachable, spool_dir=tmp_path, shutdown_seconds=0)

    assert done.stdout == "1 0\n", done.stderr
    assert len(files(tmp_path)) == 1


def test_a_child_leaves_the_parents_files_alone(server, tmp_path):
    done = run(
        """
        call("parent")
        child = os.fork()
        if not child:
            call("child")
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert sdk.flush() and sdk.stats().adopted == 0
        """,
        server.url,
        spool_dir=tmp_path,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(event["endpoint_name"] for event in server.events) == ["child", "parent"]
    assert files(tmp_path) == []


def test_a_disk_that_takes_half_a_line_does_not_spoil_the_next_one(spool, tmp_path, monkeypatch):
    write(spool, 1)
    whole = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: whole(descriptor, data[:5]))
    assert write(spool, 2) == [None]
    monkeypatch.setattr(os, "write", whole)
    write(spool, 3)
    die(spool)

    assert adopted(new_spool(tmp_path)) == ["1", "3"]
