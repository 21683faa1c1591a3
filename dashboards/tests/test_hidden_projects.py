"""Pages of the organization for somebody who may not see all of its projects: as if the others were not there."""

import pytest
from django.test import Client
from django.utils import timezone

from core.scope import org_scope
from dashboards.tests.factories import record_calls
from ingestion.tests.factories import make_sample
from tenants import services
from tenants.models import Organization, Project
from tenants.permissions import Role
from tenants.tests.people import join, override, owner_of, signed_in


@pytest.fixture
def secret(acme: Organization) -> Project:
    return services.create_project(organization=acme, actor=owner_of(acme), name="Secret")


@pytest.fixture
def ada(acme: Organization, acme_project: Project, secret: Project) -> Client:
    """A member who may not see the second project, in which something happened."""
    user = join(acme, "ada@example.test", Role.MEMBER)
    override(secret, user, Role.NONE)
    for project, model in ((acme_project, "open-model"), (secret, "secret-model")):
        row = {"started_at": timezone.now(), "model_key": model, "model": model}
        with org_scope(acme.pk):
            record_calls(project, [row])
    make_sample(acme_project, resource="open-function")
    make_sample(secret, resource="secret-function")
    return signed_in(user)


@pytest.mark.parametrize(
    ("path", "is_there"),
    [
        ("/o/acme/", "open-model"),
        ("/o/acme/calls/", "open-model"),
        ("/o/acme/calls/?panel=filters", "open-model"),
        ("/o/acme/resources/", "open-function"),
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
