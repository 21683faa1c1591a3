"""Whose a call is: feature, team, project, environment, tags, people."""

import json

import pytest

from ingestion.tests.wire.builders import KEY, MARKER
from ingestion.tests.wire.otlp.builders import CHAT, accepted, parse, parse_protobuf, refused, request, span
from ingestion.wire.identity import stored_user_id

FEATURES = [
    ("span", "tokenops.feature"),
    ("resource", "tokenops.feature"),
    ("span", "traceloop.association.properties.feature"),
    ("span", "traceloop.workflow.name"),
    ("resource", "openinference.project.name"),
    ("span", "gen_ai.application_name"),
    ("span", "ai.telemetry.functionId"),
    ("span", "endpoint_name"),
    ("span", "gen_ai.workflow.name"),
    ("span", "gen_ai.agent.name"),
    ("resource", "service.name"),
]


@pytest.mark.parametrize("rank", range(len(FEATURES)))
def test_features_are_believed_in_this_order(rank):
    given: dict[str, dict[str, str]] = {"span": {}, "resource": {}}
    for index, (place, name) in enumerate(FEATURES[rank:], start=rank):
        given[place][name] = str(index)

    call = accepted(CHAT | given["span"], resource=given["resource"])

    assert call.feature == str(rank)


@pytest.mark.parametrize("service", ["unknown_service", "unknown_service:python", "", "x" * 101])
def test_without_any_name_the_feature_is_default(service):
    assert accepted(CHAT, resource={"service.name": service}).feature == "default"


def test_teams():
    association = {"traceloop.association.properties.team": "data"}

    assert accepted(CHAT).team == ""
    assert accepted(CHAT | association).team == "data"
    assert accepted(CHAT | association, resource={"tokenops.team": "core"}).team == "core"
    assert accepted(CHAT | {"tokenops.team": "search"}, resource={"tokenops.team": "core"}).team == "search"


@pytest.mark.parametrize(
    ("attributes", "resource", "environment"),
    [
        ({}, {}, "default"),
        ({}, {"deployment.environment": "staging"}, "staging"),
        ({}, {"deployment.environment.name": "prod", "deployment.environment": "staging"}, "prod"),
        ({"gen_ai.environment": "ci"}, {}, "ci"),
        ({"langfuse.environment": "ci"}, {}, "ci"),
    ],
)
def test_environments(attributes, resource, environment):
    assert accepted(CHAT | attributes, resource=resource).environment == environment


def test_the_resource_names_the_project_and_a_span_does_not():
    document = request([span(CHAT | {"tokenops.project": "from-the-span"})], resource={"tokenops.project": "app"})

    [(_, of_another)] = parse(document, project_slug=None).calls
    [(_, of_its_own)] = parse(document, project_slug="app").calls

    assert (of_another.project_slug, of_its_own.project_slug) == ("app", "")


def test_foreign_ids_in_attributes_mean_nothing():
    foreign = {"organization_id": 7, "tokenops.organization": "globex", "project_id": 9, "tokenops.project_id": "x"}

    assert accepted(CHAT | foreign) == accepted(CHAT)


def test_tags():
    attributes = {"tokenops.tag.release": "7", "tokenops.tag.canary": True, "tokenops.tag.shard": 3}
    attributes |= {"traceloop.association.properties.customer": "c-1", "traceloop.association.properties.team": "t"}
    attributes |= {"traceloop.association.properties.ls_provider": "openai"}

    call = accepted(CHAT | attributes, resource={"tokenops.tag.region": "eu", "tokenops.tag.release": "6"})

    assert json.loads(call.tags) == {"release": "7", "canary": "true", "shard": "3", "region": "eu", "customer": "c-1"}


def test_tags_beyond_the_limits_are_left_out_and_said():
    attributes = {f"tokenops.tag.t{number:02}": "v" for number in range(25)}
    attributes |= {"tokenops.tag." + "k" * 51: "v", "tokenops.tag.long": "v" * 201, "tokenops.tag.list": ["a"]}

    batch = parse(request([span(CHAT | attributes)]))

    [(_, call)] = batch.calls
    assert len(json.loads(call.tags)) == 20
    assert {(one.field, one.message) for one in batch.warnings} == {
        ("tags", "some are left out: at most 20, keys of at most 50, values of at most 200 characters")
    }


def test_a_tag_that_carries_content_is_left_out():
    call = accepted(CHAT | {"traceloop.association.properties.prompt": MARKER, "tokenops.tag.messages": MARKER})

    assert call.tags == "{}"


@pytest.mark.parametrize(
    ("sent", "allowed", "stored"),
    [
        ("u-1", False, "u-1"),
        ("jane@example.com", False, stored_user_id("jane@example.com", KEY)),
        ("jane@example.com", True, "jane@example.com"),
        (123456789, False, stored_user_id("123456789", KEY)),
    ],
)
def test_personal_ids_are_hashed_unless_allowed(sent, allowed, stored):
    document = request([span(CHAT | {"user.id": sent})])

    [(_, call)] = parse(document, allow_personal_ids=allowed).calls
    [(_, again)] = parse_protobuf(document, allow_personal_ids=allowed).calls

    assert call.user_id == again.user_id == stored


def test_agent_and_prompt_version():
    call = accepted(CHAT | {"gen_ai.agent.name": "researcher", "traceloop.prompt.version": 3})

    assert (call.agent_name, call.prompt_version) == ("researcher", "3")


def test_the_parent_is_kept():
    assert accepted(CHAT, parentSpanId="00F067AA0BA902B7").parent_span_id == "00f067aa0ba902b7"


def test_an_unusable_project_is_a_reason():
    batch = parse(request([span()], resource={"tokenops.project": "p" * 101}))

    assert [(e.field, e.message) for e in batch.rejected[0].errors] == [
        ("project", "must be a text of at most 100 characters")
    ]
    assert refused(CHAT | {"gen_ai.request.model": None}) == [("model", "is required")]


def test_an_attribute_of_the_resource_that_cannot_be_used_refuses_each_of_its_spans_and_no_other():
    document = request([span(), span(spanId="00f067aa0ba902b7")], resource={"tokenops.team": "x" * 101})
    document["resourceSpans"] += request([span()], resource={"tokenops.team": "core"})["resourceSpans"]

    batch = parse(document)

    assert [(index, call.team) for index, call in batch.calls] == [(2, "core")]
    assert [(one.index, [error.field for error in one.errors]) for one in batch.rejected] == [
        (0, ["team"]),
        (1, ["team"]),
    ]


def test_a_span_that_names_its_own_team_does_not_suffer_from_its_resource():
    assert accepted(CHAT | {"tokenops.team": "core"}, resource={"tokenops.team": "x" * 101}).team == "core"
