"""Upstreams of an organization's own: added, changed, deleted; and that credentials stay where they belong."""

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gateway import provider_selectors, services
from gateway.models import GatewayProvider, GatewaySettings, ProviderCredential
from gateway.tests.provider_factories import make_credential, make_provider, wanted_provider
from tenants.models import AuditEntry, User
from tenants.tests.people import owner_of


@pytest.fixture
def inside(acme, scope, settings):
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    with scope(acme):
        yield


def last_entry():
    return AuditEntry.objects.latest("pk")


def announced(queries):
    return [one["sql"] for one in queries if "pg_notify" in one["sql"]]


# --- Providers ---


def test_a_provider_is_added_recorded_and_announced(acme, inside):
    actor: User = owner_of(acme)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        provider = services.add_provider(organization=acme, actor=actor, wanted=wanted_provider(name=" House "))

    stored = GatewayProvider.objects.get()
    assert (stored.slug, stored.name, stored.origin, stored.base_path, stored.created_by_id) == (
        "house", "House", "https://llm.example.com", "/v1", actor.pk,
    )  # fmt: skip
    entry = last_entry()
    assert (entry.action, entry.actor_user_id, entry.target_id) == ("provider.added", actor.pk, str(provider.pk))
    assert entry.facts == {
        "slug": "house",
        "name": "House",
        "preset": "openai",
        "origin": "https://llm.example.com",
        "base_path": "/v1",
        "auth": "bearer",
        "auth_name": "",
        "replaces_built_in": False,
    }
    (notice,) = announced(queries)
    assert "tokenops_gateway" in notice
    assert f"'{acme.pk}'" in notice


def test_a_slug_is_given_once(acme, inside):
    make_provider(acme)

    with pytest.raises(ValidationError) as refused:
        make_provider(acme, name="Another")

    assert refused.value.message_dict == {"slug": ["Another provider of yours has this slug."]}
    assert GatewayProvider.objects.count() == 1


def test_organizations_do_not_share_slugs(acme, globex, scope):
    make_provider(acme)
    make_provider(globex, origin="https://other.example.com")

    with scope(acme):
        assert [one.origin for one in GatewayProvider.objects.all()] == ["https://llm.example.com"]


def test_the_slug_of_a_built_in_provider_takes_its_place(acme, inside):
    make_provider(acme, slug="openai", preset="openai", name="Ours")

    upstream = provider_selectors.upstream(organization=acme, slug="openai")

    assert (upstream.provider.origin, upstream.provider.is_own) == ("https://llm.example.com", True)
    assert upstream.built_in.origin == "https://api.openai.com"
    assert last_entry().facts["replaces_built_in"] is True
    slugs = [one.provider.slug for one in provider_selectors.upstreams_of(organization=acme)]
    assert slugs.count("openai") == 1


def test_there_can_be_only_so_many(acme, inside, monkeypatch):
    monkeypatch.setattr(services, "MOST_PROVIDERS", 1)
    make_provider(acme)

    with pytest.raises(ValidationError, match="1 providers of your own at most"):
        make_provider(acme, slug="second")


def test_a_provider_is_changed_and_keeps_its_slug(acme, inside):
    provider = make_provider(acme)
    changed = wanted_provider(origin="https://new.example.com", auth="header", auth_name="X-Key", idle_seconds=5)

    services.change_provider(organization=acme, actor=None, provider=provider, wanted=changed)

    stored = GatewayProvider.objects.get()
    assert (stored.origin, stored.auth, stored.auth_name, stored.idle_seconds) == (
        "https://new.example.com", "header", "x-key", 5,
    )  # fmt: skip
    assert last_entry().action == "provider.changed"
    for other in ({"slug": "elsewhere"}, {"preset": "anthropic"}):
        with pytest.raises(ValidationError, match="The slug stays as it is"):
            services.change_provider(organization=acme, actor=None, provider=provider, wanted=wanted_provider(**other))


