"""What holds for every command: help, version, exit codes, what is written where, and to what kind of reader."""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from sdk_tests.api_server import ME
from tokenops_sdk import cli
from tokenops_sdk.cli import app, output
from tokenops_sdk.cli.errors import Exit

COMMANDS: Final[dict[str, Any]] = vars(get_command(app.app))["commands"]
DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "cli.md"
PROGRAM = "import sys; from tokenops_sdk.cli import main; sys.argv[0] = 'tokenops'; main()"


def started(server, *arguments, **environ):
    """The command as a process of its own."""
    environment = os.environ | {"TOKENOPS_URL": server.url, "TOKENOPS_API_KEY": "tko_test"} | environ
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_helps_with_every_option_and_answers_with_json(name):
    result = CliRunner().invoke(app.app, [name, "--help"])

    assert result.exit_code == 0
    assert COMMANDS[name].help
    assert all(one.help for one in COMMANDS[name].params)
    assert "--json" in result.stdout
    assert "\x1b" not in result.stdout


def test_help_says_what_exit_codes_mean(run):
    text = " ".join(run("-h").stdout.split())

    assert "0 well, 1 a check failed, 2 a wrong command line, 3 the key may not" in text


def test_the_version_needs_no_key(run):
    assert re.fullmatch(r"tokenops \d+\.\d+\.\d+\S*\n", run("--version", key="").stdout)


def test_a_sentence_says_what_is_wrong_and_standard_output_stays_empty(run):
    result = run("--url", "ftp://x", "whoami")

    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr == "tokenops: ftp://x is no address: it begins with https:// or http://.\n"


def test_a_key_with_letters_that_no_key_has_is_said_without_it(run):
    result = run("whoami", key="tko_“mine”")

    assert result.exit_code == 3
    assert result.stderr == "tokenops: The key from TOKENOPS_API_KEY has letters that no key has.\n"


def test_a_redirect_says_where_to_and_the_key_stays_here(run, server):
    def away(handler):
        handler.send_response_only(301)
        handler.send_header("Location", "https://tokenops.example/api/v1/me?x=1")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server.answers["/api/v1/me"] = [away]

    result = run("whoami")

    assert result.exit_code == 4
    assert "redirects to https://tokenops.example/: is that the address?" in result.stderr
    assert len(server.asked) == 1


@pytest.mark.parametrize(("status", "code"), [(401, 3), (403, 3), (404, 5), (400, 5), (500, 4), (503, 4), (429, 5)])
def test_the_exit_code_says_whose_move_it_is(run, server, status, code):
    server.answers["/api/v1/me"] = [(status, {"title": "No."})]

    assert run("whoami").exit_code == code


def test_a_busy_server_is_asked_again_after_as_long_as_it_wants(run, server, no_waiting):
    server.answers["/api/v1/me"] = [(429, {"title": "Too many requests."}), (200, ME)]

    assert run("whoami").exit_code == 0
    assert len(no_waiting) == 1


def test_a_server_that_stays_busy_is_left_alone(run, server):
    server.answers["/api/v1/me"] = [(429, {"title": "Too many requests."})]

    result = run("whoami")

    assert result.stderr == "tokenops: Too many requests.\n"
    assert len(server.asked) == 4


# --- What is written where ---


def test_a_build_that_forces_colours_still_gets_plain_lines_of_any_length(home, server):
    one = {"severity": "high", "rule": "SPIKE", "team": "", "title": "long " * 60 + ":warning:", "saving": None}
    server.will("/api/v1/insights", {"results": [one], "next": None})

    process = started(server, "insights", FORCE_COLOR="1", COLUMNS="20")
    said, complaints = process.communicate()

    assert (process.returncode, complaints) == (0, "")
    assert "\x1b" not in said
    assert one["title"] in said.splitlines()[1]


def test_the_report_in_a_log_without_unicode_is_no_traceback(home, server):
    numbers = {"llm_spend_usd": "1", "issue_counts": {}, "text": "≈ $1 客户\n"}
    server.will("/api/v1/reports/terminal", numbers)

    text, _ = started(server, "report", PYTHONIOENCODING="ascii").communicate()
    document, _ = started(server, "report", "--json", PYTHONIOENCODING="ascii").communicate()

    assert text == "? $1 ??\n"
    assert json.loads(document) == numbers


