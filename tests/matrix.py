"""Who asks in the permission matrix, and what there is to ask: the URL configuration and the API's document."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from conftest import make_user
from core.scope import org_scope
from ingestion import edge
from tenants import key_services
from tenants.models import Membership, Organization, Project, ProjectRole, User
from tenants.permissions import Permission, Role, Scope
from tests.api_document import document

# --- People ---

# anonymous; owner of another organization; the five roles; instance administrator in no organization
BY_ROLE: Final = ("anonymous", "outsider", "none", "viewer", "member", "admin", "owner", "staff")
# Whom the project gives another role than the organization: (there, here).
OVERRIDDEN: Final = {
    "raised": (Role.NONE, Role.ADMIN),
    "lowered": (Role.ADMIN, Role.VIEWER),
    "hidden": (Role.MEMBER, Role.NONE),
}
PEOPLE: Final = (*BY_ROLE, *OVERRIDDEN)


def everybody(acme: Organization, globex: Organization, project: Project) -> dict[str, User]:
    """Every one of PEOPLE who has an account, by name; ``project`` is the one that overrides roles."""
    people = {"owner": owner_of(acme), "outsider": owner_of(globex)}
    people["staff"] = make_user("staff@instance.test")
    User.objects.filter(pk=people["staff"].pk).update(is_staff=True)
    for role in (Role.NONE, Role.VIEWER, Role.MEMBER, Role.ADMIN):
        people[role.value] = _join(acme, role.value, role)
    for name, (there, here) in OVERRIDDEN.items():
        people[name] = _join(acme, name, there)
        with org_scope(acme.pk):
            ProjectRole.objects.create(organization=acme, project=project, user=people[name], role=here)
    return people


def owner_of(organization: Organization) -> User:
    return User.objects.get(memberships__organization=organization, memberships__role=Role.OWNER)


def _join(organization: Organization, name: str, role: Role) -> User:
    user = make_user(f"{name}@acme.test")
    Membership.objects.create(user=user, organization=organization, role=role)
    return user


# --- Keys ---

REACHES: Final = ("organization", "project", "other project")
UNUSABLE: Final = ("revoked", "expired")  # with every scope, of the whole organization
FOREIGN: Final = "foreign"  # the same, usable, of another organization
KEYS: Final = (*(f"{scope} {reach}" for scope in Scope for reach in REACHES), *UNUSABLE, FOREIGN)


def every_key(acme: Organization, globex: Organization, project: Project, other: Project) -> dict[str, str]:
    """The text of each of KEYS."""
    now, of_reach = timezone.now(), dict(zip(REACHES, (None, project, other), strict=True))
    texts = {
        f"{scope} {reach}": _issue(acme, scopes=[scope], project=found).text
        for scope in Scope
        for reach, found in of_reach.items()
    }
    revoked = _issue(acme)
    key_services.revoke_key(organization=acme, actor=None, key=revoked.key, now=now)
    expired = _issue(acme, expires_at=now - timedelta(hours=1), now=now - timedelta(hours=2))
    return texts | {"revoked": revoked.text, "expired": expired.text, FOREIGN: _issue(globex).text}


def _issue(organization: Organization, **options: Any) -> key_services.IssuedKey:
    everything = {"scopes": list(Scope), "project": None, "name": "matrix"}
    return key_services.create_key(organization=organization, actor=None, **(everything | options))


# --- URLs ---


@dataclass(frozen=True, slots=True)
class Url:
    """One entry of the URL configuration: its name, or its route where it has none."""

    name: str
    route: str
    parameters: tuple[str, ...]
    view: Any

    @property
    def permission(self) -> Permission | None:
        """What the door of a page takes (tenants.access.org_view)."""
        return getattr(self.view, "permission", None)


def urls(resolver: URLResolver | None = None, above: Url = Url("", "", (), None)) -> Iterator[Url]:
    """Every URL below ``resolver``, the whole configuration without one."""
    resolver = resolver or get_resolver()
    for entry in resolver.url_patterns:
        found = (*above.parameters, *entry.pattern.converters, *entry.pattern.regex.groupindex)
        route = f"{above.route}{entry.pattern}"
        if isinstance(entry, URLResolver):
            space = f"{entry.namespace}:" if entry.namespace else ""
            yield from urls(entry, Url(above.name + space, route, found, None))
        elif isinstance(entry, URLPattern):
            yield Url(above.name + entry.name if entry.name else route, route, found, entry.callback)


URLS: Final = {url.name: url for url in urls()}


# --- Operations of the API ---


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path of the API's document."""

    method: str
    path: str
    described: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.described["operationId"])

    @property
    def statuses(self) -> set[int]:
        return {int(status) for status in self.described["responses"]}

    def body(self) -> Any:
        """The first example of a JSON body; None where there is none to send."""
        content = self.described.get("requestBody", {}).get("content", {}).get("application/json", {})
        return next((example["value"] for example in content.get("examples", {}).values()), None)

    def takes(self, parameter: str) -> bool:
        # A shared parameter, the header of idempotent writes, is referred to and has no name here.
        return any(one.get("name") == parameter for one in self.described.get("parameters", ()))


OPERATIONS: Final = {
    described["operationId"]: Operation(method.upper(), path, described)
    for path, item in document()["paths"].items()
    for method, described in item.items()
}


def edge_routes() -> set[tuple[str, str]]:
    """Method and path of what the edge answers to keys."""
    routes = [route.rpartition(" ") for route in edge.routes() if route != "/metrics"]
    return {(method or "POST", path) for method, _, path in routes}


def web_routes() -> set[tuple[str, str]]:
    """Method and path, in the document's spelling, of what the web process answers below /api/v1/."""
    named = [url for url in URLS.values() if url.route.startswith("api/v1/")]
    return {
        (method.upper(), "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", url.route))
        for url in named
        for method in url.view.cls.http_method_names
        if method not in {"head", "options"}
    }


EDGE: Final = {
    name: operation for name, operation in OPERATIONS.items() if (operation.method, operation.path) in edge_routes()
}
WEB: Final = {name: operation for name, operation in OPERATIONS.items() if name not in EDGE}
AT_THE_EDGE: Final = (*KEYS, "nobody", "owner with a session")


def asked_by(url: Url) -> tuple[str, ...]:
    """Operations of the API decide project by project in more than one way, which their own matrix knows."""
    return BY_ROLE if url.name.startswith("api:") else PEOPLE


def cells() -> int:
    """How many answers the matrix expects: GET and POST of every URL, and every operation of the API."""
    of_urls = sum(2 * len(asked_by(url)) for url in URLS.values())
    return of_urls + len(WEB) * len((*PEOPLE, *KEYS)) + len(EDGE) * len(AT_THE_EDGE)
