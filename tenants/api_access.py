"""The door of every API view: a person or a key comes in, with which right, in which organization's scope."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, Literal, ParamSpec

from django.db.models import QuerySet
from django.http import Http404
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from core.scope import org_scope
from tenants import idempotency, mfa_policy, roles, selectors
from tenants.audit import Actor, KeyActor
from tenants.models import ApiKey, Organization, Project, User
from tenants.permissions import Permission, Scope, allows

P = ParamSpec("P")

NO_PERMISSION = "Your role does not allow this."
PROJECT_KEY = "This key belongs to one project; use a key of the whole organization."


class MissingScope(PermissionDenied):
    """The key was not given ``scope``; the same problem type as on the edge."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(f"It needs the scope {scope}.")
        what = scope.label[0].lower() + scope.label[1:]
        self.problem = ("missing-scope", f"This API key may not {what}.")


class MissingSecondFactor(PermissionDenied):
    """The organization requires two-step sign-in and the person has not set it up."""

    problem = ("second-factor-required", "This organization requires two-step sign-in.")

    def __init__(self) -> None:
        super().__init__("Set it up at /accounts/2fa/, or use an API key.")


@dataclass(frozen=True, slots=True)
class KeyPrincipal:
    """A machine that showed a valid API key. ``project_id`` is None for a key of the whole organization."""

    key_id: int
    organization_id: int
    project_id: int | None
    scopes: frozenset[str]

    @property
    def is_authenticated(self) -> Literal[True]:
        """What the web framework asks every principal."""
        return True


@dataclass(frozen=True, slots=True)
class Door:
    """What an operation takes: of people ``permission``, of keys ``scope``.

    ``in_any_project`` says that people may have the permission in one project only. Every request that came to a door
    carries it, so that tests can ask whether the answers follow.
    """

    permission: Permission
    scope: Scope
    in_any_project: bool


class ApiRequest(Request):
    """A request that ``org_api`` let in."""

    organization: Organization
    role: str | None  # None for a key
    projects: QuerySet[Project]  # those the principal may see; use it inside the view only


ApiView = Callable[Concatenate[ApiRequest, P], Response]


def org_api(permission: Permission, scope: Scope) -> Callable[[ApiView[P]], Callable[..., Response]]:
    """Let people with ``permission`` and keys with ``scope`` in and run the view inside their organization's scope.

    ``request.projects`` are those in which the principal has it. The organization is a key's own. People name it: in
    the URL as ``organization_slug`` or as ``?organization=``. What is not theirs is 404, because 403 would confirm
    that it exists. A write with an ``Idempotency-Key`` is run once (tenants.idempotency).
    """

    return _behind(Door(permission, scope, in_any_project=False))


def project_api(permission: Permission, scope: Scope) -> Callable[[ApiView[P]], Callable[..., Response]]:
    """As ``org_api``, for what is read project by project: ``permission`` in any project opens the door too."""
    return _behind(Door(permission, scope, in_any_project=True))


def _behind(door: Door) -> Callable[[ApiView[P]], Callable[..., Response]]:
    def decorate(view: ApiView[P]) -> Callable[..., Response]:
        @wraps(view)
        def guarded(request: ApiRequest, *args: P.args, **kwargs: P.kwargs) -> Response:
            request._request.door = door  # type: ignore[attr-defined] # read by the permission matrix
            named = str(kwargs.pop("organization_slug", "") or request.query_params.get("organization", ""))
            request.organization, request.role = enter(request, named, scope=door.scope)
            request._request.organization = request.organization  # type: ignore[attr-defined] # for the access log
            with org_scope(request.organization.pk):
                _require_second_factor(request)
                request.projects = _projects(request, door.permission)
                if not _is_allowed(request, door):
                    raise PermissionDenied(NO_PERMISSION)
                return idempotency.once(
                    request, client=str(client_of(request)), write=lambda: view(request, *args, **kwargs)
                )

        return guarded

    return decorate


