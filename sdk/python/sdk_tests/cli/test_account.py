"""login, whoami and doctor against an API on loopback: what they ask, print and answer to the shell."""

import json
import stat
import time

from sdk_tests.api_server import ME
from tokenops_sdk.cli import profile

ACCEPTED = {"accepted": 2, "duplicates": 0, "rejected_count": 0, "rejected": []}


def scopes(server, *names):
    server.answers["/api/v1/me"] = [(200, ME | {"key": ME["key"] | {"scopes": list(names)}})]


def test_login_checks_the_key_and_keeps_it_for_its_owner_only(run, server, home):
    result = run("login", "--key", "tko_mine", "--url", server.url, key="")

    assert result.exit_code == 0
    assert 'Key Ab3dEf7h "Reports" of Acme (read)' in result.stdout
    assert "tko_mine" not in result.output
    path = home / "tokenops" / "config.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert profile.load(environ={"XDG_CONFIG_HOME": str(home)}) == profile.Profile(server.url, "tko_mine", str(path))
    _, _, _, headers, _ = server.asked[0]
    assert headers["authorization"] == "Bearer tko_mine"


def test_login_asks_for_the_key_without_showing_it(run, server):
    result = run("login", key="", input="tko_typed\n")

    assert result.exit_code == 0
    assert "tko_typed" not in result.output
    assert server.asked[0][3]["authorization"] == "Bearer tko_typed"


def test_login_refuses_a_key_that_may_not_read_and_stores_nothing(run, server, home):
    scopes(server, "ingest")

    result = run("login", "--key", "tko_mine", key="")

    assert result.exit_code == 3
    assert "has the scopes ingest, and read is needed here" in result.output
    assert not (home / "tokenops").exists()


def test_a_wrong_key_says_where_it_is_from(run, server):
    server.answers["/api/v1/me"] = [(401, {"title": "These credentials are not valid."})]

    result = run("whoami")

    assert result.exit_code == 3
    assert "These credentials are not valid. (The key is from TOKENOPS_API_KEY.)" in result.output


def test_without_a_key_the_next_step_is_said(run):
    result = run("whoami", key="")

    assert (result.exit_code, result.output.strip()) == (
        3,
        "tokenops: There is no API key: run tokenops login, or set TOKENOPS_API_KEY.",
    )


def test_an_unreachable_server_is_said_with_its_address(run):
    result = run("--url", "http://127.0.0.1:1", "whoami")

    assert result.exit_code == 4
    assert "http://127.0.0.1:1 cannot be reached (ConnectError)" in result.output


def test_something_else_than_tokenops_is_said(run, server):
    server.answers["/api/v1/me"] = [(200, b"<html>")]

    result = run("whoami")

    assert result.exit_code == 4
    assert "did not answer with JSON: is it a TokenOps server?" in result.output


def test_a_broken_configuration_is_said(run, home):
    (home / "tokenops").mkdir()
    (home / "tokenops" / "config.toml").write_text("key = [")

    result = run("whoami", key="")

    assert result.exit_code == 6
    assert "cannot be read (TOMLDecodeError); run tokenops login again." in result.output


def test_whoami_as_json_is_what_the_server_says(run, server):
    assert json.loads(run("whoami", "--json").stdout) == ME | {"url": server.url}


def test_doctor_finds_a_clock_that_is_wrong(run, server):
    server.now = time.time() - 3_600

    result = run("doctor")

    assert result.exit_code == 1
    assert "FAIL  clock       36" in result.stdout
    assert "s ahead of the server" in result.stdout


def test_doctor_sends_a_test_event_where_the_key_may(run, server):
    scopes(server, "read", "ingest")
    server.will("/api/v1/ingest", ACCEPTED, 202)

    result = run("doctor", "--json")

    assert result.exit_code == 0
    assert [(one["check"], one["ok"]) for one in json.loads(result.stdout)] == [
        ("connection", True),
        ("clock", True),
        ("key", True),
        ("read", True),
        ("test event", True),
    ]
    (event,) = [given for method, _, _, _, given in server.asked if method == "POST"]
    assert (event["model"], event["environment"]) == ("tokenops-doctor", "test")


def test_login_says_when_the_environment_goes_before_it(run, server):
    result = run("login", "--key", "tko_mine")

    assert result.stderr == "TOKENOPS_API_KEY is set, and is used instead until you unset it.\n"


def test_login_repairs_a_broken_configuration(run, server, home):
    (home / "tokenops").mkdir()
    (home / "tokenops" / "config.toml").write_text("key = [")

    found = json.loads(run("login", "--key", "tko_mine", "--json", key="").stdout)

    assert (found["url"], found["stored_in"]) == (server.url, str(home / "tokenops" / "config.toml"))
    assert profile.load(environ={"XDG_CONFIG_HOME": str(home)}).key == "tko_mine"


def test_login_without_a_key_says_so(run, server):
    assert run("login", key="", input="\n").exit_code == 3
    assert server.asked == []


def test_a_configuration_that_cannot_be_written_is_said(run, server, home):
    (home / "tokenops").write_text("a file where the folder should be")

    result = run("login", "--key", "tko_mine", "--url", server.url, key="")

    assert result.exit_code == 6
    assert "config.toml cannot be" in result.stderr
    assert "tko_mine" not in result.output


def test_doctor_sends_nothing_when_told_so(run, server):
    scopes(server, "read", "ingest")

    result = run("doctor", "--no-send")

    assert result.exit_code == 0
    assert [method for method, *_ in server.asked] == ["GET"]


def test_doctor_says_what_is_wrong_with_a_key_that_may_not_read(run, server):
    scopes(server, "ingest")

    result = run("doctor", "--no-send")

    assert result.exit_code == 1
    assert "FAIL  read        the key lacks the scope read" in result.stdout
