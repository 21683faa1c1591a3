"""Usage by the clock of the organization, and calls as they arrive."""

import json
from datetime import datetime, timezone

import pytest


def row(**fields):
    given = {"calls": 10, "errors": 1, "input_tokens": 1_200_000, "output_tokens": 950, "unpriced_calls": 0}
    return given | {"cost_usd": "12.5"} | fields


def usages(server, *rows, time_zone="UTC", **more):
    ends = {"from": "2026-11-01T00:00:00Z", "to": "2026-11-08T00:00:00Z", "time_zone": time_zone}
    server.will("/api/v1/usage", ends | {"results": list(rows), "next": None} | more)


def test_usage_is_a_table_with_the_most_expensive_first_and_a_total(run, server):
    unpriced = row(model=None, cost_usd=None, unpriced_calls=3)
    usages(server, row(model="small", cost_usd="0.000123"), row(model="大きい"), unpriced)

    result = run("usage", "--from", "2026-11-01", "--to", "2026-11-08")

    assert result.stdout.splitlines() == [
        "Model   Calls  Errors  Input  Output       Cost",
        "大きい     10       1  1.2 M     950     $12.50",
        "small      10       1  1.2 M     950  $0.000123",
        "(none)     10       1  1.2 M     950    unknown",
        "Total      30       3  3.6 M   2,850     $12.50",
    ]
    assert result.stderr == "3 calls have no price: their cost is unknown, and in no sum.\n"
    (query,) = server.queries("/api/v1/usage")
    assert (query["group_by"], query["from"], query["to"]) == (["model"], ["2026-11-01"], ["2026-11-08"])


def test_usage_names_groups_as_the_api_does_repeated_or_with_commas(run, server):
    usages(server)

    result = run("usage", "-g", "project, team", "-g", "model", "--from", "2026-11-01", "--team", "a", "--team", "b")

    assert result.stdout == "No calls.\n"
    (query,) = server.queries("/api/v1/usage")
    assert (query["group_by"], query["team"]) == (["project", "team", "model"], ["a", "b"])


def test_days_are_those_of_the_organizations_clock(run, server, monkeypatch):
    usages(server, time_zone="Pacific/Kiritimati")  # 14 hours ahead: there it is tomorrow for most of the day
    usages(server)
    now = datetime(2026, 11, 7, 12, tzinfo=timezone.utc)
    monkeypatch.setattr("tokenops_sdk.cli.periods.utc_now", lambda: now)

    assert run("usage", "--days", 7).exit_code == 0

    assert [query.get("from") for query in server.queries("/api/v1/usage")] == [None, ["2026-11-02"]]


@pytest.mark.parametrize(
    "options",
    [
        ["--days", "3", "--from", "2026-11-01"],
        ["--to", "2026-11-01"],
        ["--from", "yesterday"],
        ["--from", "2026-11-01T00:00:00"],
        ["--days", "0"],
    ],
)
def test_a_period_that_is_none_is_a_wrong_command_line(run, server, options):
    assert run("usage", *options).exit_code == 2
    assert server.asked == []


def test_a_time_zone_that_the_machine_lacks_is_said(run, server):
    usages(server, time_zone="Mars/Olympus")

    result = run("usage", "--days", 7)

    assert result.exit_code == 6
    assert "This machine does not know the time zone Mars/Olympus" in result.stderr


def test_usage_reads_every_page_from_its_own_server_only(run, server):
    usages(server, row(model="a"), next="https://evil.example/api/v1/usage?cursor=abc")
    usages(server, row(model="b", cost_usd="13"))

    found = json.loads(run("usage", "--json", "--from", "2026-11-01").stdout)

    assert [one["model"] for one in found["results"]] == ["b", "a"]
    assert (found["from"], found["to"]) == ("2026-11-01T00:00:00Z", "2026-11-08T00:00:00Z")
    assert server.queries("/api/v1/usage")[1] == {"cursor": ["abc"]}


