import pytest

from rules.alerts.matching import KINDS, RULES, Subject, Terms, closes, opens


def subject(**values):
    given = {"kind": "insight.opened", "severity": "medium", "rule": "SPIKE", "team": "search", "project_id": 7}
    return Subject(**(given | values))


@pytest.mark.parametrize(
    ("least", "told"),
    [("low", {"low", "medium", "high"}), ("medium", {"medium", "high"}), ("high", {"high"})],
)
def test_a_route_takes_its_severity_and_what_is_above(least, told):
    found = {one for one in ("low", "medium", "high") if Terms(min_severity=least).match(subject(severity=one))}

    assert found == told


@pytest.mark.parametrize(
    ("terms", "is_meant"),
    [
        ({}, True),
        ({"kinds": ["insight.opened"]}, True),
        ({"kinds": ["insight.opened", "key.created"]}, True),
        ({"kinds": ["key.created"]}, False),
        ({"rules": ["SPIKE"]}, True),
        ({"rules": ["LONG_PROMPTS"]}, False),
        ({"teams": ["search"]}, True),
        ({"teams": ["chat"]}, False),
        ({"project_ids": [7, 8]}, True),
        ({"project_ids": [8]}, False),
        ({"rules": ["SPIKE"], "teams": ["chat"]}, False),
        ({"kinds": ["insight.opened"], "rules": ["SPIKE"], "teams": ["search"], "project_ids": [7]}, True),
    ],
)
def test_an_event_must_fit_every_term(terms, is_meant):
    assert Terms(**terms).match(subject()) is is_meant


@pytest.mark.parametrize("terms", [{"rules": ["SPIKE"]}, {"teams": ["search"]}, {"project_ids": [7]}])
def test_an_event_of_the_whole_organization_is_in_no_project_team_or_rule(terms):
    nowhere = subject(kind="quota.reached", rule="", team="", project_id=None)

    assert not Terms(**terms).match(nowhere)
    assert Terms().match(nowhere)


def test_kinds_say_what_they_do_to_a_matter():
    assert [kind for kind in KINDS if opens(kind)] == ["insight.opened", "insight.reopened"]
    assert [kind for kind in KINDS if closes(kind)] == ["insight.resolved"]


def test_every_kind_that_is_recorded_can_be_routed():
    assert set(KINDS) == {
        "insight.opened",
        "insight.reopened",
        "insight.resolved",
        "budget.threshold",
        "key.created",
        "key.rotated",
        "key.revoked",
        "key.expiring",
        "catalogue.changed",
        "quota.reached",
        "gateway.spool_filling",
        "channel.disabled",
        "report.not_sent",
        "destination.paused",
    }
    assert len(RULES) == 12