def test_whoever_reads_may_leave_and_no_check_passes_because_of_it(home, server):
    text = "line\n" * 1_000_000  # more than a pipe holds
    server.will("/api/v1/reports/terminal", {"llm_spend_usd": "9", "issue_counts": {}, "text": text})
    process = started(server, "report", "--fail-over", "1", PYTHONUNBUFFERED="")

    assert process.stdout.readline() == "line\n"
    process.stdout.close()

    assert process.stderr.read() == ""
    assert process.wait() == 141


def test_ctrl_c_ends_without_a_traceback(home, server):
    asked = threading.Event()

    def hang(handler):
        asked.set()
        handler.connection.recv(1)  # until the client goes away
        handler.close_connection = True

    server.answers["/api/v1/me"] = [hang]
    process = started(server, "whoami")
    assert asked.wait(60)
    process.send_signal(2)

    assert process.communicate() == ("", "")
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a\x1b[31mb", "a[31mb"),
        ("a\u202eb", "ab"),
        ("a\tb\u00a0c", "a b c"),
        ("x\x9b2J\x07", "x2J"),
        ("客户 ≈ é", "客户 ≈ é"),
    ],
)
def test_nothing_that_others_sent_steers_the_terminal(given, shown):
    assert output.plain(given) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (None, "unknown"),
        ("0", "$0"),
        ("1234.5", "$1,234.50"),
        ("0.000123", "$0.000123"),
        ("0.0000001", "< $0.000001"),
        ("-2.5", "-$2.50"),
        ("-0.0012", "-$0.0012"),
    ],
)
def test_amounts(amount, shown):
    assert output.dollars(amount) == shown


@pytest.mark.parametrize(
    ("count", "shown"), [(1, "1 byte"), (999, "999 bytes"), (4_200, "4.2 kB"), (9 * 10**6, "9.0 MB")]
)
def test_sizes(count, shown):
    assert output.size(count) == shown


@pytest.mark.parametrize("width", [5, 6])
def test_names_take_their_columns_whatever_the_letters(width):
    assert output.fitted("客户支持", width) == {5: "客户…", 6: "客户 …"}[width]
    assert output.fitted("ab", width) == "ab".ljust(width)


def test_at_a_terminal_tables_are_drawn_with_colours_unless_nobody_wants_them(monkeypatch):
    class Terminal(list):
        encoding = "utf-8"

        def write(self, text):
            self.append(text)

        def flush(self):
            pass

        def isatty(self):
            return True

    def drawn():
        screen = Terminal()
        monkeypatch.setattr(sys, "stdout", screen)
        output.table(["Severity"], [["high"], ["[red]"]], styles={"high": "red"})
        return "".join(screen)

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = drawn()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = drawn()

    assert "\x1b[31mhigh" in coloured
    assert "[red]" in coloured
    assert "\x1b[31m" not in plain


def test_the_missing_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "typer", None)
    monkeypatch.delitem(sys.modules, "tokenops_sdk.cli.app")

    with pytest.raises(SystemExit) as left:
        cli.main()

    assert left.value.code == 1
    assert "pip install 'tokenops-sdk[cli]'" in capsys.readouterr().err


# --- What docs/cli.md says ---


def documented(pattern):
    return re.findall(pattern, DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_document_lists_every_command_and_no_other():
    assert documented(r"^\| `tokenops ([a-z]+)` \|") == list(COMMANDS)
    sections = [name for heading in documented(r"^## ([a-z, ]+)$") for name in heading.split(", ")]
    assert sections == list(COMMANDS)


def test_the_document_names_no_option_that_is_not_there():
    known = {name for one in COMMANDS.values() for parameter in one.params for name in parameter.opts}
    known |= {"--url", "--key", "--help", "--no-send", "--no-follow"}

    assert set(documented(r"(?<![\w-])(--[a-z][a-z-]*)")) <= known


def test_the_document_gives_every_exit_code():
    assert [int(code) for code in documented(r"^\| (\d+) \|")] == [0, 1, 2, 3, 4, 5, 6, 130, 141]
    assert {int(code) for code in Exit} | {2, 130, 141} == {0, 1, 2, 3, 4, 5, 6, 130, 141}
