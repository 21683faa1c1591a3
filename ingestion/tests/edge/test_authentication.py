"""Who may send, and where it goes."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.conf import settings
from django.utils.timezone import now

from core import keys
from core.databases import OWNER
from core.scope import org_scope
from ingestion.tests.edge.client import issue_key, running_edge, stored_calls
from ingestion.tests.edge.conftest import project_of
from ingestion.tests.edge.test_bad_input import slug
from tenants import key_services
from tenants.models import ApiKey, ApiKeyLookup, Project
from tests.resilience.processes import wait_until

EVENT = {"model": "gpt-4o"}


@pytest.mark.parametrize(
    "header", [{"TS-API-Key": "{}"}, {"X-TokenOps-Key": "{}"}, {"X-API-Key": "{}"}, {"Authorization": "bEARER {}"}]
)
def test_a_key_is_taken_from_each_header(edge, acme, key, header):
    headers = {name: value.format(key) for name, value in header.items()}

    assert edge.post(EVENT, headers=headers).status == 202
    assert len(stored_calls(acme)) == 1


def test_the_same_key_twice_is_one_key(edge, key):
    assert edge.post(EVENT, key=key, headers={"authorization": f"Bearer {key}", "x-api-key": f" {key} "}).status == 202


def test_another_authorization_scheme_beside_a_key_is_ignored(edge, key):
    assert edge.post(EVENT, key=key, headers={"authorization": "Basic dXNlcjpwYXNz"}).status == 202


def test_two_different_keys_are_401(edge, acme, key):
    response = edge.post(EVENT, key=key, headers={"authorization": f"Bearer {issue_key(acme)}"})

    assert (response.status, slug(response)) == (401, "unauthenticated")
    assert stored_calls(acme) == []


@pytest.mark.parametrize(
    "header", [{}, {"ts-api-key": ""}, {"authorization": "Basic abc"}, {"authorization": "Bearer "}]
)
def test_no_key_is_401_and_says_how(edge, header):
    response = edge.post(EVENT, headers=header)

    assert (response.status, slug(response)) == (401, "unauthenticated")
    assert response.headers["www-authenticate"] == 'Bearer realm="TokenOps"'


def another_secret(key):
    """A well-formed key with the same public part."""
    prefix = keys.prefix_of(key)
    secret = "A" * 34
    return f"tko_{prefix}_{secret}{keys._checksum(prefix + secret)}"


@pytest.mark.parametrize(
    "wrong", [lambda key: "nonsense", lambda key: key[:-1], lambda key: keys.generate().text, another_secret]
)
def test_a_wrong_key_is_401_and_is_not_repeated(edge, acme, key, wrong):
    edge.post(EVENT, key=key)
    text = wrong(key)

    response = edge.post(EVENT, key=text)

    assert (response.status, slug(response)) == (401, "unauthenticated")
    assert text.encode() not in response.body
    assert len(stored_calls(acme)) == 1


def test_an_expired_key_is_401(edge, acme):
    expired = issue_key(acme)
    ApiKeyLookup.objects.filter(prefix=keys.prefix_of(expired)).update(expires_at=datetime.now(UTC))

    assert edge.post(EVENT, key=expired).status == 401
    assert stored_calls(acme) == []


def test_a_key_expires_while_it_is_remembered(edge, acme):
    expiring = issue_key(acme, expires_at=datetime.now(UTC) + timedelta(seconds=1))
    assert edge.post(EVENT, key=expiring).status == 202

    wait_until(lambda: edge.post(EVENT, key=expiring).status == 401, "the key to expire")


def test_a_key_without_the_scope_is_403(edge, acme):
    response = edge.post(EVENT, key=issue_key(acme, scopes=["read"]))

    assert (response.status, slug(response)) == (403, "missing-scope")
    assert stored_calls(acme) == []


def test_a_revoked_key_is_refused_on_every_edge_as_soon_as_they_hear_of_it(edge, acme, key):
    with running_edge() as other_process:
        assert edge.post(EVENT, key=key).status == other_process.post(EVENT, key=key).status == 202
        with org_scope(acme.pk):
            stored = ApiKey.objects.get()

        key_services.revoke_key(organization=acme, actor=None, key=stored, now=now())

        wait_until(lambda: edge.post(EVENT, key=key).status == 401, "one edge to hear")
        wait_until(lambda: other_process.post(EVENT, key=key).status == 401, "the other edge to hear")


def test_a_new_key_works_at_once(edge, acme):
    for _ in range(3):
        assert edge.post(EVENT, key=issue_key(acme)).status == 202


def test_the_key_of_a_deleted_project_is_401(edge, acme):
    key = issue_key(acme, project="app")
    with psycopg.connect(settings.DATABASE.conninfo(OWNER)) as owner:
        owner.execute("delete from events where organization_id = %s", [acme.pk])
        owner.execute("delete from api_keys where organization_id = %s", [acme.pk])
        owner.execute("delete from projects where organization_id = %s and slug = 'app'", [acme.pk])

    assert edge.post(EVENT, key=key).status == 401


def test_foreign_ids_in_the_body_are_ignored(edge, acme, globex, key):
    foreign = {
        "organization_id": globex.pk,
        "organization": globex.slug,
        "project_id": project_of(globex).pk,
        "api_key_id": 1,
    }

    response = edge.post({**EVENT, **foreign}, key=key)

    assert response.status == 202
    assert stored_calls(globex) == []
    (call,) = stored_calls(acme)
    assert (call["organization_id"], call["project_id"]) == (acme.pk, project_of(acme).pk)


def test_a_project_key_naming_another_project_is_403(edge, acme, globex, key):
    by_header = edge.post(EVENT, key=key, headers={"x-tokenops-project": "app"})
    by_field = edge.post([EVENT, {**EVENT, "project": "app"}], key=key)

    assert (by_header.status, slug(by_header)) == (403, "other-project")
    assert (by_field.status, slug(by_field)) == (403, "other-project")
    assert stored_calls(acme) == stored_calls(globex) == []


def test_a_project_key_may_name_its_own_project(edge, acme, key):
    assert edge.post({**EVENT, "project": "web"}, key=key, headers={"x-tokenops-project": "web"}).status == 202
    assert len(stored_calls(acme)) == 1


def test_an_organizations_key_names_the_project_by_header_or_event(edge, acme):
    key = issue_key(acme, project=None)

    edge.post([{**EVENT, "feature": "by header"}], key=key, headers={"x-tokenops-project": "app"})
    edge.post([{**EVENT, "feature": "by event", "project": "app"}, {**EVENT, "feature": "default"}], key=key)

    projects = {call["feature"]: call["project_id"] for call in stored_calls(acme)}
    app, web = project_of(acme, "app").pk, project_of(acme, "web").pk
    assert projects == {"by header": app, "by event": app, "default": web}


def test_an_unknown_project_rejects_its_event_only(edge, acme, globex):
    key = issue_key(acme, project=None)

    response = edge.post([EVENT, {**EVENT, "project": "no-such-project"}], key=key)

    answer = response.json()
    assert (answer["accepted"], answer["rejected_count"]) == (1, 1)
    assert (answer["rejected"][0]["index"], answer["rejected"][0]["errors"][0]["field"]) == (1, "project")
    assert b"no-such-project" not in response.body


def test_an_unknown_project_in_the_header_rejects_the_events(edge, acme):
    response = edge.post(EVENT, key=issue_key(acme, project=None), headers={"x-tokenops-project": "nowhere"})

    assert response.status == 400
    assert response.json()["rejected"][0]["errors"][0]["field"] == "project"


def test_what_is_older_than_the_project_keeps_is_rejected(edge, acme):
    with org_scope(acme.pk):
        Project.objects.filter(slug="app").update(retention_days=7)
    key = issue_key(acme, project=None)
    old = (datetime.now(UTC) - timedelta(days=8)).isoformat()

    response = edge.post([{**EVENT, "timestamp": old, "project": name} for name in ("web", "app")], key=key)

    answer = response.json()
    assert (answer["accepted"], answer["rejected_count"]) == (1, 1)
    assert answer["rejected"][0]["errors"][0]["field"] == "timestamp"
    assert edge.post({**EVENT, "timestamp": old}, key=issue_key(acme, project="app")).status == 400


def test_personal_ids_are_hashed_unless_the_project_keeps_them(edge, acme):
    with org_scope(acme.pk):
        Project.objects.filter(slug="app").update(allow_personal_ids=True)
    event = {**EVENT, "user_id": "ada@example.org"}

    edge.post({**event, "feature": "web by its key"}, key=issue_key(acme))
    edge.post({**event, "feature": "app by its key"}, key=issue_key(acme, project="app"))
    both = [{**event, "project": name, "feature": f"{name} by the organization's key"} for name in ("web", "app")]
    edge.post(both, key=issue_key(acme, project=None))

    users = {call["feature"]: call["user_id"] for call in stored_calls(acme)}
    hashed = users.pop("web by its key")
    assert hashed.startswith("user:")
    assert "ada" not in hashed
    assert users == {
        "app by its key": "ada@example.org",
        "web by the organization's key": hashed,
        "app by the organization's key": "ada@example.org",
    }


def test_one_person_has_another_hash_in_another_organization(edge, acme, globex):
    event = {**EVENT, "user_id": "ada@example.org", "prompt_hash": "ab" * 32}

    edge.post(event, key=issue_key(acme))
    edge.post(event, key=issue_key(globex))

    (one,), (other,) = stored_calls(acme), stored_calls(globex)
    assert one["user_id"] != other["user_id"]
    assert one["prompt_hash"] != other["prompt_hash"]
