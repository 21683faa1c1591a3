"""The command line against an API on loopback: what it asks, prints and answers to the shell."""

import json
import stat
import sys
import time
from datetime import datetime, timedelta, timezone

import pytest
from typer.testing import CliRunner

from sdk_tests.api_server import ME, api_server
from tokenops_sdk import cli
from tokenops_sdk.cli import profile
from tokenops_sdk.cli.app import app

ACCEPTED = {"accepted": 2, "duplicates": 0, "rejected_count": 0, "rejected": []}
REPORT = {
    "llm_spend_usd": "120.50",
    "issues": [{"severity": "medium", "rule": "CACHE_WASTE"}, {"severity": "low", "rule": "SPIKE"}],
    "text": "TOKENOPS COST OPTIMIZATION REPORT\n[MEDIUM] CACHE_WASTE search\n",
}


@pytest.fixture
def server():
    with api_server() as running:
        yield running


@pytest.fixture
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("TOKENOPS_API_KEY", "TOKENOPS_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def run(home, server):
    """Run a command with a key of the environment; answers the result."""

    def invoke(*arguments, key="tko_test", **options):
        environment = {"TOKENOPS_API_KEY": key, "TOKENOPS_URL": server.url} if key else {"TOKENOPS_URL": server.url}
        return CliRunner().invoke(app, [*map(str, arguments)], env=environment, **options)

    return invoke


def scopes(server, *names):
    server.answers["/api/v1/me"] = [(200, ME | {"key": ME["key"] | {"scopes": list(names)}})]


# --- login, whoami, doctor ---


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

    assert result.exit_code == 1
    assert "cannot be read (TOMLDecodeError); run tokenops login again." in result.output


def test_whoami_as_json_is_what_the_server_says(run, server):
    assert json.loads(run("whoami", "--json").stdout) == ME | {"url": server.url}


def test_doctor_finds_a_clock_that_is_wrong(run, server):
    server.now = time.time() - 3_600

    result = run("doctor")

    assert result.exit_code == 1
    assert "FAIL  clock        36" in result.stdout
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


# --- report ---


def test_the_report_is_printed_as_the_server_wrote_it(run, server):
    server.will("/api/v1/reports/terminal", REPORT)

    result = run("report", "--days", 7, "--project", "web")

    assert (result.exit_code, result.stdout) == (0, REPORT["text"])
    assert server.queries("/api/v1/reports/terminal") == [{"days": ["7"], "project": ["web"]}]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--fail-over", "120.50"], 0, ""),
        (["--fail-over", "120"], 1, "LLM spend of $120.50 is over $120.00."),
        (["--fail-on", "high"], 0, ""),
        (["--fail-on", "medium"], 1, "1 issue of severity medium or higher."),
        (["--fail-on", "LOW"], 1, "2 issues of severity LOW or higher."),
    ],
)
def test_the_report_fails_a_build_when_it_is_told_to(run, server, options, code, said):
    server.will("/api/v1/reports/terminal", REPORT)

    result = run("report", *options)

    assert result.exit_code == code
    assert said in result.stderr
    assert result.stdout == REPORT["text"]


def test_an_unknown_spend_is_not_under_every_limit(run, server):
    server.will("/api/v1/reports/terminal", REPORT | {"llm_spend_usd": None, "issues": []})

    result = run("report", "--fail-over", "1")

    assert result.exit_code == 1
    assert "LLM spend is unknown: no call has a price." in result.stderr


def test_an_unknown_severity_is_a_wrong_command_line(run):
    assert run("report", "--fail-on", "severe").exit_code == 2


# --- usage, insights, tail ---


def row(**fields):
    given = {"calls": 10, "errors": 1, "input_tokens": 1_200_000, "output_tokens": 950, "unpriced_calls": 0}
    return given | {"cost_usd": "12.5"} | fields


def test_usage_asks_for_its_groups_and_lists_the_most_expensive_first(run, server):
    unpriced = row(model=None, cost_usd=None, unpriced_calls=3)
    rows = [row(model="small", cost_usd="0.000123"), row(model="large"), unpriced]
    server.will("/api/v1/usage", {"results": rows, "next": None})

    result = run("usage", "--group-by", "model", "--days", 7)

    assert result.stdout.splitlines() == [
        "Model\tCalls\tErrors\tInput\tOutput\tCost",
        "large\t10\t1\t1.2 M\t950\t$12.50",
        "small\t10\t1\t1.2 M\t950\t$0.000123",
        "(none)\t10\t1\t1.2 M\t950\tunknown",
        "3 calls have no price; their cost is unknown and not in these sums.",
    ]
    (query,) = server.queries("/api/v1/usage")
    assert query["group_by"] == ["model"]
    assert datetime.now(timezone.utc) - datetime.fromisoformat(query["from"][0]) < timedelta(days=7, minutes=1)


def test_usage_reads_every_page_from_its_own_server_only(run, server):
    elsewhere = "https://evil.example/api/v1/usage?cursor=abc"
    server.will("/api/v1/usage", {"results": [row(model="a")], "next": elsewhere})
    server.will("/api/v1/usage", {"results": [row(model="b")], "next": None})

    found = json.loads(run("usage", "--json").stdout)

    assert [one["model"] for one in found] == ["a", "b"]
    assert server.queries("/api/v1/usage")[1] == {"cursor": ["abc"]}


