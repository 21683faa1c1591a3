"""Re-pricing over HTTP: people who manage prices, keys with the scope of the whole organization."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from conftest import _client_with_role, make_organization
from core.scope import org_scope
from ingestion.models import RepriceRun
from ingestion.reprice import schema
from ingestion.reprice.serializers import RepriceReportSerializer, RepriceRunSerializer
from ingestion.tests.reprice.conftest import NOON
from tenants.models import AuditEntry, Project
from tenants.permissions import Role, Scope
from tenants.tests.keys import bearer, issue_key

State = RepriceRun.State
URL = "/api/v1/reprice-runs"
PERIOD = {"from": (NOON - timedelta(days=1)).isoformat(), "to": NOON.isoformat()}


@pytest.fixture
def acme(db):
    return make_organization("Acme")


@pytest.fixture
def ask(anonymous, acme):
    """Asks as a key of acme with the scope to manage; other ``headers`` replace it."""
    own = bearer(issue_key(acme, scopes=[Scope.MANAGE]))

    def asked(method, path="", body=None, *, headers=None):
        return getattr(anonymous, method)(
            f"{URL}{path}", data=body, content_type="application/json", headers=headers or own
        )

    return asked


@pytest.fixture
def make_run(acme):
    def make(**columns):
        given = {"since": NOON - timedelta(days=1), "until": NOON, "state": State.READY} | columns
        with org_scope(acme.pk):
            return RepriceRun.objects.create(organization=acme, **given)

    return make


def states(acme):
    with org_scope(acme.pk):
        return list(RepriceRun.objects.order_by("pk").values_list("state", flat=True))


def problem(answer):
    return answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]


def test_a_key_starts_a_dry_run_and_reads_it(ask, acme):
    created = ask("post", body=PERIOD | {"project": "web", "provider": "azure", "model": "house"})

    assert created.status_code == 201, created.content
    document = created.json()
    assert (document["state"], document["progress"]) == ("queued", 0.0)
    assert (document["project"], document["provider"], document["model"]) == ("web", "azure.ai.openai", "house")
    assert (document["from"], document["to"]) == (
        f"{NOON - timedelta(days=1):%Y-%m-%dT%H:%M:%S}.000000Z",
        f"{NOON:%Y-%m-%dT%H:%M:%S}.000000Z",
    )
    assert document["created_by"] is None
    assert ask("get", f"/{document['id']}").json() == document
    with org_scope(acme.pk):
        assert AuditEntry.objects.get(action="prices.reprice_previewed").actor_name == "Test"


def test_a_framework_is_no_provider_and_does_not_mean_every_one(ask):
    assert ask("post", body=PERIOD | {"provider": "langchain"}).json()["provider"] == "langchain"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"to": PERIOD["to"]}, "from"),
        ({"from": PERIOD["from"]}, "to"),
        (PERIOD | {"from": PERIOD["to"], "to": PERIOD["from"]}, "from"),
        ({"from": "2199-01-01T00:00:00Z", "to": "2199-02-01T00:00:00Z"}, "from"),
        ({"from": "2001-01-01T00:00:00Z", "to": "2001-02-01T00:00:00Z"}, "to"),
        (PERIOD | {"from": "yesterday"}, "from"),
        (PERIOD | {"modell": "typo"}, "modell"),
        (PERIOD | {"model": "x" * 256}, "model"),
        (PERIOD | {"provider": "a\0b"}, "provider"),
    ],
)
def test_a_request_that_cannot_be_used_is_refused_by_field(ask, acme, body, field):
    answer = ask("post", body=body)

    assert problem(answer) == (400, "invalid")
    assert field in {error["field"] for error in answer.json()["errors"]}
    assert states(acme) == []


def test_a_body_that_is_no_object_is_refused(ask, acme):
    assert ask("post", body=[1]).status_code == 400
    assert states(acme) == []


def test_a_foreign_or_unknown_project_does_not_exist(ask, acme):
    assert ask("post", body=PERIOD | {"project": "nowhere"}).status_code == 404
    assert states(acme) == []


def test_the_list_is_newest_first_and_shows_sums_exactly(ask, make_run):
    make_run(state=State.APPLIED)
    make_run(old_cost_usd=Decimal("1.5"), new_cost_usd=Decimal("0.000000000000000001"))

    answer = ask("get").json()

    assert [run["state"] for run in answer["results"]] == ["ready", "applied"]
    assert answer["results"][0]["difference_usd"] == "-1.499999999999999999"
    assert answer["next"] is None
    assert list(answer["results"][0]) == list(RepriceRunSerializer().fields)


def test_one_run_shows_its_report(ask, acme, make_run):
    with org_scope(acme.pk):
        project = Project.objects.get()
    row = {"calls": 1, "old_cost_usd": "0", "new_cost_usd": "6.50"}
    sample = {"call_id": "c", "model": "house", "old_cost_usd": None, "new_cost_usd": "6.5"}
    run = make_run(
        differences={
            "models": [{"provider": "openai", "name": "house"} | row],
            "features": [{"name": "search"} | row],
            "samples": [sample | {"project_id": project.pk, "started_at": "2026-07-14T12:00:00+00:00"}],
        },
    )

    document = ask("get", f"/{run.pk}").json()

    costs = {"calls": 1, "old_cost_usd": "0", "new_cost_usd": "6.5", "difference_usd": "6.5"}
    assert document["models"] == [{"provider": "openai", "name": "house"} | costs]
    assert document["features"] == [{"provider": None, "name": "search"} | costs]
    assert document["samples"] == [
        {
            "project": "web",
            "id": "c",
            "timestamp": "2026-07-14T12:00:00.000000Z",
            "model": "house",
            "old_cost_usd": None,
            "new_cost_usd": "6.5",
        }
    ]
    assert list(document) == list(RepriceReportSerializer().fields)


def test_applying_keeps_what_the_dry_run_had_said(ask, acme, make_run):
    run = make_run(calls_seen=5, calls_changed=3, new_cost_usd=Decimal("6.5"))

    document = ask("post", f"/{run.pk}/apply").json()

    assert (document["state"], document["calls_changed"]) == ("applying", 0)
    assert document["preview"] == {
        "calls_seen": 5,
        "calls_changed": 3,
        "newly_priced": 0,
        "newly_unpriced": 0,
        "calls_skipped": 0,
        "old_cost_usd": "0",
        "new_cost_usd": "6.5",
    }


@pytest.mark.parametrize("decision", ["apply", "cancel"])
def test_a_decision_that_comes_too_late_is_a_conflict(ask, acme, make_run, decision):
    run = make_run(state=State.CANCELLED)

    answer = ask("post", f"/{run.pk}/{decision}")

    assert problem(answer) == (409, "reprice-conflict")
    assert states(acme) == [State.CANCELLED]


def test_cancelling_ends_a_run(ask, acme, make_run):
    assert ask("post", f"/{make_run().pk}/cancel").json()["state"] == "cancelled"
    assert states(acme) == [State.CANCELLED]


REQUESTS = [("get", ""), ("post", ""), ("get", "/{}"), ("post", "/{}/apply"), ("post", "/{}/cancel")]


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_keys_of_one_project_and_keys_without_the_scope_change_nothing(ask, acme, make_run, method, path):
    run = make_run()
    with org_scope(acme.pk):
        project = Project.objects.get()
    bound = bearer(issue_key(acme, project=project, scopes=[Scope.MANAGE]))
    reader = bearer(issue_key(acme, scopes=[Scope.READ, Scope.INGEST]))

    body = PERIOD if method == "post" else None
    refused = [ask(method, path.format(run.pk), body, headers=headers) for headers in (bound, reader)]

    assert [problem(answer) for answer in refused] == [(403, "forbidden"), (403, "missing-scope")]
    assert refused[1].json()["title"] == "This API key may not change what an admin may change."
    assert states(acme) == [State.READY]


@pytest.mark.parametrize(("method", "path"), REQUESTS[2:])
def test_a_run_of_another_organization_does_not_exist(ask, method, path):
    other = make_organization("Globex")
    with org_scope(other.pk):
        run = RepriceRun.objects.create(organization=other, since=NOON, until=timezone.now())

    assert ask(method, path.format(run.pk)).status_code == 404
    assert states(other) == [State.QUEUED]


def test_a_person_names_the_organization(acme, make_run):
    admin = _client_with_role(acme, Role.ADMIN)
    run = make_run()

    assert admin.get(URL).status_code == 400
    applied = admin.post(f"{URL}/{run.pk}/apply?organization=acme")

    assert applied.json()["applied_by"] == "admin@acme.test"
    assert admin.get(f"{URL}?organization=acme&nonsense=1").status_code == 400


def test_the_examples_show_what_is_declared():
    assert list(schema._REPORT) == list(RepriceReportSerializer().fields)
