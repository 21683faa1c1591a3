"""Providers and credentials for tests, made by the services as people make them."""

from datetime import UTC, datetime
from typing import Any, Final

from core.scope import org_scope
from gateway import credential_services, services
from gateway.models import GatewayProvider, ProviderCredential
from gateway.terms import WantedCredential, WantedProvider
from tenants.models import Organization, Project

NOON: Final = datetime(2026, 7, 1, 12, tzinfo=UTC)
SECRET: Final = "sk-live-0123456789abcdef"


def wanted_provider(**other: Any) -> WantedProvider:
    values: dict[str, Any] = {
        "slug": "house",
        "name": "House",
        "preset": "openai",
        "origin": "https://llm.example.com",
        "base_path": "/v1",
    }
    return WantedProvider(**(values | other))


def make_provider(organization: Organization, **other: Any) -> GatewayProvider:
    """An upstream of its own; ``origin`` may be on this machine where the settings allow it."""
    return services.add_provider(organization=organization, actor=None, wanted=wanted_provider(**other))


def make_credential(
    organization: Organization,
    *,
    provider: str = "openai",
    name: str = "Production",
    secret: str = SECRET,
    project: Project | None = None,
    now: datetime = NOON,
) -> ProviderCredential:
    """Stored and not tested."""
    wanted = WantedCredential(provider=provider, name=name, secret=secret, project=project)
    return credential_services.add_credential(organization=organization, actor=None, wanted=wanted, now=now)


def stored(organization: Organization, credential: ProviderCredential) -> ProviderCredential:
    """The credential as it is in the database now."""
    with org_scope(organization.pk):
        return ProviderCredential.objects.get(pk=credential.pk)