def test_a_parameter_the_server_refuses_is_said(run, server):
    problem = {"title": "The request is not valid.", "errors": [{"field": "group_by", "message": "Unknown."}]}
    server.will("/api/v1/usage", problem, 400)

    result = run("usage", "--group-by", "nonsense", "--from", "2026-11-01")

    assert result.exit_code == 5
    assert "The request is not valid. group_by: Unknown." in result.output


def call(number, **fields):
    given = {
        "id": f"c{number}",
        "project": "web",
        "timestamp": f"2026-11-22T10:15:0{number}.000000Z",
        "received_at": f"2026-11-22T10:15:0{number}.500000Z",
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


def calls(server, *found, **more):
    server.will("/api/v1/calls", {"results": list(found), "next": None} | more)


@pytest.fixture
def polls(monkeypatch):
    """So many looks at what is new, then Ctrl-C."""

    def allow(count):
        left = iter(range(count))

        def wait(_seconds):
            if next(left, None) is None:
                raise KeyboardInterrupt

        monkeypatch.setattr("tokenops_sdk.cli.traffic.sleep", wait)

    return allow


def ids(result):
    return [json.loads(line)["id"] for line in result.stdout.splitlines()]


def test_tail_shows_the_last_calls_oldest_first(run, server):
    calls(server, call(2, cost_usd=None, model_key="模" * 20, status="error"), call(1), call(0))

    lines = run("tail", "--no-follow", "-n", 2, "--feature", "chat").stdout.splitlines()

    assert len(lines) == 2
    assert lines[0].split()[2:] == ["gpt-4o", "chat", "1,200", "→", "340", "812", "ms", "$0.0064"]
    assert f"{'模' * 13} …  chat " in lines[1]
    assert lines[1].endswith("unknown  error")
    assert server.queries("/api/v1/calls") == [{"limit": ["500"], "endpoint_name": ["chat"]}]


def test_tail_goes_on_with_what_arrives_also_late_and_shows_nothing_twice(run, server, polls):
    calls(server, call(3))
    late = call(2, received_at="2026-11-22T10:15:09.000000Z")
    older = call(1)  # was there before, beyond the first page
    calls(server, call(4), call(3), late, older)
    calls(server, call(5), call(4), call(3), late, older)
    polls(2)

    result = run("tail", "--json")

    assert ids(result) == ["c3", "c2", "c4", "c5"]
    assert result.exit_code == 130


def test_tail_reads_back_until_nothing_is_new(run, server, polls):
    calls(server, call(1))
    calls(server, call(3), next="http://x/api/v1/calls?cursor=1")
    calls(server, call(2), next="http://x/api/v1/calls?cursor=2")
    calls(server, call(1), next="http://x/api/v1/calls?cursor=3")
    polls(1)

    assert ids(run("tail", "--json", "-n", 0)) == ["c2", "c3"]
    assert len(server.queries("/api/v1/calls")) == 4


def test_tail_says_when_calls_arrive_faster_than_it_reads(run, server, polls, monkeypatch):
    monkeypatch.setattr("tokenops_sdk.cli.traffic._MOST_PAGES", 1)
    calls(server)
    calls(server, call(3), next="http://x/api/v1/calls?cursor=1")
    calls(server, call(2))
    polls(1)

    result = run("tail", "--json")

    assert ids(result) == ["c3"]
    assert "some are left out" in result.stderr


def test_tail_waits_for_a_server_that_is_away_and_says_so_once(run, server, polls):
    calls(server, call(1))
    for _ in range(4):
        server.will("/api/v1/calls", {"title": "Away"}, 500)
    calls(server, call(2), call(1))
    polls(9)  # four waits for it, five looks

    result = run("tail", "--json")

    assert ids(result) == ["c1", "c2"]
    assert result.stderr == "Away Trying again.\n"


def test_tail_ends_where_the_key_ends(run, server, polls):
    calls(server, call(1))
    server.will("/api/v1/calls", {"title": "The key was revoked."}, 401)
    polls(3)

    result = run("tail", "--json")

    assert result.exit_code == 3
    assert "The key was revoked." in result.stderr
