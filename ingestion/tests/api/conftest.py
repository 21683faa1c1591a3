from datetime import UTC, datetime, timedelta

import pytest

from tenants import services
from tenants.models import User
from tenants.tests.keys import bearer, issue_key

HOUR_AGO = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
URL = "/api/v1/calls"


@pytest.fixture
def other_project(acme):
    actor = User.objects.get(email="owner@acme.test")
    return services.create_project(organization=acme, actor=actor, name="Mobile")


@pytest.fixture
def get(anonymous, acme):
    """Asks the API with a key of acme; other ``headers`` replace it."""
    own = bearer(issue_key(acme))

    def ask(path, *, headers=None, **parameters):
        return anonymous.get(path, query_params=parameters, headers=headers or own)

    return ask


@pytest.fixture
def ids(get):
    """The ids that ``GET calls`` shows."""

    def listed(**parameters):
        answer = get(URL, **parameters)
        assert answer.status_code == 200, answer.content
        return [call["id"] for call in answer.json()["results"]]

    return listed
