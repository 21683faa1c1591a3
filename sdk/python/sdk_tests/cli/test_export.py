"""Exports: asked for once, waited for, taken whole; and nothing half done is left behind."""

import json

import pytest

JOB = {
    "id": 12,
    "name": "calls",
    "format": "csv",
    "state": "queued",
    "rows": 0,
    "rows_counted": None,
    "rows_gone": 0,
    "bytes": 0,
    "error": None,
    "file_name": "calls-20261126-120000.csv",
}
EXPORTS, DETAIL, CANCEL, FILE = (f"/api/v1/exports{path}" for path in ("", "/12", "/12/cancel", "/12/file"))
CONTENT = b"model,cost_usd\n" + b"gpt-4o,0.1\n" * 9
PERIOD = ("--from", "2026-11-01T00:00:00Z", "--to", "2026-11-02T00:00:00Z")


@pytest.fixture(autouse=True)
def in_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def job(server):
    """An export that is done at the second look."""
    server.will("/api/v1/usage", {"time_zone": "Europe/Berlin", "results": [], "next": None})
    server.will(EXPORTS, JOB, 201)
    server.will(DETAIL, JOB | {"state": "running", "rows": 4, "rows_counted": 9})
    server.will(DETAIL, JOB | {"state": "done", "rows": 9, "rows_counted": 9, "bytes": len(CONTENT)})
    server.will(CANCEL, JOB | {"state": "cancelled"})
    return server


def gives(until=None, *, etag='"1"', is_whole=False):
    """Answer with the file from where it is asked for, up to a byte at which the connection breaks."""

    def act(handler):
        asked = handler.headers.get("Range")
        start = 0 if asked is None or is_whole else int(asked.removeprefix("bytes=").removesuffix("-"))
        handler.send_response_only(200 if start == 0 else 206)
        handler.send_header("ETag", etag)
        handler.send_header("Content-Length", str(len(CONTENT) - start))
        handler.end_headers()
        handler.wfile.write(CONTENT[start:until])
        handler.close_connection = True

    return act


def posts(server):
    return [(path, headers, given) for method, path, _, headers, given in server.asked if method == "POST"]


def ranges(server):
    asked = [headers for _, path, _, headers, _ in server.asked if path == FILE]
    return [(headers.get("range"), headers.get("if-range")) for headers in asked]


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_file_is_asked_for_waited_for_and_written(run, job, tmp_path):
    job.will_do(FILE, gives())

    result = run("export", *PERIOD, "--project", "web", "--feature", "chat", "--model", "a", "--model", "b")

    assert (result.exit_code, result.stdout) == (0, f"9 calls, {len(CONTENT)} bytes: {JOB['file_name']}\n")
    assert (tmp_path / JOB["file_name"]).read_bytes() == CONTENT
    assert left(tmp_path) == [JOB["file_name"]]
    ((path, headers, given),) = posts(job)
    assert path == EXPORTS
    assert len(headers["idempotency-key"]) == 36
    assert given == {
        "name": "calls",
        "format": "csv",
        "from": "2026-11-01T00:00:00Z",
        "to": "2026-11-02T00:00:00Z",
        "filter": {"model": ["a", "b"], "endpoint_name": ["chat"], "project": ["web"]},
    }


def test_days_are_the_organizations_and_the_format_is_what_the_file_ends_with(run, job, tmp_path):
    job.will_do(FILE, gives())

    result = run(
        "export", "--from", "2026-10-25", "--to", "2026-10-26", "--columns", "model, cost_usd", "-o", "a.parquet"
    )

    assert result.exit_code == 0
    ((_, _, given),) = posts(job)
    assert (given["from"], given["to"]) == ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")  # summer time ends that day
    assert (given["format"], given["columns"]) == ("parquet", ["model", "cost_usd"])
    assert left(tmp_path) == ["a.parquet"]


def test_a_broken_connection_goes_on_where_it_was(run, job, no_waiting):
    for until in (40, 70):
        job.will_do(FILE, gives(until))
    job.will_do(FILE, gives())

    result = run("export", *PERIOD, "-o", "-")

    assert (result.exit_code, result.stdout_bytes) == (0, CONTENT)
    assert ranges(job) == [(None, None), ("bytes=40-", '"1"'), ("bytes=70-", '"1"')]


