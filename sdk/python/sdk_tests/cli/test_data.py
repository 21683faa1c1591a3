"""Events from files and from exports of providers: sent once, whatever the server does meanwhile."""

import json

import pytest

from tokenops_sdk.cli import provider_usage

ACCEPTED = {"accepted": 2, "duplicates": 0, "rejected_count": 0, "rejected": []}


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
        ("a.csv", "model,input_tokens\ngpt-4o,many\n", "line 2: input_tokens cannot be read"),
        ("a.csv", "model,tags\ngpt-4o,{\n", "line 2: tags cannot be read"),
        ("a.ndjson", b"\xff\xfe\x00", "cannot be read: it is no UTF-8 text."),
    ],
)
def test_a_line_that_is_no_event_is_named(run, server, tmp_path, name, text, said):
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())

    result = run("send", file)

    assert result.exit_code == 6
    assert said in result.stderr
    assert "many" not in result.output
    assert server.asked == []


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
    assert run("import", file, "--from", "anthropic", "--dry-run").stdout == (
        "Model              Calls\nclaude-sonnet-4-5      1\n"
    )


def test_what_is_no_usage_export_is_said(run, tmp_path):
    file = tmp_path / "usage.json"
    file.write_text('{"data": 5}')

    result = run("import", file, "--from", "openai")

    assert result.exit_code == 6
    assert "is no JSON of a usage API" in result.output


# --- Whatever the server does ---


def sent(server):
    return [given["events"] for method, _, _, _, given in server.asked if method == "POST"]


def accepts(server, count):
    server.will("/api/v1/ingest", ACCEPTED | {"accepted": count}, 202)


def lines(path, count):
    path.write_text("".join(f'{{"model": "m{number}"}}\n' for number in range(count)))
    return path


def test_a_pipe_is_read_as_lines_of_json(run, server):
    accepts(server, 1)

    result = run("send", "-", input='{"model": "gpt-4o"}\n')

    assert (result.exit_code, sent(server)) == (0, [[{"model": "gpt-4o"}]])


def test_a_file_that_is_not_there_is_said(run, server, tmp_path):
    result = run("send", tmp_path / "none.csv")

    assert result.exit_code == 6
    assert result.stderr.endswith("none.csv cannot be read: No such file or directory.\n")


def test_a_broken_line_at_the_end_leaves_nothing_half_sent(run, server, tmp_path):
    file = lines(tmp_path / "a.ndjson", 600)
    with file.open("a") as opened:
        opened.write("{")

    assert run("send", file).exit_code == 6
    assert server.asked == []


def test_what_is_too_large_is_halved_and_counted_once(run, server, tmp_path):
    file = lines(tmp_path / "a.ndjson", 3)
    server.will("/api/v1/ingest", {"title": "Too large."}, 413)
    accepts(server, 1)
    refused = {"index": 1, "errors": [{"field": "", "message": "is odd"}]}
    server.will("/api/v1/ingest", {"accepted": 1, "duplicates": 0, "rejected_count": 1, "rejected": [refused]}, 202)

    result = run("send", file)

    assert [len(events) for events in sent(server)] == [3, 1, 2]
    assert result.stdout == "2 accepted, 0 were there already, 1 refused.\n  event 3: event is odd\n"


def test_one_event_that_is_too_large_is_said(run, server, tmp_path):
    server.will("/api/v1/ingest", {"title": "The body is too large."}, 413)

    result = run("send", lines(tmp_path / "a.ndjson", 1))

    assert (result.exit_code, result.stderr) == (5, "tokenops: The body is too large.\n")


def test_what_was_sent_before_a_failure_is_said(run, server, tmp_path):
    accepts(server, 500)
    server.will("/api/v1/ingest", {"title": "The key was revoked."}, 401)

    result = run("send", lines(tmp_path / "a.ndjson", 501))

    assert result.exit_code == 3
    assert result.stderr.splitlines()[0] == "500 events sent before; send all again, and none counts twice."


def test_a_server_that_stays_away_is_given_up(run, server, tmp_path, no_waiting):
    server.will("/api/v1/ingest", {"title": "Away."}, 503)

    result = run("send", lines(tmp_path / "a.ndjson", 1))

    assert (result.exit_code, result.stderr) == (4, "tokenops: Away.\n")
    assert (len(sent(server)), len(no_waiting)) == (8, 7)


def test_a_request_that_holds_too_much_to_list_says_how_much_more(run, server, tmp_path):
    refused = [{"index": index, "errors": [{"field": "model", "message": "is odd"}]} for index in range(12)]
    document = {"accepted": 0, "duplicates": 0, "rejected_count": 12, "rejected": refused}
    server.will("/api/v1/ingest", document, 400)

    shown = run("send", lines(tmp_path / "a.ndjson", 12)).stdout.splitlines()

    assert len(shown) == 12
    assert shown[-1] == "  and 2 more"


def replays(handler):
    document = json.dumps(ACCEPTED).encode()
    handler.send_response_only(202)
    handler.send_header("Idempotent-Replayed", "true")
    handler.send_header("Content-Length", str(len(document)))
    handler.end_headers()
    handler.wfile.write(document)


def test_what_an_earlier_run_sent_was_there_already(run, server, tmp_path):
    server.will_do("/api/v1/ingest", replays)

    result = run("send", lines(tmp_path / "a.ndjson", 2))

    assert result.stdout == "0 accepted, 2 were there already, 0 refused.\n"


def test_what_this_run_sent_and_was_not_told_about_is_accepted(run, server, tmp_path):
    server.will("/api/v1/ingest", {"title": "Busy"}, 503)
    server.will_do("/api/v1/ingest", replays)

    result = run("send", lines(tmp_path / "a.ndjson", 2))

    assert result.stdout == "2 accepted, 0 were there already, 0 refused.\n"