def test_a_change_that_cannot_be_leaves_everything_as_it_was(acme, inside):
    provider = make_provider(acme)
    before = AuditEntry.objects.count()

    with pytest.raises(ValidationError):
        services.change_provider(
            organization=acme, actor=None, provider=provider, wanted=wanted_provider(origin="https://10.0.0.1")
        )

    assert GatewayProvider.objects.get().origin == "https://llm.example.com"
    assert AuditEntry.objects.count() == before


# --- A credential goes only where it was given for ---


def test_a_built_in_provider_with_credentials_is_not_led_elsewhere(acme, inside):
    make_credential(acme)

    with pytest.raises(ValidationError) as refused:
        make_provider(acme, slug="openai", preset="openai")

    assert refused.value.message_dict == {
        "origin": [
            "1 credential is stored for this slug’s present address. Delete them first, and give them anew here."
        ]
    }
    assert not GatewayProvider.objects.exists()


def test_a_built_in_provider_keeps_credentials_at_its_own_address(acme, inside):
    """Other time limits for the same place."""
    make_credential(acme)

    make_provider(acme, slug="openai", preset="openai", origin="https://api.openai.com", total_seconds=60)

    assert provider_selectors.upstream(organization=acme, slug="openai").provider.timeouts.total == 60


def test_an_address_does_not_change_under_its_credentials(acme, inside):
    provider = make_provider(acme)
    make_credential(acme, provider="house")
    make_credential(acme, provider="house", name="Second")

    with pytest.raises(ValidationError, match="2 credentials are stored"):
        services.change_provider(
            organization=acme, actor=None, provider=provider, wanted=wanted_provider(origin="https://evil.example.com")
        )
    with pytest.raises(ValidationError, match="Delete them first"):
        services.change_provider(organization=acme, actor=None, provider=provider, wanted=wanted_provider(auth="none"))
    services.change_provider(organization=acme, actor=None, provider=provider, wanted=wanted_provider(base_path="/v2"))

    stored = GatewayProvider.objects.get()
    assert (stored.origin, stored.auth, stored.base_path) == ("https://llm.example.com", "bearer", "/v2")


def test_credentials_go_with_the_provider_they_were_given_for(acme, inside):
    provider = make_provider(acme, slug="openai", preset="openai")
    make_credential(acme, name="For ours")
    make_credential(acme, provider="anthropic")

    services.delete_provider(organization=acme, actor=None, provider=provider)

    assert list(ProviderCredential.objects.values_list("provider", flat=True)) == ["anthropic"]
    assert (last_entry().action, last_entry().facts["credentials"]) == ("provider.deleted", ["For ours"])
    assert provider_selectors.upstream(organization=acme, slug="openai").provider.is_own is False


def test_credentials_stay_where_the_built_in_address_is_the_same(acme, inside):
    provider = make_provider(acme, slug="openai", preset="openai", origin="https://api.openai.com")
    make_credential(acme)

    services.delete_provider(organization=acme, actor=None, provider=provider)

    assert ProviderCredential.objects.count() == 1


# --- Settings ---


def test_offline_minutes_begin_at_an_hour_and_are_changed_once(acme, inside):
    assert provider_selectors.offline_minutes(organization=acme) == 60

    services.set_offline_minutes(organization=acme, actor=None, minutes=5)
    entries = AuditEntry.objects.count()
    services.set_offline_minutes(organization=acme, actor=None, minutes=5)

    assert provider_selectors.offline_minutes(organization=acme) == 5
    assert (last_entry().action, last_entry().facts) == ("gateway.changed", {"before": 60, "after": 5})
    assert AuditEntry.objects.count() == entries


@pytest.mark.parametrize("minutes", [-1, 1_441])
def test_offline_minutes_have_bounds(acme, inside, minutes):
    with pytest.raises(ValidationError) as refused:
        services.set_offline_minutes(organization=acme, actor=None, minutes=minutes)

    assert refused.value.message_dict == {"offline_minutes": ["Use 0 to 1,440 minutes."]}
    assert not GatewaySettings.objects.exists()
