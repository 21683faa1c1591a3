"""Where the demo's own models run: two servers that are nowhere, one with keys and one that takes none."""

from datetime import datetime
from typing import Any, Final

from core.scope import org_scope
from gateway import credential_services, services
from gateway.models import GatewayProvider
from gateway.providers import PRESETS
from gateway.terms import WantedCredential, WantedProvider
from gateway.upstreams import defaults
from tenants.models import Organization, Project

_SERVERS: Final[tuple[dict[str, Any], ...]] = (
    {"preset": "vllm", "name": "vLLM", "origin": "https://models.northwind.example"},
    {"preset": "ollama", "name": "Ollama in the lab", "origin": "https://lab.northwind.example", "slug": "lab"},
)
_PROJECT: Final = "research"
_OPENS_NOTHING: Final = "opens-nothing-{}-{:04d}"


def add_servers(*, organization: Organization, now: datetime) -> None:
    """Providers of its own, and two keys that open nothing; doing it again adds nothing.

    None for the providers everybody knows: whoever tries the demo stores a key of theirs, and that one is the default.
    """
    with org_scope(organization.pk):
        if GatewayProvider.objects.exists():
            return
        project = Project.objects.get(slug=_PROJECT)
    for server in _SERVERS:
        wanted = WantedProvider(**defaults(PRESETS[server["preset"]].provider) | server)
        services.add_provider(organization=organization, actor=None, wanted=wanted)
    for number, (name, of) in enumerate((("All teams", None), ("Research", project)), start=1731):
        secret = _OPENS_NOTHING.format(organization.slug, number)
        credential = WantedCredential(provider="vllm", name=name, secret=secret, project=of)
        credential_services.add_credential(organization=organization, actor=None, wanted=credential, now=now)
