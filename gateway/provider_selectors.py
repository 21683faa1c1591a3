"""Reads about upstreams and their credentials. All run inside the organization's scope."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from django.db.models import QuerySet

from gateway import upstreams
from gateway.models import GatewayProvider, GatewaySettings, ProviderCredential
from gateway.providers import PRESETS
from gateway.upstreams import Upstream
from tenants.models import Organization


@dataclass(frozen=True, slots=True)
class Line:
    """A provider with what is stored for it. Without ``upstream``: it was built in once and is no more."""

    slug: str
    upstream: Upstream | None
    credentials: list[ProviderCredential] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.upstream.provider.name if self.upstream else self.slug


def offline_minutes(*, organization: Organization) -> int:
    found = GatewaySettings.objects.filter(organization=organization).first()
    return (found or GatewaySettings()).offline_minutes


def providers(*, organization: Organization) -> QuerySet[GatewayProvider]:
    """The organization's own, by name."""
    return GatewayProvider.objects.filter(organization=organization).order_by("name", "pk")


def provider(*, organization: Organization, provider_id: int) -> GatewayProvider | None:
    return providers(organization=organization).filter(pk=provider_id).first()


def upstream(*, organization: Organization, slug: str) -> Upstream | None:
    """Where calls to ``slug`` go; None: nowhere."""
    own = providers(organization=organization).filter(slug=slug).first()
    return _of_own(own) if own else _built_in(slug)


def upstreams_of(*, organization: Organization) -> list[Upstream]:
    """Every upstream that can be called, by name: built-in ones that were not replaced, and the own ones."""
    found = {slug: line for slug in PRESETS if (line := _built_in(slug))}
    found |= {own.slug: _of_own(own) for own in providers(organization=organization)}
    return sorted(found.values(), key=lambda line: (line.provider.name.lower(), line.provider.slug))


def credentials(*, organization: Organization, hidden: Collection[int]) -> QuerySet[ProviderCredential]:
    """Those of the whole organization first, then by project and name; without those of ``hidden`` projects."""
    found = ProviderCredential.objects.filter(organization=organization).exclude(project_id__in=hidden)
    return found.select_related("project", "created_by").order_by("project__name", "-is_default", "name", "pk")


def credential(*, organization: Organization, hidden: Collection[int], credential_id: int) -> ProviderCredential | None:
    return credentials(organization=organization, hidden=hidden).filter(pk=credential_id).first()


def lines(*, organization: Organization, hidden: Collection[int]) -> list[Line]:
    """Providers that the organization has told anything about, by name: two queries whatever their number."""
    own = {one.slug: _of_own(one) for one in providers(organization=organization)}
    stored = list(credentials(organization=organization, hidden=hidden))
    slugs = own.keys() | {one.provider for one in stored}
    found = [Line(slug, own.get(slug) or _built_in(slug), _of_slug(stored, slug)) for slug in slugs]
    return sorted(found, key=lambda line: (line.name.lower(), line.slug))


def beside(*, credential: ProviderCredential) -> QuerySet[ProviderCredential]:
    """The credentials among which one is the default: of the same provider and scope, itself included."""
    of_provider = ProviderCredential.objects.filter(
        organization=credential.organization_id, provider=credential.provider
    )
    return of_provider.filter(project=credential.project)


def heir(*, credential: ProviderCredential) -> ProviderCredential | None:
    """The default of its scope when ``credential`` is gone: the present one, or the oldest of those that are left."""
    others = beside(credential=credential).exclude(pk=credential.pk)
    return others.order_by("-is_default", "created_at", "pk").first()


def _of_slug(stored: Sequence[ProviderCredential], slug: str) -> list[ProviderCredential]:
    """Those of the whole organization first: databases sort what has no project last."""
    return sorted((one for one in stored if one.provider == slug), key=lambda one: one.project_id is not None)


def _of_own(own: GatewayProvider) -> Upstream:
    return Upstream(upstreams.provider_of(own), upstreams.preset_of(own), own)


def _built_in(slug: str) -> Upstream | None:
    found = upstreams.built_in(slug)
    return Upstream(found, PRESETS[slug]) if found else None
