"""The command line against the whole application: what it sends is what it, the API and the pages show, to the cent."""

import csv
import json
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import psycopg
import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from tokenops_sdk.cli.app import app
from typer.testing import CliRunner

from conftest import make_organization
from core import queue
from core.databases import QUEUE
from core.scope import org_scope
from ingestion.pricing import services as pricing
from tenants import key_services
from tenants.models import Project, User
from tests.resilience.workers import running_worker
from tests.servers import running_server

pytestmark = pytest.mark.resilience

DAYS = ("--days", "3")  # the events are of now, which may be yesterday by the time they are asked for


@pytest.fixture
def acme(committed_db):
    return make_organization("Acme")


@pytest.fixture
def key(acme):
    owner = User.objects.get(email="owner@acme.test")
    with org_scope(acme.pk):
        return key_services.create_key(
            organization=acme,
            actor=owner,
            name="build",
            scopes=["ingest", "read"],
            project=Project.objects.get(slug="web"),
        ).text


@pytest.fixture
def server(acme, tmp_path):
    pricing.import_catalogue(now=datetime.now(UTC))
    with running_server(tmp_path / "server.log") as running:
        yield running


@pytest.fixture
def run(server, key, tmp_path, monkeypatch):
    """Run a command with the key; answers the result, whose exit code is the one expected."""
    monkeypatch.chdir(tmp_path)
    environ = {"TOKENOPS_URL": server.url, "TOKENOPS_API_KEY": key, "XDG_CONFIG_HOME": str(tmp_path)}

    def invoke(*arguments, code=0):
        result = CliRunner().invoke(app, arguments, env=environ)
        assert result.exit_code == code, result.output
        return result

    return invoke


@pytest.fixture
def sent(run, tmp_path):
    """Six calls of three models, one of which nobody has a price for."""
    now = datetime.now(UTC)
    models = (("gpt-4o", 1_000_000, 100_000), ("gpt-4o-mini", 10_000, 2_000), ("house-model", 70, 7))
    events = [
        {
            "id": f"{model}-{number}",
            "timestamp": (now - timedelta(milliseconds=number)).isoformat(),
            "provider": "openai",
            "model": model,
            "input_tokens": read,
            "output_tokens": written,
            "endpoint_name": "chat" if number else "titles",
        }
        for model, read, written in models
        for number in range(2)
    ]
    (tmp_path / "calls.ndjson").write_text("\n".join(map(json.dumps, events)))
    assert run("send", "calls.ndjson").stdout == "6 accepted, 0 were there already, 0 refused.\n"
    return events


def usage(run, *options):
    return json.loads(run("usage", "--json", *DAYS, *options).stdout)["results"]


def total(rows):
    return sum(Decimal(row["cost_usd"]) for row in rows if row["cost_usd"] is not None)


def test_what_was_sent_is_what_every_reader_shows(run, sent, server, key, acme):
    assert run("send", "calls.ndjson").stdout == "0 accepted, 6 were there already, 0 refused.\n"

    by_model = {row["model"]: row for row in usage(run)}
    report = json.loads(run("report", "--json", *DAYS).stdout)
    since = (datetime.now(UTC) - timedelta(days=2)).date().isoformat()
    asked = {"group_by": "model", "from": since}
    answer = httpx.get(f"{server.url}/api/v1/usage", params=asked, headers={"Authorization": f"Bearer {key}"})

    assert {name: row["calls"] for name, row in by_model.items()} == {"gpt-4o": 2, "gpt-4o-mini": 2, "house-model": 2}
    assert Decimal(by_model["gpt-4o"]["cost_usd"]) == Decimal(7)  # 2.50 and 10 dollars a million
    assert by_model["house-model"]["cost_usd"] is None
    assert sorted(answer.json()["results"], key=str) == sorted(by_model.values(), key=str)
    spend = total(by_model.values())
    assert (report["calls"], Decimal(report["llm_spend_usd"]), report["unpriced_calls"]) == (6, spend, 2)
    assert sum(row["calls"] for row in usage(run, "-g", "feature,project")) == 6
    assert total(usage(run, "-g", "feature,project")) == spend

    browser = Client()
    browser.force_login(User.objects.get(email="owner@acme.test"))
    page = browser.get(reverse("dashboards:organization-overview", args=[acme.slug]), {"range": "7d"}).content.decode()
    text = run("report", *DAYS).stdout
    assert f"${spend:.2f}" in page
    assert f"LLM spend               ${spend:.2f} (2 unpriced)" in text
    assert f"${spend:,.2f}" in run("usage", *DAYS).stdout.splitlines()[-1]


