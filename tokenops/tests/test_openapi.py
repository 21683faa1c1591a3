import json
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from ingestion import edge
from ingestion.api.event_schema import event_schema
from ingestion.wire.event import Event
from tests import api_document

SENDING = {"202", "400", "401", "403", "405", "408", "409", "413", "415", "422", "429", "503"}
READING = {"400", "401", "403", "404", "406", "429", "503"}
SNAPSHOT = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"
OTLP = ["application/json", "application/x-protobuf"]
# Reports come in other forms than JSON too.
FORMS = {
    "GET /api/v1/exports/{export_id}/file": ["application/octet-stream"],
    "GET /api/v1/reports/terminal": ["application/json", "text/plain"],
    "GET /api/v1/reports/{report_id}/file": ["application/pdf", "text/html", "text/plain"],
}
KEYS: list[dict[str, list[str]]] = [{"bearer": []}, {"TS-API-Key": []}, {"X-TokenOps-Key": []}, {"X-API-Key": []}]


@pytest.fixture(scope="module")
def document():
    return api_document.document()


def test_the_snapshot_is_what_the_code_says():
    out = StringIO()

    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)

    assert SNAPSHOT.read_text(encoding="utf-8") == out.getvalue(), "make it anew: manage.py spectacular --file …"


def test_the_endpoints(document):
    operations = {(path, method) for path, item in document["paths"].items() for method in item}

    assert operations == {
        ("/api/ingest", "post"),
        ("/api/v1/saved-views", "get"),
        ("/api/v1/saved-views", "post"),
        ("/api/v1/saved-views/{view_id}", "get"),
        ("/api/v1/saved-views/{view_id}", "patch"),
        ("/api/v1/saved-views/{view_id}", "delete"),
        ("/api/v1/budgets", "get"),
        ("/api/v1/budgets", "post"),
        ("/api/v1/budgets/{budget_id}", "get"),
        ("/api/v1/budgets/{budget_id}", "patch"),
        ("/api/v1/budgets/{budget_id}", "delete"),
        ("/api/v1/calls", "get"),
        ("/api/v1/calls/{call_id}", "get"),
        ("/api/v1/cloud-metrics", "get"),
        ("/api/v1/cloud-metrics", "post"),
        ("/api/v1/dashboards", "get"),
        ("/api/v1/dashboards", "post"),
        ("/api/v1/dashboards/{board_id}", "get"),
        ("/api/v1/dashboards/{board_id}", "put"),
        ("/api/v1/dashboards/{board_id}", "delete"),
        ("/api/v1/end-users/{user_id}", "delete"),
        ("/api/v1/end-users/{user_id}", "get"),
        ("/api/v1/exports", "get"),
        ("/api/v1/exports", "post"),
        ("/api/v1/exports/{export_id}", "get"),
        ("/api/v1/exports/{export_id}", "delete"),
        ("/api/v1/exports/{export_id}/cancel", "post"),
        ("/api/v1/exports/{export_id}/file", "get"),
        ("/api/v1/ingest", "post"),
        ("/api/v1/audit", "get"),
        ("/api/v1/audit/{entry_id}", "get"),
        ("/api/v1/invitations", "get"),
        ("/api/v1/invitations", "post"),
        ("/api/v1/invitations/{invitation_id}", "get"),
        ("/api/v1/invitations/{invitation_id}", "delete"),
        ("/api/v1/invitations/{invitation_id}/resend", "post"),
        ("/api/v1/members", "get"),
        ("/api/v1/members/{member_id}", "get"),
        ("/api/v1/members/{member_id}", "patch"),
        ("/api/v1/members/{member_id}", "delete"),
        ("/api/v1/keys", "get"),
        ("/api/v1/keys", "post"),
        ("/api/v1/keys/{key_id}", "get"),
        ("/api/v1/keys/{key_id}", "delete"),
        ("/api/v1/keys/{key_id}/rotate", "post"),
        ("/api/v1/me", "get"),
        ("/api/v1/organizations", "get"),
        ("/api/v1/organizations/{organization_slug}", "get"),
        ("/api/v1/organizations/{organization_slug}", "patch"),
        ("/api/v1/organizations/{organization_slug}/time-zone", "get"),
        ("/api/v1/organizations/{organization_slug}/time-zone", "put"),
        ("/api/v1/projects", "get"),
        ("/api/v1/projects", "post"),
        ("/api/v1/projects/{project_slug}", "delete"),
        ("/api/v1/projects/{project_slug}/keep", "post"),
        ("/api/v1/projects/{project_slug}", "get"),
        ("/api/v1/projects/{project_slug}", "patch"),
        ("/api/v1/rate-cards", "get"),
        ("/api/v1/rate-cards", "post"),
        ("/api/v1/rate-cards/{card_id}", "get"),
        ("/api/v1/rate-cards/{card_id}", "delete"),
        ("/api/v1/rate-cards/{card_id}/end", "post"),
        ("/api/v1/rules", "get"),
        ("/api/v1/rules/{rule}", "patch"),
        ("/api/v1/rules/{rule}/backtest", "post"),
        ("/api/v1/teams", "get"),
        ("/api/v1/teams", "post"),
        ("/api/v1/teams/{team_slug}", "get"),
        ("/api/v1/teams/{team_slug}", "patch"),
        ("/api/v1/teams/{team_slug}", "delete"),
        ("/api/v1/teams/{team_slug}/members", "get"),
        ("/api/v1/teams/{team_slug}/members/{member_id}", "put"),
        ("/api/v1/teams/{team_slug}/members/{member_id}", "delete"),
        ("/api/v1/unpriced-models", "get"),
        ("/api/v1/insights", "get"),
        ("/api/v1/insights/{insight_id}", "get"),
        ("/api/v1/recommendations", "get"),
        ("/api/v1/insights/{insight_id}/acknowledge", "post"),
        ("/api/v1/insights/{insight_id}/mute", "post"),
        ("/api/v1/insights/{insight_id}/unmute", "post"),
        ("/api/v1/insights/{insight_id}/resolve", "post"),
        ("/api/v1/insights/{insight_id}/assign", "post"),
        ("/api/v1/insights/{insight_id}/comment", "post"),
        ("/api/v1/usage", "get"),
        ("/api/v1/reports", "get"),
        ("/api/v1/reports", "post"),
        ("/api/v1/reports/terminal", "get"),
        ("/api/v1/reports/{report_id}", "get"),
        ("/api/v1/reports/{report_id}/file", "get"),
        ("/api/v1/reports/{report_id}/retry", "post"),
        ("/api/v1/reports/schedules", "get"),
        ("/api/v1/reports/schedules", "post"),
        ("/api/v1/reports/schedules/{schedule_id}", "get"),
        ("/api/v1/reports/schedules/{schedule_id}", "patch"),
        ("/api/v1/reports/schedules/{schedule_id}", "delete"),
        ("/api/v1/reports/schedules/{schedule_id}/send", "post"),
        ("/api/v1/reprice-runs", "get"),
        ("/api/v1/reprice-runs", "post"),
        ("/api/v1/reprice-runs/{run_id}", "get"),
        ("/api/v1/reprice-runs/{run_id}/apply", "post"),
        ("/api/v1/reprice-runs/{run_id}/cancel", "post"),
        ("/api/v1/rejected-events", "get"),
        ("/api/v1/gateway/traffic", "get"),
        ("/api/v1/gateway/providers", "get"),
        ("/api/v1/gateway/providers", "post"),
        ("/api/v1/gateway/providers/{gateway_provider_id}", "get"),
        ("/api/v1/gateway/providers/{gateway_provider_id}", "patch"),
        ("/api/v1/gateway/providers/{gateway_provider_id}", "delete"),
        ("/api/v1/gateway/credentials", "get"),
        ("/api/v1/gateway/credentials", "post"),
        ("/api/v1/gateway/credentials/{credential_id}", "get"),
        ("/api/v1/gateway/credentials/{credential_id}", "delete"),
        ("/api/v1/gateway/credentials/{credential_id}/replace", "post"),
        ("/api/v1/gateway/credentials/{credential_id}/default", "post"),
        ("/api/v1/channels", "get"),
        ("/api/v1/channels", "post"),
        ("/api/v1/channels/{channel_id}", "get"),
        ("/api/v1/channels/{channel_id}", "patch"),
        ("/api/v1/channels/{channel_id}", "delete"),
        ("/api/v1/channels/{channel_id}/test", "post"),
        ("/api/v1/channels/{channel_id}/rotate-secret", "post"),
        ("/api/v1/routes", "get"),
        ("/api/v1/routes", "post"),
        ("/api/v1/routes/{route_id}", "get"),
        ("/api/v1/routes/{route_id}", "patch"),
        ("/api/v1/routes/{route_id}", "delete"),
        ("/api/v1/deliveries", "get"),
        ("/api/v1/deliveries/{delivery_id}", "get"),
        ("/api/v1/deliveries/{delivery_id}/acknowledge", "post"),
        ("/api/v1/deliveries/{delivery_id}/redeliver", "post"),
        ("/log", "post"),
        ("/v1/traces", "post"),
    }


