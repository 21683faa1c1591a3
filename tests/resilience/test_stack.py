import json
import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.resilience.processes import PATIENCE, is_running, kill, wait_until
from tests.servers import ROOT, free_port

pytestmark = pytest.mark.resilience

# Only what a shell would have: the suite's own settings must not leak into the stack.
SHELL = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}


@dataclass
class Stack:
    process: subprocess.Popen[bytes]
    state_dir: Path
    port: int
    output: Path

    @property
    def report_path(self):
        return self.state_dir / "run.json"

    def wait_until_ready(self):
        def is_ready():
            assert self.process.poll() is None, self.output.read_text()
            return self.report_path.exists()

        wait_until(is_ready, "the stack to be ready")

    def processes(self):
        """Every process below the supervisor: a name for each id."""
        found, open_ids = {}, [self.process.pid]
        while open_ids:
            pid = open_ids.pop()
            with suppress(FileNotFoundError):  # a short connection's backend
                found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                open_ids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        del found[self.process.pid]
        return found

    def end(self, number):
        """Send a signal to the supervisor; returns its exit code and what it printed."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE), self.output.read_text()


def command(state_dir, port, **environ):
    defaults = {"TOKENOPS_STATE_DIR": str(state_dir), "PORT": str(port), "DEMO": "0"}
    return {"args": [sys.executable, "-m", "tokenops.stack"], "cwd": ROOT, "env": SHELL | defaults | environ}


def refused(state_dir, port, **environ):
    """The one sentence with which a start ends."""
    result = subprocess.run(**command(state_dir, port, **environ), capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == ""
    return result.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory):
    """One installation for all tests here: only the first start has to build it."""
    return tmp_path_factory.mktemp("stack") / ".tokenops"


@pytest.fixture
def stack(state_dir, tmp_path):
    port, output = free_port(), tmp_path / "output"
    (state_dir / "run.json").unlink(missing_ok=True)
    with output.open("wb") as console:
        process = subprocess.Popen(**command(state_dir, port), stdout=console, stderr=console, start_new_session=True)
    running = Stack(process, state_dir, port, output)
    try:
        running.wait_until_ready()
        yield running
    finally:  # also of one that was never ready: the next test uses the same installation
        if process.poll() is None:
            process.terminate()
            process.wait(PATIENCE)


def test_a_start_is_ready_private_alone_and_stops_with_everything(stack, tmp_path):
    with urllib.request.urlopen(f"http://127.0.0.1:{stack.port}/readyz", timeout=PATIENCE) as response:
        assert response.status == 200
    nobody = dict.fromkeys(("email", "password", "organization", "project", "api_key"))
    assert json.loads(stack.report_path.read_text()) == {"url": f"http://127.0.0.1:{stack.port}"} | nobody
    assert "Sign up there" in stack.output.read_text()
    private = [path for path in stack.state_dir.rglob("*") if not {"pg", "static"} & set(path.parts)]
    assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in private} == {"0o600", "0o700"}

    running_here = f"TokenOps: TokenOps is already running here (process {stack.process.pid}); stop it first."
    assert refused(stack.state_dir, free_port()) == running_here
    assert refused(tmp_path / "other", stack.port).startswith(f"TokenOps: Port {stack.port} is taken;")

    processes = stack.processes()
    code, output = stack.end(signal.SIGINT)

    assert code == 0
    assert output.splitlines()[-4:] == [
        "  → Stopping web",
        "  → Stopping worker",
        "  → Stopping Postgres",
        "  Stopped.",
    ]
    assert not [name for pid, name in processes.items() if is_running(pid)]


def test_a_killed_supervisor_leaves_nothing_behind(stack):
    processes = stack.processes()

    kill(stack.process.pid)

    wait_until(lambda: not any(is_running(pid) for pid in processes), "everything to end")


@pytest.mark.parametrize(("marker", "name"), [("granian", "web"), ("/postgres -D", "postgres")])
def test_a_process_that_ends_takes_the_stack_down_with_a_sentence(stack, marker, name):
    processes = stack.processes()
    victim = min(pid for pid, words in processes.items() if marker in words)

    kill(victim)
    code = stack.process.wait(PATIENCE)

    assert code == 1
    sentence = f"TokenOps: The process {name} ended (code -9); see {stack.state_dir / 'logs' / name}.log."
    assert stack.output.read_text().splitlines()[-1] == sentence
    assert not [words for pid, words in processes.items() if is_running(pid)]


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"PORT": "eighty"}, "TokenOps: PORT must be a whole number from 1 to 65535."),
        ({"DEMO": "perhaps"}, "TokenOps: DEMO must be true or false."),
        ({"SIGNUP": "anybody"}, "TokenOps: SIGNUP must be one of open, invite, closed."),
        ({"HOST": "192.0.2.1"}, "TokenOps: HOST=192.0.2.1 is not an address of this machine."),
        (
            {"DATABASE_URL": "mysql://someone:hunter2@host/db"},
            "TokenOps: DATABASE_URL is not a Postgres URL like postgresql://user:password@host/database.",
        ),
    ],
)
def test_a_wrong_value_is_one_sentence_and_starts_nothing(tmp_path, environ, sentence):
    assert refused(tmp_path, environ.get("PORT", free_port()), **{k: v for k, v in environ.items() if k != "PORT"}) == (
        sentence
    )
    assert not (tmp_path / "pg").exists()


def test_a_state_folder_that_is_a_file_is_one_sentence(tmp_path):
    (tmp_path / "state").write_text("")

    sentence = refused(tmp_path / "state", free_port())

    assert sentence == f"TokenOps: TOKENOPS_STATE_DIR: {tmp_path / 'state'} cannot be a folder here; name another one."


def test_a_real_server_needs_its_own_secrets(tmp_path, django_db_setup):
    from django.conf import settings

    sentence = refused(tmp_path, free_port(), DATABASE_URL=settings.DATABASE.url)

    assert sentence == "TokenOps: SECRET_KEY is required when DATABASE_URL is set (or SECRET_KEY_FILE)."


def test_a_database_nobody_answers_for_is_one_sentence(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        sentence = refused(tmp_path, free_port(), DATABASE_URL=f"postgresql://someone:hunter2@127.0.0.1:{port}/db")

    assert sentence.startswith("TokenOps: The database of DATABASE_URL cannot be reached: ")
    assert "hunter2" not in sentence
