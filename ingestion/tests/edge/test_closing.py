"""Calls of what is about to be deleted are refused at once, and welcome again when it is kept."""

from datetime import UTC, datetime

import pytest

from core.scope import org_scope
from ingestion.tests.edge.client import issue_key, stored_calls
from ingestion.tests.edge.conftest import project_of
from tenants import archive, deletion
from tenants.models import Membership
from tests.resilience.processes import wait_until

EVENT = {"model": "gpt-4o", "input_tokens": 1}


def owner(organization):
    return Membership.objects.get(organization=organization).user


def close_project(organization, slug="web"):
    deletion.schedule_project(
        organization=organization,
        actor=owner(organization),
        project=project_of(organization, slug),
        confirmation=slug,
        now=datetime.now(UTC),
    )


def keep_project(organization, slug="web"):
    deletion.keep_project(
        organization=organization,
        actor=owner(organization),
        project=project_of(organization, slug),
        now=datetime.now(UTC),
    )


def until(edge, key, status):
    """What the edge answers once it has heard of the change."""
    wait_until(lambda: edge.post(EVENT, key=key).status == status, f"the edge to answer {status}")
    return edge.post(EVENT, key=key)


def test_the_key_of_a_project_that_is_to_be_deleted_is_refused_and_then_works_again(edge, acme):
    key = issue_key(acme)
    assert edge.post(EVENT, key=key).status == 202

    close_project(acme)
    refused = until(edge, key, 401)
    before = len(stored_calls(acme))
    keep_project(acme)
    until(edge, key, 202)

    assert "The project of this API key was deleted, or is about to be." in refused.body.decode()
    assert len(stored_calls(acme)) == before + 2


def test_no_key_of_an_organization_that_is_to_be_deleted_may_send(edge, acme, globex):
    keys = [issue_key(acme), issue_key(acme, project=None)]
    theirs = issue_key(globex)
    assert {edge.post(EVENT, key=key).status for key in [*keys, theirs]} == {202}

    deletion.schedule_organization(organization=acme, actor=owner(acme), confirmation=acme.slug, now=datetime.now(UTC))

    for key in keys:
        assert "is about to be deleted" in until(edge, key, 401).body.decode()
    assert edge.post(EVENT, key=theirs).status == 202
    before = len(stored_calls(acme))
    assert edge.post(EVENT, key=keys[0]).status == 401
    assert len(stored_calls(acme)) == before


def test_calls_that_name_no_project_go_to_the_new_default(edge, acme):
    key = issue_key(acme, project=None)
    close_project(acme)

    until(edge, key, 202)

    with org_scope(acme.pk):
        assert {call["project_id"] for call in stored_calls(acme)} == {project_of(acme, "app").pk}


def test_events_that_name_a_project_that_is_to_be_deleted_are_rejected_one_by_one(edge, acme):
    key = issue_key(acme, project=None)
    close_project(acme)

    answer = edge.post([EVENT | {"project": "web"}, EVENT | {"project": "app"}], key=key)

    assert answer.status == 202
    assert answer.json()["accepted"] == 1
    assert [(one["index"], one["errors"][0]["field"]) for one in answer.json()["rejected"]] == [(0, "project")]


@pytest.mark.parametrize("body", [EVENT, [EVENT, EVENT]])
def test_without_any_project_left_calls_are_rejected_with_the_reason(edge, acme, body):
    key = issue_key(acme, project=None)
    close_project(acme, "app")
    close_project(acme, "web")

    answer = edge.post(body, key=key)

    assert answer.status == 400
    assert answer.json()["rejected"][0]["errors"][0]["field"] == "project"
    assert stored_calls(acme) == []


def test_an_archived_project_takes_nothing_until_it_is_restored(edge, acme):
    key = issue_key(acme)
    web = project_of(acme)
    assert edge.post(EVENT, key=key).status == 202

    archive.archive_project(organization=acme, actor=None, project=web, now=datetime.now(UTC))
    refused = until(edge, key, 403)
    assert refused.json()["type"].endswith("/project-archived")
    kept = len(stored_calls(acme))
    assert edge.post(EVENT, key=key).status == 403
    assert len(stored_calls(acme)) == kept

    archive.restore_project(organization=acme, actor=None, project=web)
    until(edge, key, 202)


def test_events_that_name_an_archived_project_are_rejected_and_others_go_to_the_new_default(edge, acme):
    key = issue_key(acme, project=None)
    archive.archive_project(organization=acme, actor=None, project=project_of(acme), now=datetime.now(UTC))

    answer = edge.post([EVENT | {"project": "web"}, EVENT], key=key)

    assert answer.json()["accepted"] == 1
    assert [(one["index"], one["errors"][0]["field"]) for one in answer.json()["rejected"]] == [(0, "project")]
    with org_scope(acme.pk):
        assert {call["project_id"] for call in stored_calls(acme)} == {project_of(acme, "app").pk}