def test_what_the_edge_serves_is_described(document):
    operations = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}

    routes = {route if route.startswith("POST ") else f"POST {route}" for route in edge.routes() if route != "/metrics"}
    assert "POST /api/v1/cloud-metrics" in routes
    assert routes <= operations


def operations(document):
    return [
        (f"{method.upper()} {path}", operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def test_every_operation_says_how_to_authenticate_and_how_it_fails(document):
    for name, operation in operations(document):
        assert operation["summary"], name
        assert [scheme for scheme in operation["security"] if scheme != {"cookieAuth": []}] == KEYS, name
        for status, answer in operation["responses"].items():
            media_types = list(answer.get("content", ()))
            if status in {"204", "416"}:  # nothing, and no such range of a file
                assert media_types == [], name
                continue
            ours = FORMS.get(name, ["application/json"]) if status[0] == "2" else ["application/problem+json"]
            assert media_types == (OTLP if name == "POST /v1/traces" else ours), name


@pytest.mark.parametrize(
    ("path", "method", "statuses"),
    [
        *((path, "post", SENDING) for path in ("/api/v1/ingest", "/api/ingest", "/log")),
        ("/v1/traces", "post", {"200", "400", "401", "403", "405", "408", "413", "415", "429", "503"}),
        ("/api/v1/calls", "get", READING | {"200"}),
        ("/api/v1/rate-cards", "post", {"201", "400", "401", "403", "404", "406", "409", "415", "422", "429", "503"}),
        (
            "/api/v1/rate-cards/{card_id}",
            "delete",
            {"204", "400", "401", "403", "404", "406", "409", "422", "429", "503"},
        ),
        ("/api/v1/me", "get", {"200", "400", "401", "406", "429", "503"}),
    ],
)
def test_the_answers_of_an_endpoint(document, path, method, statuses):
    assert set(document["paths"][path][method]["responses"]) == statuses


def test_answers_say_how_the_client_stands(document):
    limits = {"RateLimit", "RateLimit-Policy"}
    for name, operation in operations(document):
        assert {"Retry-After", *limits} <= set(operation["responses"]["429"]["headers"]), name
        for status, answer in operation["responses"].items():
            if "/api/v1/" in name and "ingest" not in name and "POST /api/v1/cloud" not in name:
                assert (limits <= set(answer["headers"])) == (status != "401"), f"{name} {status}"


def bodies(document):
    """(where, media object) of every request and answer."""
    for name, operation in operations(document):
        for media_type, media in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{name} {media_type}", media
        for status, answer in operation["responses"].items():
            for media_type, media in answer.get("content", {}).items():
                if media_type != "application/octet-stream":  # a file
                    yield f"{name} {status}", media


def test_every_example_is_what_its_schema_says(document):
    for where, media in bodies(document):
        validator = Draft202012Validator(media["schema"] | {"components": document["components"]})
        assert media["examples"], where
        for example in media["examples"].values():
            assert [error.message for error in validator.iter_errors(example["value"])] == [], where


def test_an_empty_page_of_a_list_with_two_forms_is_what_its_schema_says(document):
    schema = {"$ref": "#/components/schemas/CloudMetrics", "components": document["components"]}

    assert Draft202012Validator(schema).is_valid({"results": [], "next": None})
    assert not Draft202012Validator(schema).is_valid({"results": [{}], "next": None})


def test_the_event_is_described_whole():
    properties = event_schema()["properties"]

    assert list(properties) == list(Event.__struct_fields__)
    assert properties["model"] == {
        "type": "string",
        "maxLength": 255,
        "description": "The model as the provider was asked for it. The only member that is required.",
    }
    assert properties["input_tokens"]["type"] == ["integer", "null"]
    assert (properties["input_tokens"]["minimum"], properties["input_tokens"]["maximum"]) == (0, 10**9)
    assert properties["tags"]["maxProperties"] == 20
    assert properties["usage"]["type"] == ["object", "null"]
    assert properties["prompt_tokens"]["description"] == "Another name of `input_tokens`."


def test_the_security_schemes(document):
    assert document["components"]["securitySchemes"] == {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API key: `tko_…`."},
        "TS-API-Key": {"type": "apiKey", "in": "header", "name": "TS-API-Key"},
        "X-TokenOps-Key": {"type": "apiKey", "in": "header", "name": "X-TokenOps-Key"},
        "X-API-Key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "cookieAuth": {"type": "apiKey", "in": "cookie", "name": "sessionid"},
    }


def test_anybody_may_read_the_document(anonymous, document):
    answer = anonymous.get("/api/schema/")

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert json.loads(answer.content) == document


def test_the_document_as_yaml(anonymous, document):
    answer = anonymous.get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi"})

    assert answer["Content-Type"].startswith("application/vnd.oai.openapi")
    assert api_document.parsed(answer.content) == document


def test_the_docs_page_needs_nothing_from_elsewhere_and_nothing_inline(anonymous):
    page = anonymous.get("/api/docs/")

    html = page.content.decode()
    assert page.status_code == 200
    assert page["Content-Security-Policy"].startswith("default-src 'self'; script-src 'self';")
    assert "<style" not in html
    assert html.count("<script") == html.count('<script src="/')
    assert "//" not in html.replace("<!DOCTYPE", "")


def test_the_docs_script_reads_our_document(anonymous):
    script = anonymous.get("/api/docs/?script=")

    assert script["Content-Type"].startswith("application/javascript")
    assert 'url: "/api/schema/"' in script.content.decode().replace("\\u002D", "-")


def test_schema_and_docs_are_found_without_the_last_slash(anonymous):
    assert anonymous.get("/api/docs").headers["Location"] == "/api/docs/"
    assert anonymous.get("/api/schema").headers["Location"] == "/api/schema/"
