"""What tests of exports have in common: a directory of their own, some calls, and an export of them."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboards.exports import making, pages, services
from dashboards.exports.models import Export
from dashboards.exports.services import Wanted
from ingestion.tests.factories import make_calls
from tenants.models import User

COLUMNS = ("id", "project", "endpoint_name", "cost_usd")


@pytest.fixture(autouse=True)
def directory(settings, tmp_path):
    settings.EXPORTS_DIR = str(tmp_path / "exports")
    return tmp_path / "exports"


@pytest.fixture
def small_pages(monkeypatch):
    """Two rows a page, so that seven calls take several steps."""
    page = pages.page
    monkeypatch.setattr(pages, "page", lambda *given: page(*given, most=2))


@pytest.fixture
def now():
    return datetime.now(UTC)


@pytest.fixture
def noon(now):
    """A moment of which calls are kept whenever the tests run."""
    return now.replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)


@pytest.fixture
def ada(acme) -> User:
    return User.objects.get(email="owner@acme.test")


@pytest.fixture
def calls(acme_project, noon):
    """Seven calls of two days."""
    rows = [{"call_id": f"c{at}", "started_at": noon + timedelta(hours=4 * at), "feature": "chat"} for at in range(7)]
    return make_calls(acme_project, rows)


def wanted(project, noon, **more) -> Wanted:
    given = {
        "form": "csv",
        "name": "July",
        "columns": COLUMNS,
        "project_ids": (project.pk,),
        "since": noon - timedelta(days=1),
        "until": noon + timedelta(days=2),
        "filters": {},
        "narrowed_by": (),
    }
    return Wanted(**(given | more))


@pytest.fixture
def export(acme, acme_project, ada, calls, noon, now) -> Export:
    """An export of the seven calls that waits for a worker."""
    as_of = now + timedelta(minutes=1)
    return services.create_export(organization=acme, actor=ada, wanted=wanted(acme_project, noon), now=as_of)


def make(export, *, now, steps=1_000):
    """Do as a worker does, for so many steps; whether there was more to do."""
    mine = making.claim(organization_id=export.organization_id, export_id=export.pk, now=now)
    more = mine is not None
    while more and steps:
        more, steps = making.advance(mine, now=now), steps - 1
    return mine, more