def test_a_server_that_knows_no_parts_is_read_again_and_written_once(run, job):
    job.will_do(FILE, gives(40))
    job.will_do(FILE, gives(is_whole=True))

    assert run("export", *PERIOD, "-o", "-").stdout_bytes == CONTENT


def test_two_files_are_never_joined(run, job, tmp_path):
    job.will_do(FILE, gives(40))
    job.will_do(FILE, gives(etag='"2"', is_whole=True))

    result = run("export", *PERIOD, "-o", "a.csv")

    assert result.exit_code == 4
    assert "The file became another one on the way" in result.stderr
    assert left(tmp_path) == []


def test_a_busy_server_is_asked_for_the_file_again_when_it_wants_to_be(run, job, no_waiting, tmp_path):
    def busy(handler):
        handler.send_response_only(503)
        handler.send_header("Retry-After", "7")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    job.will_do(FILE, busy)
    job.will_do(FILE, gives())

    assert run("export", *PERIOD, "-o", "a.csv").exit_code == 0
    assert (tmp_path / "a.csv").read_bytes() == CONTENT
    assert 7.0 in no_waiting


def test_a_server_that_never_ends_the_file_is_given_up(run, job, tmp_path):
    job.will_do(FILE, gives(40))
    job.will_do(FILE, gives(0))

    result = run("export", *PERIOD, "-o", "a.csv")

    assert result.exit_code == 4
    assert len(ranges(job)) == 8
    assert left(tmp_path) == []


def test_a_file_that_is_gone_is_said(run, job, tmp_path):
    job.will(FILE, {"title": "Gone."}, 404)

    result = run("export", *PERIOD, "-o", "a.csv")

    assert (result.exit_code, result.stderr) == (5, "tokenops: Gone. (Is the name right, and may this key see it?)\n")
    assert left(tmp_path) == []


def test_no_calls_are_an_empty_file(run, server, tmp_path):
    server.will("/api/v1/usage", {"time_zone": "UTC"})
    server.will(EXPORTS, JOB, 201)
    server.will(DETAIL, JOB | {"state": "done"})

    result = run("export", *PERIOD, "-o", "none.ndjson")

    assert (result.exit_code, result.stdout) == (0, "0 calls, 0 bytes: none.ndjson\n")
    assert (tmp_path / "none.ndjson").read_bytes() == b""


def test_nothing_is_overwritten_unless_it_is_said(run, job, tmp_path):
    (tmp_path / "a.csv").write_text("mine")
    job.will_do(FILE, gives())

    refused = run("export", *PERIOD, "-o", "a.csv")

    assert (refused.exit_code, refused.stderr) == (6, "tokenops: a.csv is there already: --force overwrites it.\n")
    assert (tmp_path / "a.csv").read_text() == "mine"
    assert job.asked == []
    assert run("export", *PERIOD, "-o", "a.csv", "--force").exit_code == 0
    assert (tmp_path / "a.csv").read_bytes() == CONTENT


def test_a_folder_gets_the_servers_name_without_its_folders(run, job, tmp_path):
    job.answers[DETAIL] = [(200, JOB | {"state": "done", "bytes": len(CONTENT), "file_name": "../../evil.csv"})]
    job.will_do(FILE, gives())
    (tmp_path / "out").mkdir()

    assert run("export", *PERIOD, "-o", "out").exit_code == 0
    assert left(tmp_path / "out") == ["evil.csv"]


def test_a_folder_that_is_not_there_is_said_before_anything_is_made(run, job):
    result = run("export", *PERIOD, "-o", "no/a.csv")

    assert (result.exit_code, result.stderr) == (6, "tokenops: There is no folder no.\n")
    assert job.asked == []