def test_checks_of_a_build_fail_by_their_exit_codes(run, sent):
    spend = total(usage(run))

    assert run("report", *DAYS, "--fail-over", str(spend)).stderr == ""
    refused = run("report", *DAYS, "--fail-over", str(spend - Decimal("0.000001")), code=1)
    assert refused.stderr.startswith(f"tokenops: LLM spend of ${spend:.2f} is over $")
    run("report", *DAYS, "--fail-on", "high")
    assert "There is nothing here." in run("report", "--project", "no-such", code=5).stderr


def test_a_providers_usage_imported_twice_counts_once(run, tmp_path):
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    bucket = {"start_time": int(day.timestamp()), "end_time": int((day + timedelta(days=1)).timestamp())}
    counts = {"input_tokens": 10_007, "output_tokens": 503, "input_cached_tokens": 4_001, "num_model_requests": 5}
    row = counts | {"model": "gpt-4o-2024-08-06"}
    (tmp_path / "usage.json").write_text(json.dumps({"data": [bucket | {"results": [row]}]}))

    first = run("import", "usage.json", "--from", "openai")
    once = usage(run)
    again = run("import", "usage.json", "--from", "openai")

    assert first.stdout == "5 accepted, 0 were there already, 0 refused.\n"
    assert again.stdout == "0 accepted, 5 were there already, 0 refused.\n"
    assert usage(run) == once
    assert (once[0]["calls"], once[0]["input_tokens"], once[0]["output_tokens"]) == (5, 10_007, 503)


def test_the_doctor_finds_everything_well_and_its_event_arrives(run):
    found = json.loads(run("doctor", "--json").stdout)

    assert all(one["ok"] for one in found)
    (call,) = [json.loads(line) for line in run("tail", "--no-follow", "--json").stdout.splitlines()]
    assert (call["model"], call["cost_usd"]) == ("tokenops-doctor", None)


def test_an_export_holds_what_was_sent(run, sent, tmp_path):
    queue.install_queue(settings.DATABASE)
    columns = "id,model,input_tokens,output_tokens,endpoint_name,cost_usd"
    options = (*DAYS, "--columns", columns, "--feature", "chat", "--timeout", "120")
    try:
        with running_worker(tmp_path / "worker.log", os.environ):
            said = run("export", *options, "-o", "chat.csv").stdout
            lines = run("export", *options, "-o", "-", "--format", "ndjson").stdout.splitlines()
    finally:
        with psycopg.connect(settings.DATABASE.conninfo(QUEUE)) as connection:
            connection.execute("delete from pgmq.q_tokenops")

    rows = list(csv.DictReader((tmp_path / "chat.csv").open(encoding="utf-8-sig")))
    names = columns.split(",")[:5]
    expected = [[str(one[name]) for name in names] for one in sent if one["endpoint_name"] == "chat"]
    assert sorted([row[name] for name in names] for row in rows) == sorted(expected)
    assert total([row | {"cost_usd": row["cost_usd"] or None} for row in rows]) == total(
        usage(run, "-g", "feature", "--feature", "chat")
    )
    assert [json.loads(line)["id"] for line in lines] == [row["id"] for row in rows]
    assert said.startswith("3 calls, ")
    assert not list(tmp_path.glob("*.part"))
