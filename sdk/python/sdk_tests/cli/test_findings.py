"""The report with its checks, insights and advice."""

import json
import sys

import pytest

REPORT = {
    "llm_spend_usd": "120.50",
    "issue_counts": {"high": 0, "medium": 1, "low": 1},
    "text": "TOKENOPS COST OPTIMIZATION REPORT\n[MEDIUM] CACHE_WASTE search\n",
}


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
        (["--fail-on", "LOW"], 1, "2 issues of severity low or higher."),
    ],
)
def test_the_report_fails_a_build_when_it_is_told_to(run, server, options, code, said):
    server.will("/api/v1/reports/terminal", REPORT)

    result = run("report", *options)

    assert result.exit_code == code
    assert said in result.stderr
    assert result.stdout == REPORT["text"]


def test_an_unknown_spend_is_not_under_every_limit(run, server):
    server.will("/api/v1/reports/terminal", REPORT | {"llm_spend_usd": None})

    result = run("report", "--fail-over", "1")

    assert result.exit_code == 1
    assert "LLM spend is unknown: no call has a price." in result.stderr


def test_an_unknown_severity_is_a_wrong_command_line(run):
    assert run("report", "--fail-on", "severe").exit_code == 2


def insight(**fields):
    given = {"severity": "low", "rule": "SPIKE", "team": "", "title": "Spike", "saving": None}
    return given | fields


def test_insights_come_with_the_worst_first_and_say_what_they_would_save(run, server):
    less, more = ({"month_usd": usd, "is_upper_bound": True} for usd in ("2", "10.628"))
    high = {"severity": "high", "rule": "MODEL_MISUSE", "title": "Premium [red]\x1b[2J"}
    results = [insight(), insight(saving=less), insight(saving=more, **high)]
    server.will("/api/v1/insights", {"results": results, "next": None})

    assert run("insights").stdout.splitlines() == [
        "Severity  Rule          Team  Insight           Saves a month",
        "high      MODEL_MISUSE  -     Premium [red][2J   up to $10.63",
        "low       SPIKE         -     Spike               up to $2.00",
        "low       SPIKE         -     Spike                         -",
    ]
    assert server.queries("/api/v1/insights") == [{"limit": ["500"]}]


def test_all_insights_are_those_of_every_status(run, server):
    server.will("/api/v1/insights", {"results": [], "next": None})

    assert run("insights", "--status", "all", "--severity", "high").stdout == "No insights.\n"

    (query,) = server.queries("/api/v1/insights")
    assert query["status"] == ["open", "acknowledged", "muted", "resolved"]
    assert query["severity"] == ["high"]


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


def test_without_the_prices_the_extra_is_named(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    file = tmp_path / "a.ndjson"
    file.write_text('{"model": "gpt-4o", "input_tokens": 1}')

    result = run("advise", file)

    assert result.exit_code == 6
    assert "pip install 'tokenops-sdk[prices]'" in result.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"input_tokens": 1}', "event 1: it has no model."),
        ('{"model": "m", "input_tokens": "many"}', "event 1: its token counts cannot be read."),
        ('{"model": "m", "usage": {"odd": 1}}', "event 1: its token counts cannot be read."),
    ],
)
def test_usage_that_cannot_be_read_is_named(run, tmp_path, line, said):
    file = tmp_path / "a.ndjson"
    file.write_text(line)

    result = run("advise", file)

    assert result.exit_code == 6
    assert said in result.stderr


@pytest.mark.parametrize("amount", ["-1", "many", "nan", "inf"])
def test_a_limit_that_is_no_amount_is_a_wrong_command_line(run, server, amount):
    assert run("report", f"--fail-over={amount}").exit_code == 2
    assert server.asked == []


@pytest.mark.parametrize(("limit", "code"), [("$1,000.00", 0), ("0.1", 1), ("0.30", 0)])
def test_a_limit_is_compared_exactly(run, server, limit, code):
    server.will("/api/v1/reports/terminal", REPORT | {"llm_spend_usd": "0.30"})

    assert run("report", "--fail-over", limit).exit_code == code