@pytest.mark.parametrize(
    ("state", "error", "said"),
    [
        ("failed", "The disk is full.", "The export failed. The disk is full."),
        ("cancelled", None, "Somebody stopped the export."),
        ("expired", None, "The file was deleted meanwhile."),
    ],
)
def test_what_became_of_an_export_is_said(run, job, tmp_path, state, error, said):
    job.answers[DETAIL] = [(200, JOB | {"state": state, "error": error})]

    result = run("export", *PERIOD)

    assert (result.exit_code, result.stderr) == (5, f"tokenops: {said}\n")
    assert left(tmp_path) == []


def test_an_interrupt_stops_the_export(run, job, monkeypatch):
    def interrupt(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("tokenops_sdk.cli.exports.sleep", interrupt)

    result = run("export", *PERIOD)

    assert result.exit_code == 130
    assert [path for path, _, _ in posts(job)] == [EXPORTS, CANCEL]


def test_an_interrupt_of_the_download_leaves_no_file(run, job, tmp_path, monkeypatch):
    def interrupt(_seconds):
        raise KeyboardInterrupt

    job.will_do(FILE, gives(40))
    monkeypatch.setattr("tokenops_sdk.cli.downloading.sleep", interrupt)

    assert run("export", *PERIOD, "-o", "a.csv").exit_code == 130
    assert left(tmp_path) == []


def test_an_export_that_takes_too_long_is_stopped(run, job, monkeypatch):
    job.answers[DETAIL] = [(200, JOB)]
    moments = iter(range(0, 1_000, 8))
    monkeypatch.setattr("tokenops_sdk.cli.exports.monotonic", lambda: next(moments))

    result = run("export", *PERIOD, "--timeout", 20)

    assert result.exit_code == 4
    assert result.stderr.splitlines() == [
        "The export waits for a worker of the server.",
        "tokenops: The file was not there after 20 s: it is stopped.",
    ]
    assert [path for path, _, _ in posts(job)] == [EXPORTS, CANCEL]


def test_a_server_that_starts_again_meanwhile_is_waited_for(run, job, tmp_path):
    job.answers[DETAIL] = [(200, JOB), *[(503, {"title": "Starting"})] * 5, *job.answers[DETAIL]]
    job.will_do(FILE, gives())

    assert run("export", *PERIOD).exit_code == 0


def test_an_answer_that_was_lost_makes_no_second_export(run, job):
    def cut(handler):
        handler.close_connection = True

    job.answers[EXPORTS] = [cut, (201, JOB)]
    job.will_do(FILE, gives())

    assert run("export", *PERIOD, "-o", "-").exit_code == 0
    first, second = posts(job)
    assert first[1]["idempotency-key"] == second[1]["idempotency-key"]


def test_what_is_wrong_with_a_column_is_said(run, job):
    errors = [{"field": "columns.0", "message": "Must be one of: id."}]
    job.answers[EXPORTS] = [(400, {"title": "The request is not valid.", "errors": errors})]

    result = run("export", *PERIOD, "--columns", "nope")

    assert result.exit_code == 5
    assert result.stderr == "tokenops: The request is not valid. columns.0: Must be one of: id.\n"


def test_what_retention_took_meanwhile_is_said(run, job):
    job.answers[DETAIL] = [(200, JOB | {"state": "done", "rows": 9, "rows_gone": 2, "bytes": len(CONTENT)})]
    job.will_do(FILE, gives())

    assert run("export", *PERIOD).stderr == ("Not in it, because retention deleted them meanwhile: 2 calls.\n")


def test_json_is_the_export_and_where_it_is(run, job):
    job.will_do(FILE, gives())

    found = json.loads(run("export", *PERIOD, "-o", "a.csv", "--json").stdout)

    assert (found["id"], found["rows"], found["path"]) == (12, 9, "a.csv")


@pytest.mark.parametrize("options", [["-o", "-", "--json"], ["--format", "doc"], ["--days", "3", *PERIOD]])
def test_what_does_not_go_together_is_a_wrong_command_line(run, job, options):
    assert run("export", *options).exit_code == 2
    assert posts(job) == []


def test_a_terminal_is_not_filled_with_what_it_cannot_show(run, job, monkeypatch):
    monkeypatch.setattr("tokenops_sdk.cli.output.is_terminal", lambda: True)

    assert run("export", *PERIOD, "--format", "xlsx", "-o", "-").exit_code == 2
    assert job.asked == []
