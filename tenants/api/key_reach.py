"""Which API keys a principal of the API may see, and what it may let a key do: nothing that it may not do itself."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.http import Http404
from rest_framework.exceptions import PermissionDenied, ValidationError

from tenants import key_selectors, roles
from tenants.api_access import ApiRequest, key_of, person_of
from tenants.models import ApiKey, Project
from tenants.permissions import Permission, allows, grantable_scopes

_OF_KEY: Final = "A key makes, rotates and revokes only keys with scopes and a reach that it has itself."
_OF_PERSON: Final = "Your role allows neither this scope nor this reach."


class BeyondOwnRights(PermissionDenied):
    """The key in question may do more, or reaches more, than who asks."""

    problem = ("beyond-own-rights", "This API key would be allowed more than you are.")

    def __init__(self, request: ApiRequest) -> None:
        super().__init__(_OF_PERSON if key_of(request) is None else _OF_KEY)


def visible_keys(request: ApiRequest) -> QuerySet[ApiKey]:
    """Keys within the principal's reach; inside the organization's scope."""
    within = Q(project__in=request.projects)
    return key_selectors.keys(organization=request.organization).filter(
        within | Q(project=None) if _reaches_all(request) else within
    )


def changeable_key(request: ApiRequest, key_id: int) -> ApiKey:
    """A key that the principal may rotate and revoke.

    :raises Http404: it is out of reach, or not there.
    :raises BeyondOwnRights: it may do what the principal may not.
    """
    found = visible_keys(request).filter(pk=key_id).first()
    if found is None:
        raise Http404
    check_scopes(request, found.scopes, found.project)
    return found


def place_of(request: ApiRequest, wanted: Mapping[str, Any]) -> Project | None:
    """The project of a key that is to be made; None: it is to reach the whole organization.

    :raises BeyondOwnRights: the principal does not reach so far.
    :raises ValidationError: there is no such project.
    """
    key = key_of(request)
    if key is not None and key.project_id is not None:
        own = request.projects.get()
        if wanted.get("project", own.slug) != own.slug:
            raise BeyondOwnRights(request)
        return own
    slug = wanted.get("project")
    if slug is None:
        if not _reaches_all(request):
            raise BeyondOwnRights(request)
        return None
    return _named_project(request, slug)


def _named_project(request: ApiRequest, slug: str) -> Project:
    project = request.projects.filter(slug=slug).first()
    if project is not None:
        return project
    if key_of(request) is None and roles.find_project(user=person_of(request), role=request.role or "", slug=slug):
        raise BeyondOwnRights(request)
    raise ValidationError({"project": "There is no such project."})


def check_scopes(request: ApiRequest, scopes: Iterable[str], project: Project | None) -> None:
    """:raises BeyondOwnRights: the principal may not give one of ``scopes`` there."""
    if not set(scopes) <= _grantable(request, project):
        raise BeyondOwnRights(request)


def _reaches_all(request: ApiRequest) -> bool:
    key = key_of(request)
    return allows(request.role or "", Permission.KEY_ADMIN) if key is None else key.project_id is None


def _grantable(request: ApiRequest, project: Project | None) -> frozenset[str]:
    key = key_of(request)
    if key is not None:
        return key.scopes
    role = request.role or ""
    if project is not None:
        found = roles.find_project(user=person_of(request), role=role, slug=project.slug)
        role = found[1] if found else ""
    return frozenset(grantable_scopes(role))
