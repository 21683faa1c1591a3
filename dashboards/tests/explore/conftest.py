import pytest

from dashboards.explore import selectors
from dashboards.explore.question import Question
from dashboards.tests.explore.calls import NOON
from tenants import services
from tenants.models import Project


@pytest.fixture
def in_acme(acme, scope):
    with scope(acme):
        yield acme


@pytest.fixture
def web(in_acme):
    return Project.objects.get(slug="web")


@pytest.fixture
def mobile(in_acme):
    return services.create_project(organization=in_acme, actor=None, name="Mobile")


@pytest.fixture
def ask(in_acme, chosen, utc):
    """``ask("range=30d", metric="calls", by=("team",))``: an answer about Acme at noon today."""

    def read(query="", *, project=None, now=NOON, zone=utc, organization=in_acme, series=9, **question):
        return selectors.answer(
            organization=organization,
            project=project,
            chosen=chosen(query, now=now, zone=zone),
            question=Question(**question),
            series=series,
        )

    return read
