"""Every snippet of the README, run as a program of its own against local providers and a server."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sdk_tests.providers import fake_providers
from sdk_tests.scripts import SOURCES, environment

README = (SOURCES.parent / "README.md").read_text()
SECTIONS = re.split(r"^##+ ", README, flags=re.MULTILINE)

# What a framework does to the code of a section, in as few words as its users' programs.
DRIVERS = {
    "FastAPI": """
from fastapi.testclient import TestClient
answer = TestClient(app).post("/chat", params={"question": "SECRET?"}, headers={"x-user": "u-1"})
assert answer.json() == {"answer": "The answer is SECRET."}, answer.text
""",
    "Django": """
import django, openai
from django.conf import settings
from django.http import HttpResponse
from django.test import RequestFactory
settings.configure()
def view(request):
    openai.OpenAI().chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "SECRET"}])
    return HttpResponse("ok")
assert attribution(view)(RequestFactory().get("/digest")).content == b"ok"
""",
    "Celery": """
app.conf.task_always_eager = True
assert digest.delay("SECRET").get() == "The answer is SECRET."
""",
    "AWS Lambda": """
assert handler({"question": "SECRET?"}, None) == {"answer": "The answer is SECRET."}
assert tokenops_sdk.stats().accepted == 1
""",
}
FEATURES = {
    "Plain": ["batch", "batch", "chat", "summaries", "titles"],
    "FastAPI": ["/chat"],
    "Django": ["/digest"],
    "Celery": ["nightly-digest"],
    "LangChain": ["agent"],
    "AWS Lambda": ["default"],
    "What it costs": [],
}


def snippets(section):
    body = next(text for text in SECTIONS if text.startswith(f"{section}\n"))
    return re.findall(r"^```python\n(.*?)^```", body, flags=re.MULTILINE | re.DOTALL)


def test_no_snippet_is_forgotten():
    assert sum(len(snippets(section)) for section in FEATURES) == README.count("```python")


def test_every_setting_is_described():
    from dataclasses import fields

    from tokenops_sdk import Settings

    told = re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in README.splitlines() if line.startswith("| `")))
    assert sorted(told) == sorted(field.name for field in fields(Settings))


@pytest.mark.parametrize("section", FEATURES)
def test_the_snippets_of_a_section_run_and_report(server, tmp_path, section):
    code = "\n".join(snippets(section)) + DRIVERS.get(section, "")
    (tmp_path / "program.py").write_text(code)

    with fake_providers() as providers:
        given = environment(server.url) | {"OPENAI_API_KEY": "sk-secret", "OPENAI_BASE_URL": f"{providers.url}/v1"}
        given.pop("DJANGO_SETTINGS_MODULE", None)
        program = [sys.executable, "-W", "ignore", str(Path(tmp_path) / "program.py")]
        done = subprocess.run(program, env=given, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert sorted(event["endpoint_name"] for event in server.events) == FEATURES[section]
    assert all(event["usage"] and event["response_id"] == "chatcmpl-1" for event in server.events)
    assert "SECRET" not in str(server.requests)