def test_a_parameter_the_server_refuses_is_said(run, server):
    problem = {"title": "The request is not valid.", "errors": [{"field": "group_by", "message": "Unknown."}]}
    server.will("/api/v1/usage", problem, 400)

    result = run("usage", "--group-by", "nonsense")

    assert result.exit_code == 5
    assert "The request is not valid. group_by: Unknown." in result.output


def test_insights_say_what_they_would_save(run, server):
    saving = {"month_usd": "10.628", "is_upper_bound": True}
    found = {"severity": "high", "rule": "MODEL_MISUSE", "team": "", "title": "Premium [red]", "saving": saving}
    server.will("/api/v1/insights", {"results": [found, found | {"saving": None}], "next": None})

    lines = run("insights").stdout.splitlines()

    assert lines[1] == "high\tMODEL_MISUSE\t-\tPremium [red]\tup to $10.63"
    assert lines[2].endswith("\t-")
    assert server.queries("/api/v1/insights")[0]["status"] == ["open"]


def call(number, **fields):
    given = {
        "id": f"c{number}",
        "project": "web",
        "timestamp": f"2026-11-22T10:15:0{number}.000000Z",
        "model_key": "gpt-4o",
        "endpoint_name": "chat",
        "input_tokens": 1200,
        "output_tokens": 340,
        "usage_estimated": False,
        "latency_ms": 812.5,
        "cost_usd": "0.0064",
        "status": "ok",
        "error_type": None,
    }
    return given | fields


def test_tail_shows_the_last_calls_oldest_first(run, server):
    server.will("/api/v1/calls", {"results": [call(2, cost_usd=None), call(1)], "next": None})

    lines = run("tail", "--no-follow", "-n", 2, "--feature", "chat").stdout.splitlines()

    assert len(lines) == 2
    assert lines[0].split()[1:] == ["gpt-4o", "chat", "1,200", "→", "340", "812", "ms", "$0.0064"]
    assert lines[1].endswith("unknown")
    assert server.queries("/api/v1/calls") == [{"limit": ["2"], "endpoint_name": ["chat"]}]


def test_tail_goes_on_with_what_is_new(run, server, monkeypatch):
    server.will("/api/v1/calls", {"results": [call(1)], "next": None})
    server.will("/api/v1/calls", {"results": [call(2), call(1)], "next": None})
    waits = iter([None])

    def wait(_seconds):
        if next(waits, "over") == "over":
            raise KeyboardInterrupt

    monkeypatch.setattr("tokenops_sdk.cli.traffic.sleep", wait)

    result = run("tail", "--json")

    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == ["c1", "c2"]
    assert result.exit_code == 130


# --- send, import, advise ---


def test_send_posts_lines_once_with_a_key_made_of_what_they_hold(run, server, tmp_path):
    file = tmp_path / "calls.ndjson"
    file.write_text('{"model": "gpt-4o", "input_tokens": 5}\n\n{"model": "gpt-4o-mini"}\n')
    server.will("/api/v1/ingest", {"title": "Busy"}, 503)
    server.will("/api/v1/ingest", ACCEPTED, 202)

    result = run("send", file)

    assert (result.exit_code, result.stdout) == (0, "2 accepted, 0 were there already, 0 refused.\n")
    posts = [(headers["idempotency-key"], given) for method, _, _, headers, given in server.asked if method == "POST"]
    assert posts[0] == posts[1]
    assert posts[0][1] == {"events": [{"model": "gpt-4o", "input_tokens": 5}, {"model": "gpt-4o-mini"}]}


def test_send_reads_csv_and_says_what_was_refused(run, server, tmp_path):
    file = tmp_path / "calls.csv"
    file.write_text('id,model,prompt_tokens,stream,tags\n007,gpt-4o,5,true,"{""plan"": ""pro""}"\n008,,1,,\n')
    refused = {"index": 1, "errors": [{"field": "model", "message": "is required"}]}
    server.will("/api/v1/ingest", {"accepted": 1, "duplicates": 0, "rejected_count": 1, "rejected": [refused]}, 202)

    result = run("send", file)

    assert result.exit_code == 5
    assert "event 2: model is required" in result.stdout
    assert server.asked[0][4]["events"] == [
        {"id": "007", "model": "gpt-4o", "prompt_tokens": 5, "stream": True, "tags": {"plan": "pro"}},
        {"id": "008", "prompt_tokens": 1},
    ]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.ndjson", '{"model": "x"}\n{', "line 2: this is no JSON."),
        ("a.ndjson", "[1]\n", "line 1: an event is a JSON object."),
        ("a.csv", "model,input_tokens\ngpt-4o,many\n", "line 2: invalid literal"),
        ("a.ndjson", b"\xff\xfe\x00", "cannot be read: UnicodeDecodeError."),
    ],
)
def test_a_line_that_is_no_event_is_named(run, server, tmp_path, name, text, said):
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())

    result = run("send", file)

    assert result.exit_code == 1
    assert said in result.output


