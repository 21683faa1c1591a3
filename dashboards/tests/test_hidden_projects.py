"""Pages of the organization for somebody who may not see all of its projects: as if the others were not there."""

from decimal import Decimal
from typing import Final

import pytest
from django.test import Client
from django.utils import timezone

from core.scope import org_scope
from dashboards.tests.factories import record_calls
from ingestion.pricing import overrides, own
from ingestion.pricing.differences import differences
from ingestion.pricing.preview import preview
from ingestion.pricing.usage import used_models
from ingestion.tests.factories import make_sample
from ingestion.tests.pricing.scene import import_catalogue
from tenants import project_data, services, teams
from tenants.models import Organization, Project
from tenants.permissions import Role
from tenants.tests.keys import bearer, issue_key
from tenants.tests.people import join, override, owner_of, signed_in

OPENAI: Final = ("openai", "gpt-4o")


@pytest.fixture
def secret(acme: Organization) -> Project:
    return services.create_project(organization=acme, actor=owner_of(acme), name="Secret")


@pytest.fixture
def ada(acme: Organization, acme_project: Project, secret: Project) -> Client:
    """A member who may not see the second project, in which something happened."""
    user = join(acme, "ada@example.test", Role.MEMBER)
    override(secret, user, Role.NONE)
    for project, model in ((acme_project, "open-model"), (secret, "secret-model")):
        row = {
            "started_at": timezone.now(),
            "model_key": model,
            "model": model,
            "team": f"{model}-team",
            "cost_source": "none",
            "trace_id": f"{model}-trace",
            "session_id": f"{model}-session",
        }
        with org_scope(acme.pk):
            record_calls(project, [row])
    make_sample(acme_project, resource="open-function")
    make_sample(secret, resource="secret-function")
    return signed_in(user)


@pytest.mark.parametrize(
    ("path", "is_there"),
    [
        ("/o/acme/", "open-model"),
        ("/o/acme/explorer/", "open-model"),
        ("/o/acme/explorer/?by=team&by=model&shape=ranking&metric=calls", "open-model"),
        ("/o/acme/explorer/?by=model&cost_source=none&metric=calls", "open-model"),
        ("/o/acme/calls/", "open-model"),
        ("/o/acme/calls/?panel=filters", "open-model"),
        ("/o/acme/models/", "open-model"),
        ("/o/acme/executive/", "open-model-team"),
        ("/o/acme/traces/", "open-model-trace"),
        ("/o/acme/sessions/", "open-model-session"),
        ("/o/acme/resources/", "open-function"),
        ("/o/acme/teams/", "open-model-team"),
        ("/o/acme/prices/unpriced/", "open-model"),
        ("/api/v1/unpriced-models?organization=acme", "open-model"),
        ("/api/v1/calls?organization=acme", "open-model"),
        ("/api/v1/cloud-metrics?organization=acme", "open-function"),
    ],
)
def test_what_happened_in_a_hidden_project_is_nowhere(ada, owner, path, is_there):
    mine, everything = ada.get(path).text, owner.get(path).text

    assert is_there in mine
    assert "secret" not in mine.lower()
    assert is_there in everything
    assert "secret" in everything.lower()


def test_asking_for_the_hidden_project_by_name_shows_nothing_of_it(ada, owner):
    path = "/o/acme/calls/?project=secret"

    assert "secret-model" not in ada.get(path).text
    assert "secret-model" in owner.get(path).text


def test_calls_of_a_hidden_project_do_not_count_as_use_of_a_model(acme, acme_project, secret):
    for project in (acme_project, secret, secret):
        with org_scope(acme.pk):
            record_calls(project, [{"started_at": timezone.now(), "model_key": "gpt-4o", "provider": "openai"}])

    with org_scope(acme.pk):
        visible = used_models(organization=acme, now=timezone.now(), hidden=[secret.pk])
        every = used_models(organization=acme, now=timezone.now())

    assert visible[OPENAI].calls == 1
    assert every[OPENAI].calls == 3


def test_differences_with_reported_costs_are_of_visible_projects(acme, acme_project, secret):
    row = {"cost_source": "rate_card", "cost_usd": Decimal(1), "reported_cost_usd": Decimal(2)}
    for project, feature in ((acme_project, "open"), (secret, "secret")):
        with org_scope(acme.pk):
            record_calls(project, [row | {"started_at": timezone.now(), "feature": feature}])

    with org_scope(acme.pk):
        found = differences(organization=acme, days=7, now=timezone.now(), hidden=[secret.pk])

    assert [one.feature for one in found] == ["open"]


def test_a_price_is_previewed_on_visible_calls_only(acme, acme_project, secret):
    rows = [{"started_at": timezone.now(), "model": "own-1", "model_key": "own-1", "cost_source": "none"}]
    for project in (acme_project, secret):
        with org_scope(acme.pk):
            record_calls(project, rows)
    card = own.price_card(
        organization_id=acme.pk,
        model="own-1",
        provider="",
        prices={"input": Decimal(1), "output": Decimal(1)},
        valid_from=None,
    )

    with org_scope(acme.pk):
        plans = overrides.plans(organization=acme, cards=[card])
        visible = preview(organization=acme, plans=plans, now=timezone.now(), hidden=[secret.pk])
        every = preview(organization=acme, plans=plans, now=timezone.now())

    assert (visible.looked_at, visible.calls) == (1, 1)
    assert (every.looked_at, every.calls) == (2, 2)


def test_a_teams_page_names_no_hidden_project(ada, owner, acme, secret):
    team = teams.create_team(organization=acme, actor=owner_of(acme), name="Search")
    project_data.set_team(organization=acme, actor=owner_of(acme), project=secret, team=team)

    assert "Secret" not in ada.get("/o/acme/teams/search/").text
    assert "Secret" in owner.get("/o/acme/teams/search/").text


def test_a_projects_key_learns_of_its_own_use_only(acme, acme_project, secret, client):
    with org_scope(acme.pk):
        record_calls(secret, [{"started_at": timezone.now(), "model_key": "gpt-4o", "provider": "openai"}])
    import_catalogue()
    key = issue_key(acme, project=acme_project)

    found = client.get("/api/v1/rate-cards?model=gpt-4o&provider=openai", headers=bearer(key)).json()["results"]

    assert found
    assert {card["used_calls"] for card in found} == {None}
