import json
import os
import re
import shlex
import socket
import stat

import pytest

from tokenops.stack import console, preflight, static
from tokenops.stack.children import Log, Warnings, warning_in
from tokenops.stack.preflight import StackError

REPORT = {
    "url": "http://127.0.0.1:8000",
    "email": "demo@northwind.example",
    "password": "a password",
    "api_key": "tko_key",
    "organization": "northwind",
    "project": "assistant",
}
EMPTY = REPORT | dict.fromkeys(("email", "password", "api_key", "organization", "project"))


def test_the_box_shows_the_login_and_a_command_that_sends_a_call():
    box = console.welcome(REPORT, is_invite_only=False)

    assert all(value in box for value in REPORT.values())
    assert "invitation" not in box


def test_the_command_is_valid_shell_with_valid_json():
    words = shlex.split("\n".join(console.curl("http://127.0.0.1:8000", "tko_key")))

    assert words[:2] == ["curl", "http://127.0.0.1:8000/api/v1/ingest"]
    assert "Authorization: Bearer tko_key" in words
    assert json.loads(words[words.index("-d") + 1])["model"] == "gpt-4o-mini"


def test_without_the_demo_the_box_says_to_sign_up_and_shows_no_login():
    box = console.welcome(EMPTY, is_invite_only=False)

    assert "Sign up there" in box
    assert "None" not in box
    assert "curl" not in box


def test_a_machine_others_can_reach_is_told_that_sign_up_is_by_invitation():
    assert "sign-up is by invitation only" in console.welcome(REPORT, is_invite_only=True)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"level": "WARNING", "message": "first\\nsecond"}\n', "first"),
        (b'{"level": "ERROR", "message": "it failed"}\n', "it failed"),
        (b'{"level": "INFO", "message": "all is well"}\n', ""),
        (b'{"level": "WARNING", "mess', ""),
        (b"Traceback (most recent call last):\n", ""),
        (b"\xff\xfe\n", ""),
    ],
)
def test_only_warnings_of_the_json_log_reach_the_console(line, expected):
    assert warning_in(line) == expected


def test_a_repeated_warning_is_shown_once():
    shown = []
    warnings = Warnings("web", shown.append)

    for message in ["database away", "database away", "disk slow"]:
        warnings.look_at(json.dumps({"level": "ERROR", "message": message}).encode())

    assert shown == ["web: database away", "web: disk slow"]


def test_a_log_is_private_and_keeps_one_part_before_the_current(tmp_path, monkeypatch):
    monkeypatch.setattr("tokenops.stack.children._LARGEST_LOG_BYTES", 10)
    log = Log(tmp_path / "web.log")

    for line in [b"the first line\n", b"the second line\n", b"the third line\n"]:
        log.write(line)
    log.close()

    assert (tmp_path / "web.log").read_bytes() == b"the third line\n"
    assert (tmp_path / "web.log.1").read_bytes() == b"the second line\n"
    assert stat.S_IMODE((tmp_path / "web.log").stat().st_mode) == 0o600


def test_only_one_holds_the_directory_and_a_dead_one_does_not(tmp_path):
    with preflight.only_one(tmp_path):
        held = re.escape(f"TokenOps is already running here (process {os.getpid()}); stop it first.")
        with pytest.raises(StackError, match=f"^{held}$"), preflight.only_one(tmp_path):
            pass

    (tmp_path / "lock").write_text("4000000, a longer text of a process that is gone")
    with preflight.only_one(tmp_path):
        assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_a_taken_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(StackError, match=f"^Port {port} is taken; stop what uses it or choose another"):
            preflight.refuse_taken_port("127.0.0.1", port)


def test_a_free_port_is_not_refused_and_stays_free():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    preflight.refuse_taken_port("127.0.0.1", port)
    preflight.refuse_taken_port("127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "not a host"])
def test_an_address_of_another_machine_is_named(host):
    with pytest.raises(StackError, match=f"^HOST={host} is not an address of this machine.$"):
        preflight.refuse_taken_port(host, 8000)


def test_a_database_nobody_answers_for_is_named_without_its_password():
    with pytest.raises(StackError, match=r"^The database of DATABASE_URL cannot be reached: .*refused") as caught:
        preflight.refuse_unreachable_database("postgresql://someone:hunter2@127.0.0.1:1/tokenops")

    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://someone:hunter2@host/db", "postgresql://someone:hunter2@[host/db", "="])
def test_a_database_url_that_is_none_is_not_repeated(url):
    with pytest.raises(StackError, match=r"^DATABASE_URL is not a Postgres URL like"):
        preflight.refuse_unreachable_database(url)


def test_the_fingerprint_of_static_files_changes_with_any_of_them(tmp_path):
    (tmp_path / "css").mkdir()
    style = tmp_path / "css" / "style.css"
    style.write_text("a {}")
    before = static.fingerprint([tmp_path / "css"])

    same = static.fingerprint([tmp_path / "css", tmp_path / "missing"])
    style.write_text("b {color: red}")

    assert before == same
    assert static.fingerprint([tmp_path / "css"]) != before
