"""A program that uses each official SDK, reported by ours, through the real edge to the database and the page."""

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from sdk_tests.providers import fake_providers
from sdk_tests.scripts import environment

from conftest import make_organization
from core.scope import org_scope
from ingestion.models import Call, DailyRollup
from ingestion.pricing import services as pricing
from ingestion.tests.edge.client import issue_key
from tenants.models import User
from tests.servers import running_server

PROGRAM = """
import asyncio, os
import anthropic, openai
from google import genai
from mistralai.client import Mistral
import tokenops_sdk

tokenops_sdk.instrument()
url = os.environ["PROVIDERS_URL"]
ask = [{"role": "user", "content": "SECRET?"}]
claude = {"model": "claude-sonnet-4-20250514", "max_tokens": 9, "messages": ask}
tokens = openai.OpenAI(api_key="x", base_url=url + "/v1").chat.completions
with tokenops_sdk.track(feature="chat", team="search", user_id="u-1", tags={"plan": "pro"}):
    tokens.create(model="gpt-4o", messages=ask)
with tokenops_sdk.track(feature="claude"):
    list(anthropic.Anthropic(api_key="x", base_url=url).messages.create(**claude, stream=True))
with tokenops_sdk.track(feature="gemini"):
    google = genai.Client(api_key="x", http_options={"base_url": url})
    asyncio.run(google.aio.models.generate_content(model="gemini-2.5-pro", contents="SECRET?"))
with tokenops_sdk.track(feature="mistral"):
    list(Mistral(api_key="x", server_url=url).chat.stream(model="mistral-large-latest", messages=ask))
assert tokenops_sdk.flush(60)
stats = tokenops_sdk.stats()
assert (stats.recorded, stats.accepted, stats.rejected, stats.dropped, stats.errors) == (4, 4, 0, 0, 0), stats
"""
# Model, feature, response, tokens read (of which from a cache) and written; the providers' own statements.
CALLS = {
    ("gpt-4o", "chat", "chatcmpl-1", 20, 8, 5),
    ("claude-sonnet-4-20250514", "claude", "msg_1", 20, 8, 5),
    ("gemini-2.5-pro", "gemini", "gemini-1", 20, 8, 5),
    ("mistral-large-latest", "mistral", "chatcmpl-1", 20, 8, 5),
}


@pytest.fixture
def acme(committed_db):
    pricing.import_catalogue(now=datetime.now(UTC))
    return make_organization("Acme")


def test_calls_of_every_official_sdk_arrive_with_the_providers_figures(acme, tmp_path):
    with fake_providers() as providers, running_server(tmp_path / "server.log") as server:
        given = environment(server.url, api_key=issue_key(acme)) | {"PROVIDERS_URL": providers.url}
        command = [sys.executable, "-W", "ignore", "-c", PROGRAM]
        done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        log = Path(server.log).read_text()

    with org_scope(acme.pk):
        calls = list(Call.objects.all())
        rolled = list(DailyRollup.objects.all())
    assert {
        (c.model, c.feature, c.response_id, c.input_tokens, c.cached_input_tokens, c.output_tokens) for c in calls
    } == CALLS
    assert {(c.source, c.status, c.usage_estimated, c.duplicate_of) for c in calls} == {("sdk", "ok", False, "")}
    (chat,) = (c for c in calls if c.feature == "chat")
    assert (chat.team, chat.user_id, chat.tags) == ("search", "u-1", {"plan": "pro"})
    assert chat.cost_usd == Decimal("0.00009")  # 12 × 2.5 + 8 × 1.25 + 5 × 10, a million
    assert sum(row.calls for row in rolled) == len(CALLS)
    assert sum(row.cost_usd for row in rolled) == sum(c.cost_usd for c in calls)
    assert "SECRET" not in log + done.stderr

    browser = Client()
    browser.force_login(User.objects.get(email="owner@acme.test"))
    page = browser.get(reverse("dashboards:organization-calls", args=[acme.slug]))
    assert page.status_code == 200
    assert all(model in page.content.decode() for model in ("gpt-4o", "gemini-2.5-pro", "mistral-large"))