def test_a_quota_that_is_used_up_is_not_tried_again(run, server, tmp_path):
    file = tmp_path / "a.ndjson"
    file.write_text('{"model": "gpt-4o"}\n')
    server.will("/api/v1/ingest", {"type": "https://x/quota-exceeded", "title": "The quota is used up."}, 429)

    result = run("send", file)

    assert result.exit_code == 5
    assert "The quota is used up." in result.output
    assert len(server.asked) == 1


OPENAI = {
    "data": [
        {
            "start_time": 1_760_000_000,
            "end_time": 1_760_003_600,
            "results": [
                {
                    "input_tokens": 10,
                    "output_tokens": 4,
                    "input_cached_tokens": 3,
                    "num_model_requests": 3,
                    "model": "gpt-4o-2024-08-06",
                    "project_id": "proj_1",
                }
            ],
        }
    ]
}


def test_an_import_keeps_sums_and_counts_and_says_that_calls_are_estimated(run, server, tmp_path):
    file = tmp_path / "usage.json"
    file.write_text(json.dumps(OPENAI))
    server.will("/api/v1/ingest", ACCEPTED, 202)

    assert run("import", file, "--from", "openai").exit_code == 0

    _, _, _, headers, given = server.asked[0]
    events = given["events"]
    assert headers["x-tokenops-source"] == "import"
    assert [event["input_tokens"] for event in events] == [4, 3, 3]
    assert [event.get("output_tokens") for event in events] == [2, 1, 1]
    assert sum(event["cached_input_tokens"] for event in events) == 3
    assert all(event["usage_estimated"] and event["tags"] == {"project": "proj_1"} for event in events)
    assert len({event["id"] for event in events}) == 3
    assert events[1]["timestamp"] == "2025-10-09T09:13:20+00:00"


def test_importing_the_same_day_again_gives_the_same_ids(tmp_path):
    from tokenops_sdk.cli import provider_usage

    file = tmp_path / "usage.json"
    file.write_text(json.dumps(OPENAI))
    first = list(provider_usage.events(file, "openai"))
    longer = json.loads(file.read_text())
    longer["data"][0]["results"][0]["output_tokens"] = 40
    file.write_text(json.dumps(longer))

    assert [event["id"] for event in provider_usage.events(file, "openai")] == [event["id"] for event in first]


def test_an_import_of_anthropic_counts_caches_once(run, tmp_path):
    file = tmp_path / "usage.csv"
    file.write_text(
        "usage_date_utc,model_version,workspace,usage_type,usage_input_tokens_no_cache,"
        "usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,"
        "usage_output_tokens\n2026-11-20,claude-sonnet-4-5,Default,batch,100,10,5,20,7\n"
    )
    from tokenops_sdk.cli import provider_usage

    (event,) = provider_usage.events(file, "anthropic")

    assert event["timestamp"] == "2026-11-20T00:00:00+00:00"
    assert event["tags"] == {"workspace": "Default", "requests": "unknown"}
    counts = {name: value for name, value in event.items() if name.endswith("_tokens")}
    assert counts == {
        "input_tokens": 135,
        "cached_input_tokens": 20,
        "cache_write_tokens": 15,
        "cache_write_1h_tokens": 5,
        "output_tokens": 7,
    }
    assert event["service_tier"] == "batch"
    assert run("import", file, "--from", "anthropic", "--dry-run").stdout == "Model\tCalls\nclaude-sonnet-4-5\t1\n"


def test_what_is_no_usage_export_is_said(run, tmp_path):
    file = tmp_path / "usage.json"
    file.write_text('{"data": 5}')

    result = run("import", file, "--from", "openai")

    assert result.exit_code == 1
    assert "is no JSON of a usage API" in result.output


def test_advise_compares_by_real_usage_and_asks_nobody(run, server, tmp_path):
    file = tmp_path / "calls.ndjson"
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 100_000}
    events = [{"model": "gpt-4o", "usage": usage}, {"model": "gpt-4o", "input_tokens": 0}, {"model": "house"}]
    file.write_text("\n".join(map(json.dumps, events)))

    found = json.loads(run("advise", file, "--json").stdout)

    assert (found[0]["model"], found[0]["calls"], found[0]["cost_usd"]) == ("gpt-4o", 2, "3.5")
    (best, *_) = json.loads(run("advise", file, "--json", "--most", 20).stdout)
    mini = {one["model"]: one for one in best["alternatives"]}
    assert (mini["gpt-4o-mini"]["cost_usd"], mini["gpt-4o-mini"]["saves_usd"]) == ("0.21", "3.29")
    assert found[1] == {"model": "house", "calls": 1, "cost_usd": None, "alternatives": []}
    assert server.asked == []


def test_the_missing_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "typer", None)
    monkeypatch.delitem(sys.modules, "tokenops_sdk.cli.app")

    with pytest.raises(SystemExit) as left:
        cli.main()

    assert left.value.code == 1
    assert "pip install 'tokenops-sdk[cli]'" in capsys.readouterr().err
