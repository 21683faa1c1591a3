"""Every stored field of a call is on its page: a new column fails here until it is shown, or listed as hidden."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from django.db import models
from django.urls import reverse
from django.utils import timezone

from core import formats
from core.scope import org_scope
from dashboards.cursors import encode_moment
from dashboards.details import exact_usd
from dashboards.tests.factories import record_calls
from ingestion.models import Call
from tenants import key_services
from tenants.permissions import Scope

# What a page does not say in words of its own, and why.
HIDDEN: Final = {
    "pk": "made of three that are shown",
    "organization": "the page is in it",
    "duplicate_of_started_at": "where the link of duplicate_of leads",
}
# Yes or no, each said by a sentence or a word.
WORDS: Final = {
    "usage_inconsistent": "The token counts contradict each other",
    "usage_partial": "The usage is partial",
    "usage_estimated": "tokens and cost are estimates",
    "stream": "<dt>Streamed</dt><dd><bdi>Yes</bdi>",
    "cost_source": "The organization&#x27;s own rate",
    "status": "badge-error",
}
HTMX: Final = {"HX-Request": "true"}


def fields() -> list[str]:
    return [field.name for field in Call._meta.fields]


def columns(started_at: datetime) -> dict[str, Any]:
    """A call whose every field says its own name, or has a number that no other has."""
    made: dict[str, Any] = {}
    for number, field in enumerate(Call._meta.fields, start=101):
        if isinstance(field, models.TextField):
            made[field.name] = f"x-{field.name}"
        elif isinstance(field, models.BooleanField):
            made[field.name] = True
        elif isinstance(field, models.DecimalField):
            made[field.name] = Decimal(number) / 1_000_000
        elif isinstance(field, models.IntegerField | models.FloatField) and "project" not in field.name:
            made[field.name] = number
    made |= {
        "cost_source": "override",
        "status": "error",
        "tags": {"x-tag": "x-value"},
        "extra_units": {"x_searches": 3},
    }
    made |= {"started_at": started_at, "received_at": started_at + timedelta(seconds=7)}
    return made | {"duplicate_of_started_at": started_at - timedelta(seconds=1)}


@pytest.fixture
def shown(acme, acme_project):
    """The columns of a call, and the texts that its page must have for each."""
    key = key_services.create_key(
        organization=acme, actor=None, name="x-key", scopes=[Scope.INGEST], project=acme_project
    ).key
    written = columns(timezone.now().replace(microsecond=0) - timedelta(hours=1)) | {"api_key_id": key.pk}
    with org_scope(acme.pk):
        record_calls(acme_project, [written])
    texts = {name: WORDS.get(name) or text(written.get(name)) for name in fields() if name not in HIDDEN}
    texts |= {"project": "Web", "api_key": f"x-key ({key.prefix})", "tags": "x-value", "extra_units": "x searches"}
    return written, texts


def text(value: object) -> str:
    if isinstance(value, datetime):
        return formats.absolute_time(value)
    if isinstance(value, Decimal):
        return exact_usd(value)
    return formats.duration_ms(value) if isinstance(value, float) else str(value)


@pytest.mark.parametrize("headers", [HTMX, {}], ids=["drawer", "page"])
def test_every_stored_field_is_shown(owner, shown, headers):
    written, texts = shown
    path = reverse("dashboards:project-call", args=["acme", "web", written["call_id"]])

    page = owner.get(f"{path}?at={encode_moment(written['started_at'])}", headers=headers).text

    assert {name: expected for name, expected in texts.items() if expected not in page} == {}


def test_what_is_hidden_is_a_field_and_said_why():
    assert set(HIDDEN) <= {"pk", *fields()}
    assert set(WORDS) <= set(fields())
    assert all(HIDDEN.values())
