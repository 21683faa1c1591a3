import pytest

from core.scope import ScopeError
from tenants import events
from tenants.models import Event


def test_an_event_says_what_happened_to_whom_for_which_organization(acme, acme_project, scope):
    with scope(acme):
        events.record(
            "quota.reached",
            severity=Event.Severity.HIGH,
            subject=acme,
            dedup_key="quota:2026-11",
            project=acme_project,
            team="search",
            link="/o/acme/",
            events=1_000_000,
        )

        event = Event.objects.get()

    assert (event.organization_id, event.kind, event.severity) == (acme.pk, "quota.reached", "high")
    assert (event.subject_kind, event.subject_id) == ("organization", str(acme.pk))
    assert (event.dedup_key, event.project_id, event.team) == ("quota:2026-11", acme_project.pk, "search")
    assert (event.facts, event.link, event.acknowledged_at) == ({"events": 1_000_000}, "/o/acme/", None)


def test_an_event_outside_of_a_scope_belongs_to_nobody_and_is_refused(acme):
    with pytest.raises(ScopeError):
        events.record("quota.reached", severity=Event.Severity.LOW, subject=acme, dedup_key="x")


def test_another_tenant_sees_no_event(acme, globex, scope):
    with scope(acme):
        events.record("quota.reached", severity=Event.Severity.LOW, subject=acme, dedup_key="x")

    with scope(globex):
        assert not Event.objects.exists()
