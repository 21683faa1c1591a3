"""What the document promises is what is answered."""

from datetime import UTC, datetime

import msgspec
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from core.fields import instant_text
from ingestion.api.prices.parameters import EndSerializer, NewCardSerializer
from ingestion.tests.factories import make_call, make_sample
from ingestion.tests.pricing.scene import import_catalogue
from ingestion.wire.batch import ParseContext
from ingestion.wire.rest import parse_ingest, parse_log
from ingestion.wire.samples import parse_samples
from tenants.permissions import Scope
from tenants.tests.keys import bearer, issue_key
from tests import api_document

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def document():
    return api_document.document()


@pytest.fixture
def check(document):
    """Compares an answer with what the operation promises for its status."""

    def promised(path, answer):
        promise = document["paths"][path]["get"]["responses"][str(answer.status_code)]
        (media_type, media), *others = promise["content"].items()
        assert others == []
        assert answer["Content-Type"] == media_type
        validator = Draft202012Validator(media["schema"] | {"components": document["components"]})
        assert [error.message for error in validator.iter_errors(answer.json())] == []

    return promised


PATHS = [
    ("/api/v1/me", "/api/v1/me"),
    ("/api/v1/organizations", "/api/v1/organizations"),
    ("/api/v1/organizations/{organization_slug}", "/api/v1/organizations/acme"),
    ("/api/v1/projects", "/api/v1/projects?organization=acme"),
    ("/api/v1/projects/{project_slug}", "/api/v1/projects/web?organization=acme"),
    ("/api/v1/calls", "/api/v1/calls?organization=acme&limit=1"),
    ("/api/v1/rate-cards", "/api/v1/rate-cards?organization=acme&limit=1"),
    ("/api/v1/unpriced-models", "/api/v1/unpriced-models?organization=acme"),
    ("/api/v1/calls/{call_id}", "/api/v1/calls/bare?organization=acme&timestamp=NOW"),
    ("/api/v1/cloud-metrics", "/api/v1/cloud-metrics?organization=acme&limit=1"),
    ("/api/v1/cloud-metrics", "/api/v1/cloud-metrics?organization=acme&group_by=resource"),
]
WITHIN_AN_ORGANIZATION = PATHS[2:]


@pytest.fixture
def url(request):
    """The parametrized one with the moment filled in: names of tests may not depend on the clock."""
    return request.param.replace("NOW", instant_text(NOW))


@pytest.fixture
def calls(acme_project):
    """One with everything that may be missing missing, and one before it."""
    nothing = {"provider": "", "cost_usd": None, "latency_ms": None, "cost_source": "none", "price_match": ""}
    make_call(acme_project, call_id="bare", started_at=NOW, **nothing)
    import_catalogue()
    make_sample(acme_project)
    make_sample(acme_project, invocations=None, duration_ms=None, cost_usd=None, kind="", team="")
    make_call(acme_project, call_id="another", started_at=NOW, extra_units={"pages": 2}, tags={"release": "1"})


@pytest.mark.parametrize(("path", "url"), PATHS, indirect=["url"])
def test_answers_to_people(owner, calls, check, path, url):
    answer = owner.get(url)

    assert answer.status_code == 200
    check(path, answer)


@pytest.mark.parametrize(("path", "url"), PATHS, indirect=["url"])
@pytest.mark.parametrize("bound", [True, False])
def test_answers_to_keys(anonymous, acme, acme_project, calls, check, path, url, bound):
    issued = issue_key(acme, project=acme_project if bound else None)

    answer = anonymous.get(url, headers=bearer(issued))

    assert answer.status_code == 200
    check(path, answer)


@pytest.mark.parametrize(("path", "url"), PATHS, indirect=["url"])
def test_refusals_of_strangers_and_of_nonsense(owner, anonymous, calls, check, path, url):
    separator = "&" if "?" in url else "?"
    unauthenticated, invalid = anonymous.get(url), owner.get(f"{url}{separator}nonsense=1")
    unacceptable = owner.get(url, headers={"Accept": "text/csv"})

    assert [answer.status_code for answer in (unauthenticated, invalid, unacceptable)] == [401, 400, 406]
    for answer in (unauthenticated, invalid, unacceptable):
        check(path, answer)


@pytest.mark.parametrize(("path", "url"), WITHIN_AN_ORGANIZATION, indirect=["url"])
def test_refusals_of_people_and_keys_without_a_right(outsider, nobody, anonymous, acme, calls, check, path, url):
    ingest_only = bearer(issue_key(acme, scopes=[Scope.INGEST]))
    missing, forbidden, out_of_scope = outsider.get(url), nobody.get(url), anonymous.get(url, headers=ingest_only)

    assert [answer.status_code for answer in (missing, forbidden, out_of_scope)] == [404, 403, 403]
    for answer in (missing, forbidden, out_of_scope):
        check(path, answer)


@pytest.fixture
def context():
    day = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    return ParseContext(
        now=NOW,
        earliest=day.replace(year=day.year - 20, day=1),
        latest=day.replace(year=day.year + 20, day=1),
        infer_provider=lambda model: "openai",
        hash_key=b"k" * 32,
    )


@pytest.mark.parametrize(
    ("path", "serializer"),
    [("/api/v1/rate-cards", NewCardSerializer), ("/api/v1/rate-cards/{card_id}/end", EndSerializer)],
)
def test_the_examples_of_bodies_about_prices_are_accepted(document, path, serializer):
    content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    bodies = [example["value"] for example in content["examples"].values()]

    assert bodies
    for body in bodies:
        serializer(data=body).is_valid(raise_exception=True)


def test_the_examples_of_events_are_accepted(document, context):
    ingest = document["paths"]["/api/v1/ingest"]["post"]["requestBody"]["content"]
    log = document["paths"]["/log"]["post"]["requestBody"]["content"]

    batches = {
        name: parse_ingest(msgspec.json.encode(example["value"]), content_type="application/json", context=context)
        for name, example in ingest["application/json"]["examples"].items()
    }
    lines = ingest["application/x-ndjson"]["examples"]["lines"]["value"].encode()
    batches["lines"] = parse_ingest(lines, content_type="application/x-ndjson", context=context)
    flat = msgspec.json.encode(log["application/json"]["examples"]["flat"]["value"])
    batches["flat"] = parse_log(flat, context=context)

    assert {name: len(batch.calls) for name, batch in batches.items()} == {
        "one": 1,
        "several": 2,
        "envelope": 1,
        "lines": 2,
        "flat": 1,
    }
    assert [batch.rejected for batch in batches.values()] == [[]] * len(batches)


def test_the_examples_of_samples_are_accepted(document, context):
    content = document["paths"]["/api/v1/cloud-metrics"]["post"]["requestBody"]["content"]
    examples = content["application/json"]["examples"]

    batches = {
        name: parse_samples(msgspec.json.encode(one["value"]), content_type="application/json", context=context)
        for name, one in examples.items()
    }
    lines = content["application/x-ndjson"]["examples"]["lines"]["value"].encode()
    batches["lines"] = parse_samples(lines, content_type="application/x-ndjson", context=context)

    assert {name: len(batch.samples) for name, batch in batches.items()} == {
        "one": 1,
        "several": 2,
        "envelope": 2,
        "lines": 1,
    }
    assert [batch.rejected for batch in batches.values()] == [[]] * len(batches)