def key_of(request: Request) -> KeyPrincipal | None:
    """The key that made the request, or None when a person did."""
    return request.auth if isinstance(request.auth, KeyPrincipal) else None


def person_of(request: Request) -> User:
    """The person who made the request; ask ``key_of`` first."""
    assert isinstance(request.user, User)  # noqa: S101 - the authentication classes know nobody else
    return request.user


def client_of(request: Request) -> str | None:
    """Who asks, as a text that no other client has; None for a stranger."""
    key, person = key_of(request), request.user
    if key:
        return f"key:{key.key_id}"
    return f"user:{person.pk}" if isinstance(person, User) else None


def actor_of(request: Request) -> Actor:
    """As ``doer_of``, for services that TokenOps itself calls too."""
    return doer_of(request)


def doer_of(request: Request) -> User | KeyActor:
    """Who changes something: the person, or the key in its own name. Call inside the organization's scope."""
    key = key_of(request)
    if key is None:
        return person_of(request)
    return KeyActor(key.key_id, ApiKey.objects.values_list("name", flat=True).get(pk=key.key_id))


def _is_allowed(request: ApiRequest, door: Door) -> bool:
    """Whether a person's role will do; a key's scope was looked at before."""
    if request.role is None or allows(request.role, door.permission):
        return True
    return door.in_any_project and request.projects.exists()


def enter(request: Request, named: str, *, scope: Scope) -> tuple[Organization, str | None]:
    """The organization the principal acts in, and a person's role there.

    :raises Http404: it is not theirs, or does not exist.
    :raises PermissionDenied: a key has not the scope.
    :raises ValidationError: a person named none.
    """
    key = key_of(request)
    if key is not None:
        return _organization_of_key(key, named, scope), None
    if not named:
        raise ValidationError({"organization": "Name one of your organizations by its slug."})
    memberships = person_of(request).memberships.select_related("organization")
    membership = None if "\0" in named else memberships.filter(organization__slug=named).first()
    if membership is None:
        raise Http404
    return membership.organization, membership.role


def _require_second_factor(request: ApiRequest) -> None:
    """Of people, where their organization does; call it in the organization's scope."""
    if key_of(request) is None:
        settings = selectors.organization_settings(organization=request.organization)
        if mfa_policy.keeps_out(person_of(request), settings=settings):
            raise MissingSecondFactor


def _organization_of_key(key: KeyPrincipal, named: str, scope: Scope) -> Organization:
    require_scope(key, scope)
    organization = Organization.objects.get(pk=key.organization_id)
    if named and named != organization.slug:
        raise Http404
    return organization


def require_scope(key: KeyPrincipal, scope: Scope) -> None:
    """:raises MissingScope: the key was not given ``scope``."""
    if scope not in key.scopes:
        raise MissingScope(scope)


def refuse_project_keys(request: Request) -> None:
    """For what belongs to the whole organization.

    :raises PermissionDenied: the key is bound to a project.
    """
    key = key_of(request)
    if key is not None and key.project_id is not None:
        raise PermissionDenied(PROJECT_KEY)


def project_of(request: ApiRequest, slug: str) -> Project:
    """The project in which the principal has what the door asked for; call it behind ``project_api``.

    :raises Http404: there is none, or it is not theirs to see.
    :raises PermissionDenied: they see it, and their role there does not allow this.
    """
    project = request.projects.filter(slug=slug).first()
    if project is not None:
        return project
    if request.role is not None and roles.find_project(user=person_of(request), role=request.role, slug=slug):
        raise PermissionDenied(NO_PERMISSION)
    raise Http404


def _projects(request: ApiRequest, permission: Permission) -> QuerySet[Project]:
    key = key_of(request)
    if key is None:
        found = roles.projects_with(permission, user=person_of(request), role=request.role or "")
    else:
        found = Project.objects.filter(**({"pk": key.project_id} if key.project_id is not None else {}))
    return found.order_by("slug")
