"""Whose a call is: the team it names by slug or alias, else its project's; and what is no team is kept as sent."""

from core.scope import org_scope
from ingestion.models import DailyRollup
from ingestion.tests.edge.client import issue_key, stored_calls, stored_samples
from ingestion.tests.edge.conftest import project_of
from ingestion.tests.edge.rows import AN_HOUR_AGO
from tenants import project_data, teams
from tests.resilience.processes import wait_until

EVENT = {"model": "gpt-4o", "input_tokens": 1}
AT = AN_HOUR_AGO.isoformat()
SAMPLE = {"resource": "r", "allocated_mb": 2, "used_mb": 1}
SAMPLES = "/api/v1/cloud-metrics"


def new_team(organization, name="Search", **more):
    return teams.create_team(organization=organization, actor=None, name=name, **more)


def sent(edge, key, **fields):
    answer = edge.post(EVENT | fields, key=key)
    assert answer.status == 202, answer.body


def teams_of(organization, **filters):
    return [call["team"] for call in stored_calls(organization, **filters)]


def rollups(organization):
    with org_scope(organization.pk):
        return dict(DailyRollup.objects.order_by("team").values_list("team", "calls"))


def test_a_team_is_found_by_slug_and_alias_without_case(edge, acme):
    new_team(acme, aliases=["Find It", "STRASSE"])
    key = issue_key(acme)

    named = ["search", "SEARCH", "Find it", " find IT ", "straße"]
    answer = edge.post([EVENT | {"team": name} for name in named], key=key)

    assert answer.json()["accepted"] == 5
    assert teams_of(acme) == ["search"] * 5
    assert rollups(acme) == {"search": 5}


def test_what_is_no_team_is_kept_as_sent(edge, acme, globex):
    new_team(acme)
    new_team(globex, name="Ads")
    key = issue_key(acme)

    edge.post(
        [EVENT | {"id": str(n), "timestamp": AT, "team": name} for n, name in enumerate(["Ads", "searchers", ""])],
        key=key,
    )

    assert sorted(teams_of(acme)) == ["", "Ads", "searchers"]
    assert rollups(acme) == {"": 1, "Ads": 1, "searchers": 1}


def test_calls_that_name_no_team_are_their_projects(edge, acme):
    team = new_team(acme)
    project_data.set_team(organization=acme, actor=None, project=project_of(acme), team=team)
    key = issue_key(acme, project=None)

    edge.post([EVENT, EVENT | {"project": "app"}, EVENT | {"team": "other"}], key=key)

    web, app = project_of(acme).pk, project_of(acme, "app").pk
    assert sorted(teams_of(acme, project_id=web)) == ["other", "search"]
    assert teams_of(acme, project_id=app) == [""]


def test_samples_have_teams_too(edge, acme):
    team = new_team(acme, aliases=["finders"])
    project_data.set_team(organization=acme, actor=None, project=project_of(acme), team=team)
    key = issue_key(acme)

    edge.post(
        [SAMPLE | {"id": "a", "timestamp": AT, "team": "FINDERS"}, SAMPLE | {"id": "b", "timestamp": AT}],
        key=key,
        path=SAMPLES,
    )

    assert [sample["team"] for sample in stored_samples(acme)] == ["search", "search"]


def test_the_edge_hears_of_every_change_of_teams(edge, acme):
    key = issue_key(acme)
    count = 0

    def becomes(expected, **fields):
        def is_so():
            nonlocal count
            count += 1
            sent(edge, key, id=f"{expected}-{count}", timestamp=AT, **fields)
            return stored_calls(acme, call_id=f"{expected}-{count}")[0]["team"] == expected

        wait_until(is_so, f"the edge to know {expected}")

    sent(edge, key, team="finders")
    assert teams_of(acme) == ["finders"]
    team = new_team(acme)
    teams.add_alias(organization=acme, actor=None, team=team, alias="Finders")
    becomes("search", team="finders")
    teams.remove_alias(organization=acme, actor=None, team=team, alias="finders")
    becomes("finders", team="finders")
    project_data.set_team(organization=acme, actor=None, project=project_of(acme), team=team)
    becomes("search")
    teams.delete_team(organization=acme, actor=None, team=team)
    becomes("")
