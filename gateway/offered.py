"""Which providers an organization's calls can go to, as pages name them."""

from gateway.models import GatewayProvider
from gateway.overview import ProviderName
from gateway.providers import PRESETS
from gateway.types import Provider
from gateway.upstreams import provider_of
from tenants.models import Organization


def providers(*, organization: Organization) -> list[Provider]:
    """The built-in table in its order, with the organization's own address where it has one, then what it added.

    A built-in provider whose ``origin`` is empty needs the organization to say where it is before it can be used.
    """
    own = {row.slug: provider_of(row) for row in GatewayProvider.objects.filter(organization=organization)}
    built_in = [own.pop(slug, preset.provider) for slug, preset in PRESETS.items()]
    return [*built_in, *sorted(own.values(), key=lambda provider: provider.name.casefold())]


def names(*, organization: Organization) -> dict[str, ProviderName]:
    """What each slug is called on pages and in telemetry."""
    found = providers(organization=organization)
    return {provider.slug: ProviderName(provider.name, provider.canonical) for provider in found}
