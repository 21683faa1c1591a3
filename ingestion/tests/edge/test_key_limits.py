"""Where a key may come from, what it leaves behind, and how it is replaced while its client keeps sending."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from core import keys
from core.scope import org_scope
from ingestion.tests.edge.client import issue_key, running_edge, stored_calls
from ingestion.tests.edge.test_bad_input import slug
from tenants import key_services
from tenants.models import ApiKey, ApiKeyLookup, ApiKeyUsage
from tests.resilience.processes import wait_until

EVENT = {"model": "gpt-4o"}
OFFICE = ["203.0.113.0/24", "2001:db8::/32"]


@pytest.mark.parametrize("client", ["203.0.113.9", "::ffff:203.0.113.9", "2001:db8::9"])
def test_a_limited_key_works_from_its_networks(edge, acme, client):
    assert edge.post(EVENT, key=issue_key(acme, allowed_ranges=OFFICE), client=client).status == 202
    assert len(stored_calls(acme)) == 1


@pytest.mark.parametrize("client", ["198.51.100.9", "2001:db9::9", "unix"])
def test_a_limited_key_is_403_from_elsewhere(edge, acme, client):
    response = edge.post(EVENT, key=issue_key(acme, allowed_ranges=OFFICE), client=client)

    assert (response.status, slug(response)) == (403, "address-not-allowed")
    assert client.encode() not in response.body
    assert stored_calls(acme) == []


def test_what_a_client_says_of_its_address_is_not_believed(edge, acme):
    response = edge.post(
        EVENT,
        key=issue_key(acme, allowed_ranges=OFFICE),
        client="198.51.100.9",
        headers={"x-forwarded-for": "203.0.113.9"},
    )

    assert (response.status, slug(response)) == (403, "address-not-allowed")
    assert stored_calls(acme) == []


def test_behind_a_trusted_proxy_the_address_it_saw_counts(committed_module, acme, settings):
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    key = issue_key(acme, allowed_ranges=OFFICE)

    with running_edge() as edge:
        seen = [
            edge.post(EVENT, key=key, client="10.0.0.1", headers={"x-forwarded-for": chain}).status
            for chain in ("203.0.113.9", "203.0.113.9, 198.51.100.9", "198.51.100.9, 203.0.113.9")
        ]

    assert seen == [202, 403, 202]


def test_the_last_use_says_from_where(edge, acme, key):
    edge.post(EVENT, key=key, client="203.0.113.9")

    def address():
        with org_scope(acme.pk):
            return ApiKeyUsage.objects.values_list("last_address", flat=True).first()

    wait_until(lambda: address() == "203.0.113.9", "the use to be noted")


def test_a_client_that_keeps_posting_sees_no_failure_while_its_key_is_replaced(edge, acme, key):
    with running_edge() as other_process:
        both = (edge, other_process)
        before = [one.post(EVENT, key=key).status for one in both for _ in range(5)]
        with org_scope(acme.pk):
            old = ApiKey.objects.get()
        new = key_services.rotate_key(organization=acme, actor=None, key=old, overlap=timedelta(hours=24), now=now())
        during = [one.post(EVENT, key=text).status for one in both for text in (key, new.text) for _ in range(5)]

        assert {*before, *during} == {202}
        ApiKeyLookup.objects.filter(key_id=old.pk).update(expires_at=now())
        for one in both:
            one.post(EVENT, key=new.text)
        with running_edge() as later:
            assert [later.post(EVENT, key=text).status for text in (key, new.text)] == [401, 202]


def test_a_digest_under_the_old_pepper_is_renewed_by_the_edge(committed_module, acme, settings):
    key = issue_key(acme)
    old, settings.KEY_PEPPER = settings.KEY_PEPPER, "a-new-pepper-that-is-long-enough-to-be-one"
    settings.KEY_PEPPER_PREVIOUS = old

    with running_edge() as edge:
        assert edge.post(EVENT, key=key).status == 202
        row = ApiKeyLookup.objects.filter(prefix=keys.prefix_of(key))
        wait_until(lambda: row.get().pepper_id == keys.pepper_id(settings.KEY_PEPPER), "the new digest")
        assert edge.post(EVENT, key=key).status == 202
    settings.KEY_PEPPER_PREVIOUS = ""
    with running_edge() as edge:
        assert edge.post(EVENT, key=key).status == 202
