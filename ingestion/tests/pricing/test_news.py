"""What imports changed: as a list, and as events for those whom it concerns."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from core.models import WorkDue
from core.scope import org_scope
from ingestion import tasks
from ingestion.models import CatalogueChange
from ingestion.pricing import changes, services
from ingestion.tests.pricing.factories import make_card
from ingestion.tests.pricing.scene import hours_ago, record
from tenants.events import ROUTE_TASK
from tenants.models import Event, Project

NOW = datetime.now(UTC)
YESTERDAY, TODAY = NOW - timedelta(days=1), NOW - timedelta(minutes=1)
OLD = (make_card({"input_tokens": "2.5"}, catalogue_id="gpt-4o"), make_card({"input_tokens": "1"}, catalogue_id="m"))
NEW = (make_card({"input_tokens": "2"}, catalogue_id="gpt-4o"), make_card({"input_tokens": "3"}, catalogue_id="m"))
USED = {("openai", "gpt-4o")}


@pytest.fixture
def changed(db):
    """A catalogue whose two prices changed today."""
    services.import_catalogue(now=NOW - timedelta(days=9), cards=OLD)
    return lambda: services.import_catalogue(now=TODAY, cards=NEW)


def events(organization):
    with org_scope(organization.pk):
        return list(Event.objects.order_by("pk"))


def tell(organization):
    return services.tell_of_catalogue(organization_id=organization.pk, now=NOW)


def page(**wanted):
    return changes.change_page(**({"used": USED} | wanted))


# --- The list ---


def test_changes_are_grouped_by_import_the_newest_first_and_used_models_lead(changed):
    changed()
    services.import_catalogue(now=NOW, cards=[*NEW, make_card({"input_tokens": "5"}, catalogue_id="new")])

    later, earlier = page().imports

    assert [(one.kind, one.model) for one in later.changes] == [("added", "new")]
    assert (earlier.at, [one.model for one in earlier.changes]) == (TODAY, ["gpt-4o", "m"])
    first, second = earlier.changes
    assert first.said == [f"input went from $2.50 to $2.00 per million from {TODAY:%Y-%m-%d}"]
    assert (first.is_used, first.may_need_repricing) == (True, True)
    assert (second.is_used, second.may_need_repricing) == (False, False)


def test_a_closed_and_an_added_model_need_no_repricing(changed):
    services.import_catalogue(now=TODAY, cards=[make_card({"input_tokens": "1"}, catalogue_id="n")])

    kinds = {
        (one.model, one.kind): one.may_need_repricing for one in page(used={("openai", "n"), *USED}).imports[0].changes
    }

    assert kinds == {("gpt-4o", "closed"): False, ("n", "added"): False, ("m", "closed"): False}


def test_an_announced_price_needs_no_repricing(changed):
    begins = NOW + timedelta(days=20)
    services.import_catalogue(
        now=TODAY,
        cards=[
            make_card({"input_tokens": "2.5"}, catalogue_id="gpt-4o", valid_to=begins),
            make_card({"input_tokens": "2"}, catalogue_id="gpt-4o", valid_from=begins),
            OLD[1],
        ],
    )

    (change,) = page().imports[0].changes

    assert change.said == [f"input went from $2.50 to $2.00 per million from {begins:%Y-%m-%d}"]
    assert change.may_need_repricing is False


def test_the_list_is_narrowed_to_a_provider_or_to_what_is_used(changed):
    changed()

    assert [one.model for one in page(only_used=True).imports[0].changes] == ["gpt-4o"]
    assert page(provider="anthropic").imports == []
    assert len(page(provider="openai").imports[0].changes) == 2
    assert changes.providers() == ["openai"]


def test_the_list_has_pages(changed, monkeypatch):
    changed()
    monkeypatch.setattr(changes, "PAGE", 1)

    first = page()
    second = page(older_than=first.older_than)

    assert {first.imports[0].changes[0].model, second.imports[0].changes[0].model} == {"gpt-4o", "m"}
    assert second.older_than is None


# --- The events ---


def test_an_organization_is_told_which_of_its_models_changed(acme, acme_project, changed):
    record(acme_project, {})
    changed()

    assert tell(acme) == 1

    (event,) = events(acme)
    assert (event.kind, event.severity, event.subject_kind) == ("catalogue.changed", "low", "cataloguechange")
    assert event.link == f"{reverse('pricing:change-list', args=['acme'])}?used=1"
    assert event.facts["models"] == 1
    assert event.facts["changes"] == [
        {
            "kind": "changed",
            "provider": "openai",
            "model": "gpt-4o",
            "what": [f"input went from $2.50 to $2.00 per million from {TODAY:%Y-%m-%d}"],
        }
    ]


def test_it_is_told_once_however_often_the_task_runs(acme, acme_project, changed):
    record(acme_project, {})
    changed()

    assert [tell(acme), tell(acme)] == [1, 0]
    assert len(events(acme)) == 1


def test_each_import_is_told_by_itself(acme, acme_project, changed):
    record(acme_project, {})
    changed()
    services.import_catalogue(now=NOW, cards=OLD)

    assert tell(acme) == 2
    assert len({event.dedup_key for event in events(acme)}) == 2


def test_who_uses_none_of_the_models_is_not_told(acme, acme_project, globex, changed):
    record(acme_project, {"model": "x", "model_key": "x"})
    changed()

    assert (tell(acme), tell(globex)) == (0, 0)
    assert (events(acme), events(globex)) == ([], [])


def test_a_model_that_was_used_long_ago_is_not_used(acme, acme_project, changed):
    record(acme_project, {"started_at": hours_ago(24 * 40)})
    changed()

    assert tell(acme) == 0


def test_an_import_of_last_week_is_no_news(acme, acme_project, changed):
    record(acme_project, {})
    services.import_catalogue(now=NOW - timedelta(days=5), cards=NEW)

    assert tell(acme) == 0


def test_every_active_organization_gets_a_task_in_the_transaction_of_the_import(
    acme, acme_project, globex, changed, scope
):
    record(acme_project, {})
    with scope(globex):
        asleep = Project.objects.get()
    record(asleep, {"started_at": hours_ago(24 * 40)})

    changed()

    assert list(WorkDue.objects.values_list("task", "organization_id", "object_id")) == [
        (services.TELL, acme.pk, acme.pk)
    ]
    tell(acme)
    assert not WorkDue.objects.exclude(task=ROUTE_TASK).exists()  # what was told is to be routed


def test_an_import_that_changes_nothing_and_the_first_one_tell_nobody(acme, acme_project, db):
    record(acme_project, {})

    services.import_catalogue(now=YESTERDAY, cards=OLD)
    services.import_catalogue(now=TODAY, cards=OLD)

    assert not WorkDue.objects.exists()
    assert not CatalogueChange.objects.exists()


def test_all_differences_of_one_import_have_its_moment(changed):
    changed()

    assert set(CatalogueChange.objects.values_list("created_at", flat=True)) == {TODAY}


def test_the_task_tells_the_organization_it_is_given(acme, acme_project, globex, changed):
    record(acme_project, {})
    changed()

    tasks.tell_of_catalogue(organization_id=acme.pk, object_id=acme.pk)

    assert (len(events(acme)), events(globex)) == (1, [])


def test_the_facts_name_the_first_models_and_count_all(acme, acme_project, monkeypatch, changed):
    monkeypatch.setattr(services, "_MOST_NAMED", 1)
    record(acme_project, {}, {"model": "m", "model_key": "m"})
    changed()

    tell(acme)

    (event,) = events(acme)
    assert (event.facts["models"], [one["model"] for one in event.facts["changes"]]) == (2, ["gpt-4o"])
