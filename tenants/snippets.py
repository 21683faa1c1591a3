"""Copy-paste code that sends a first call, for the person who has a key and two minutes. Pure text."""

from dataclasses import dataclass
from typing import Final

PLACEHOLDER: Final = "$TOKENOPS_API_KEY"


@dataclass(frozen=True, slots=True)
class Snippet:
    """One tab of the connect page."""

    title: str
    code: str


def snippets(*, base_url: str, key: str | None) -> list[Snippet]:
    """The same call four ways. Without a key the shell's ``$TOKENOPS_API_KEY`` stands in its place."""
    return [
        Snippet("curl", _CURL.format(url=base_url, key=key or PLACEHOLDER)),
        Snippet("Python", _PYTHON.format(url=base_url, key=_python_key(key))),
        Snippet("JavaScript", _JAVASCRIPT.format(url=base_url, key=_javascript_key(key))),
        Snippet("OpenTelemetry", _OTLP.format(url=base_url, key=key or PLACEHOLDER)),
    ]


def cloud_sample(*, base_url: str) -> str:
    """A sample of a cloud function sent with curl."""
    return _SAMPLE.format(url=base_url, key=PLACEHOLDER)


def _python_key(key: str | None) -> str:
    return f'"{key}"' if key else 'os.environ["TOKENOPS_API_KEY"]'


def _javascript_key(key: str | None) -> str:
    return f'"{key}"' if key else "process.env.TOKENOPS_API_KEY"


_CURL = """\
curl -sS {url}/api/v1/ingest \\
  -H "Authorization: Bearer {key}" \\
  -H "Content-Type: application/json" \\
  -d '{{
    "model": "gpt-4o-mini",
    "endpoint_name": "hello",
    "input_tokens": 1200,
    "output_tokens": 350,
    "latency_ms": 840
  }}'
"""

_SAMPLE = """\
curl -sS {url}/api/v1/cloud-metrics \\
  -H "Authorization: Bearer {key}" \\
  -H "Content-Type: application/json" \\
  -d '{{
    "resource": "thumbnailer",
    "kind": "function",
    "allocated_mb": 1024,
    "used_mb": 212,
    "invocations": 340,
    "duration_ms": 91250,
    "cost_usd": "0.00152"
  }}'
"""

_PYTHON = """\
import json
import os
import urllib.request

call = {{
    "model": "gpt-4o-mini",
    "endpoint_name": "hello",
    "input_tokens": 1200,
    "output_tokens": 350,
    "latency_ms": 840,
}}
request = urllib.request.Request(
    "{url}/api/v1/ingest",
    data=json.dumps(call).encode(),
    headers={{
        "Authorization": "Bearer " + {key},
        "Content-Type": "application/json",
    }},
)
with urllib.request.urlopen(request, timeout=10) as response:
    print(response.read().decode())
"""

_JAVASCRIPT = """\
fetch("{url}/api/v1/ingest", {{
  method: "POST",
  headers: {{
    Authorization: "Bearer " + {key},
    "Content-Type": "application/json",
  }},
  body: JSON.stringify({{
    model: "gpt-4o-mini",
    endpoint_name: "hello",
    input_tokens: 1200,
    output_tokens: 350,
    latency_ms: 840,
  }}),
}})
  .then((response) => response.text())
  .then(console.log);
"""

_OTLP = """\
export OTEL_EXPORTER_OTLP_ENDPOINT="{url}"
export OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20{key}"
export OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf"
"""
