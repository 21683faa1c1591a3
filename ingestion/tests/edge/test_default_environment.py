"""Calls and samples that name no environment are counted to their project's own."""

from ingestion.tests.edge.client import issue_key, stored_calls, stored_samples
from ingestion.tests.edge.conftest import project_of
from ingestion.tests.edge.rows import AN_HOUR_AGO
from tenants import environments

EVENT = {"model": "gpt-4o", "input_tokens": 1}
SAMPLE = {"resource": "r", "allocated_mb": 2, "used_mb": 1}


def use(organization, name):
    environments.set_default(organization=organization, actor=None, project=project_of(organization), name=name)


def test_unless_a_project_says_otherwise_it_is_default(edge, acme):
    edge.post(EVENT, key=issue_key(acme))

    assert [call["environment"] for call in stored_calls(acme)] == ["default"]


def test_the_projects_own_is_used_where_none_is_named(edge, acme):
    use(acme, "production")
    sent = [{"id": str(n), "timestamp": AN_HOUR_AGO.isoformat()} for n in range(3)]

    edge.post(
        [EVENT | sent[0], EVENT | sent[1] | {"environment": "staging"}, EVENT | sent[2] | {"environment": "default"}],
        key=issue_key(acme),
    )

    assert sorted(call["environment"] for call in stored_calls(acme)) == ["production", "production", "staging"]


def test_samples_follow_it(edge, acme):
    use(acme, "production")

    edge.post([SAMPLE], key=issue_key(acme), path="/api/v1/cloud-metrics")

    assert [sample["environment"] for sample in stored_samples(acme)] == ["production"]
