"""The panel that waits for a project's first call and turns into its receipt."""

from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ingestion import activity
from ingestion.models import ProjectActivity
from ingestion.tests.factories import make_call
from tenants.models import Project

URL = "/o/acme/p/web/connect/first-call/"
HTMX = {"HX-Request": "true"}
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def seen(acme_project: Project) -> Project:
    """A project that calls have reached."""
    ProjectActivity.objects.create(
        project_id=acme_project.pk,
        organization_id=acme_project.organization_id,
        first_received_at=NOW,
        last_received_at=NOW,
    )
    return acme_project


def test_before_the_first_call_a_poll_changes_nothing(viewer, acme_project):
    answer = viewer.get(URL, headers=HTMX)

    assert (answer.status_code, answer.content) == (HTTPStatus.NO_CONTENT, b"")
    assert "no-store" in answer["Cache-Control"]


def test_a_poll_reads_activity_and_not_calls(viewer, acme_project):
    viewer.get(URL, headers=HTMX)

    with CaptureQueriesContext(connection) as queries:
        viewer.get(URL, headers=HTMX)

    tables = [query["sql"] for query in queries if " FROM " in query["sql"]]
    assert sum('"project_activity"' in sql for sql in tables) == 1
    assert not [sql for sql in tables if 'FROM "calls"' in sql]


def test_without_javascript_the_same_address_is_a_page(viewer, acme_project):
    page = viewer.get(URL)

    assert page.status_code == HTTPStatus.OK
    assert "Nothing has arrived yet." in page.text
    assert "<html" in page.text


def test_a_call_turns_the_panel_into_a_receipt_that_polls_no_more(viewer, seen):
    make_call(
        seen,
        model_key="gpt-4o-mini",
        input_tokens=1200,
        output_tokens=350,
        latency_ms=840.0,
        cost_usd=Decimal("0.00039"),
    )

    panel = viewer.get(URL, headers=HTMX)

    words = " ".join(panel.text.split())
    assert panel.status_code == HTTPStatus.OK
    assert "Received." in words
    assert "gpt-4o-mini, 1,550 tokens, $0.00039, 840 ms." in words
    assert "hx-get" not in panel.text
    assert "<html" not in panel.text


def test_a_call_without_a_price_is_unknown_and_not_free(viewer, seen):
    make_call(seen, model="mystery", model_key="mystery", cost_usd=None, cost_source="none", latency_ms=None)

    words = " ".join(viewer.get(URL, headers=HTMX).text.split())

    assert "mystery, 1,500 tokens, cost unknown: no rate card matches this model." in words
    assert "$" not in words


def test_a_call_of_unknown_usage_is_neither_free_nor_without_a_rate_card(viewer, seen):
    nothing = {"price_match": "no-usage", "input_tokens": 0, "output_tokens": 0, "latency_ms": None}
    make_call(seen, model_key="gpt-image-1", cost_usd=None, cost_source="none", **nothing)

    words = " ".join(viewer.get(URL, headers=HTMX).text.split())

    assert "gpt-image-1, cost unknown: nobody said what this call used." in words
    assert "0 tokens" not in words


def test_the_newest_call_is_shown(viewer, seen):
    make_call(seen, model_key="older", started_at=datetime.now(UTC).replace(hour=0, minute=0, second=0))
    make_call(seen, model_key="newer")

    assert "newer" in viewer.get(URL, headers=HTMX).text


def test_a_project_whose_calls_are_no_longer_kept_still_says_received(viewer, seen):
    page = viewer.get(URL, headers=HTMX).text

    assert "Received." in page
    assert "The last call came" in page


def test_another_projects_calls_are_not_ours(outsider, owner, seen, globex, scope):
    make_call(seen, model_key="secret-model")

    assert outsider.get(URL, headers=HTMX).status_code == HTTPStatus.NOT_FOUND
    assert outsider.get(URL.replace("acme", "globex"), headers=HTMX).status_code == HTTPStatus.NO_CONTENT
    with scope(globex):
        theirs = Project.objects.get()
        assert activity.latest_call(project=theirs) is None
        assert activity.project_activity(project=theirs) is None
    assert not activity.has_calls(organization=globex)


def test_role_none_sees_no_project(nobody, seen):
    assert nobody.get(URL, headers=HTMX).status_code == HTTPStatus.NOT_FOUND
