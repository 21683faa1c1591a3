"""Scenes of re-pricing: committed organizations with stored calls, and prices that change."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from core import work
from core.scope import org_scope
from ingestion import histogram
from ingestion.models import Call, DailyRollup, HourlyRollup, PromptRollup, RepriceRun, SizeRollup
from ingestion.models import RateCard as StoredCard
from ingestion.pricing import services as pricing
from ingestion.pricing.cards import RateCard, UnitPrice, to_row
from ingestion.rebuild import rebuild_rollups
from ingestion.reprice import services
from ingestion.services import current_book
from ingestion.tests.edge.conftest import CARDS, new_organization
from ingestion.tests.edge.rows import new_flusher
from ingestion.wire.types import Call as WireCall
from ingestion.wire.types import Usage
from ingestion.writer import LocalTime, Row, Target, row
from ingestion.writer.rollups import DistinctValues
from tenants.models import Organization, Project, User
from tests.emptying import empty_database

TODAY = datetime.now(UTC).date()
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)


@pytest.fixture(scope="module")
def committed_module(django_db_setup: None, django_db_blocker: "pytest.FixtureRequest") -> Iterator[None]:
    """A database without surrounding transactions; every test has an organization of its own."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        pricing.import_catalogue(now=datetime.now(UTC), cards=CARDS)
        yield
        connections.close_all()
        empty_database()


@pytest.fixture(scope="module")
def somebody(committed_module: None) -> User:
    return User.objects.create_user(email="somebody@reprice.test")


@pytest.fixture
def acme(somebody: User) -> Organization:
    """A committed organization with the projects web and app."""
    return new_organization(somebody, "Acme")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is enqueued; nothing reaches the queue."""
    messages: list[dict[str, Any]] = []
    monkeypatch.setattr(work, "enqueue", lambda task, **ids: messages.append({"task": task} | ids))
    return messages


@pytest.fixture(autouse=True)
def without_queue(sent: list[dict[str, Any]]) -> None:
    """The tests are the worker."""


def set_price(organization: Organization, model: str, into: str, out: str = "0") -> int:
    """A price of the organization's own for ``model``, from ever on; the card's id."""
    card = RateCard(
        organization_id=organization.pk,
        provider="",
        catalogue_id="",
        match={"equals": model},
        prices={"input_tokens": UnitPrice(Decimal(into)), "output_tokens": UnitPrice(Decimal(out))},
        source="override",
    )
    return store_card(organization, **to_row(card))


def store_card(organization: Organization, **columns: Any) -> int:
    """A row of ``rate_cards`` of the organization's own; its id."""
    with org_scope(organization.pk):
        return StoredCard.objects.create(**{"organization_id": organization.pk} | columns).pk


def make_row(project: Project, call_id: str, *, zone: str = "UTC", api_key_id: int = 7, **fields: Any) -> Row:
    """A call of ``project``, priced on the stored cards of this moment; ``fields`` are the call's."""
    usage = Usage(input_tokens=fields.pop("input_tokens", 10), output_tokens=fields.pop("output_tokens", 1))
    given: dict[str, Any] = {"started_at": NOON, "provider": "openai", "model": "gpt-4o", "usage": usage} | fields
    call = WireCall(call_id=call_id, **given)
    target = Target(project.organization_id, project.pk, api_key_id, LocalTime(zone))
    with org_scope(project.organization_id):
        book = current_book(organization_id=project.organization_id)
    return row(call, book.price(project.organization_id, call), target, datetime.now(UTC))


def store_rows(rows: Iterable[Row], *, most_values: int | None = None) -> None:
    """Store rows as the edge does; ``most_values`` is how many values of a dimension it keeps apart."""
    flusher = new_flusher()
    if most_values is not None:
        flusher._memory.values = DistinctValues(most_values)
    flusher.flush([list(rows)])
    flusher.close()


def start(organization: Organization, **scope: Any) -> RepriceRun:
    now = timezone.now()
    period: dict[str, Any] = {"since": now - timedelta(days=7), "until": now} | scope
    return services.reprice(organization=organization, actor=None, now=now, **period)


def run_to_end(run: RepriceRun, *, most: int = 7) -> RepriceRun:
    """As the task does, in slices of ``most`` calls."""
    while services.advance(organization_id=run.organization_id, run_id=run.pk, now=timezone.now(), most=most):
        pass
    return again(run)


def again(run: RepriceRun) -> RepriceRun:
    """The run as it is stored now."""
    with org_scope(run.organization_id):
        return RepriceRun.objects.get(pk=run.pk)


def apply(organization: Organization, run: RepriceRun, *, most: int = 7) -> RepriceRun:
    services.apply(organization=organization, actor=None, run=run)
    return run_to_end(run, most=most)


def rollups(organization: Organization) -> list[dict[str, Any]]:
    """All rows of sums as they are, except for the packing of histograms."""
    with org_scope(organization.pk):
        rows: list[Any] = [*HourlyRollup.objects.values(), *DailyRollup.objects.values()]
        others: list[Any] = [*SizeRollup.objects.values(), *PromptRollup.objects.values()]
    for one in rows:
        for name in ("latency_histogram", "first_token_histogram"):
            one[name] = tuple(histogram.decode(one[name]))
    rows += others
    for one in rows:
        one.pop("pk", None)
    return sorted(rows, key=repr)


def assert_rebuild_changes_nothing(organization: Organization) -> None:
    before = rollups(organization)
    days: dict[str, Any] = {"first_date": TODAY - timedelta(days=9), "end_date": TODAY + timedelta(days=3)}
    rebuild_rollups(organization=organization, **days)
    assert rollups(organization) == before


def costs(organization: Organization) -> dict[str, Decimal | None]:
    with org_scope(organization.pk):
        found: Any = Call.objects.values_list("call_id", "cost_usd")
        return dict(found)


def stored(organization: Organization) -> list[dict[str, Any]]:
    """Every column of every call."""
    with org_scope(organization.pk):
        found: Any = Call.objects.values()
        return sorted(found, key=lambda one: str(one["call_id"]))
