"""Who is let in and where the request goes: everything that is decided before its body is looked at."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from core.addresses import Network
from core.keys import Peppers
from gateway.edge.authentication import Caller, let_in, presented
from gateway.edge.directory import Gateways
from gateway.types import Auth, Provider
from gateway.wire import paths
from gateway.wire.paths import PathError
from ingestion.edge.authentication import check_address, client_of
from ingestion.edge.digest import other_project
from ingestion.edge.directory import Directory, Project
from ingestion.edge.http import Problem, Scope, headers_of, text_header

_NAMED_CREDENTIAL: Final = b"x-tokenops-credential"
_PROJECT: Final = b"x-tokenops-project"


@dataclass(frozen=True, slots=True)
class Request:
    """What came, without its body."""

    scope: Scope
    at: datetime  # UTC
    headers: dict[bytes, list[bytes]]

    @classmethod
    def of(cls, scope: Scope, at: datetime) -> "Request":
        return cls(scope, at, headers_of(scope))

    @property
    def method(self) -> str:
        return str(self.scope["method"])

    @property
    def raw_path(self) -> bytes:
        """Percent-encoded, as it was sent."""
        return bytes(self.scope.get("raw_path") or self.scope["path"].encode())

    @property
    def query(self) -> bytes:
        return bytes(self.scope.get("query_string") or b"")

    def text(self, name: bytes) -> str:
        """The first value of a header, '' when there is none."""
        return text_header(self.headers, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What requests are let in by."""

    directory: Directory
    gateways: Gateways
    peppers: Peppers
    trusted_proxies: tuple[Network, ...]

    async def admit(self, request: Request) -> "Admission":
        """:raises Problem: it is not forwarded, and why."""
        if b"websocket" in [value.strip().lower() for value in request.headers.get(b"upgrade", ())]:
            raise Problem(501, "websocket", "WebSocket connections are not proxied.", "Use the provider’s HTTP API.")
        slug, rest = _split(request.raw_path)
        found = presented(request.headers, request.query)
        caller = await let_in(found, self.directory, self.gateways, peppers=self.peppers, now=request.at)
        address = client_of(request.scope.get("client"), request.headers, self.trusted_proxies)
        check_address(caller.sender, address)
        provider = _provider(slug, caller)
        project = _project(caller, request.text(_PROJECT))
        return Admission(
            caller=caller,
            provider=provider,
            project=project,
            rest=rest,
            address=address,
            secret=_secret(caller, provider, project, request.text(_NAMED_CREDENTIAL)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A request that may be forwarded.

    ``secret`` is None where the caller brought its own provider key, and '' where the provider takes none.
    """

    caller: Caller
    provider: Provider
    project: Project
    rest: bytes  # of the path, below the provider's name
    address: str
    secret: str | None = field(repr=False)

    @property
    def organization_id(self) -> int:
        return self.caller.sender.organization_id


def malformed_path(error: PathError) -> Problem:
    return Problem(400, "malformed-path", "This path cannot be forwarded.", str(error))


def _split(raw_path: bytes) -> tuple[str, bytes]:
    try:
        return paths.split(raw_path)
    except PathError as error:
        raise malformed_path(error) from None


def _provider(slug: str, caller: Caller) -> Provider:
    provider = caller.gateway.provider(slug)
    if provider is None:
        detail = "The Connect page lists those there are; an organization can add its own."
        raise Problem(404, "unknown-provider", "There is no provider of this name.", detail)
    if not provider.origin:
        detail = "Add it with its address on the page Providers of the gateway."
        raise Problem(404, "no-address", "Only its customers know where this provider is.", detail)
    return provider


def _project(caller: Caller, slug: str) -> Project:
    """Whose calls these are.

    :raises Problem: 403 another project than the key's; 400 one that does not exist, or none where one must be named.
    """
    sender = caller.sender
    if sender.is_bound and slug and slug not in sender.projects:
        raise other_project()
    project = sender.projects.get(slug) if slug else sender.home
    if project is None:
        detail = "Name one of the organization’s projects in X-TokenOps-Project."
        raise Problem(400, "unknown-project", "It is not known which project this call belongs to.", detail)
    return project


def _secret(caller: Caller, provider: Provider, project: Project, named: str) -> str | None:
    """The stored credential that the caller's key is exchanged for; '' is nothing, for who takes nothing."""
    if not caller.is_exchanged:
        return None
    if provider.auth is Auth.NONE:
        return ""
    credential = caller.gateway.credential(provider.slug, project_id=project.target.project_id, named=named)
    if credential is None:
        title = "No credential of this provider is stored."
        detail = "Add one on the page Providers of the gateway, or send your own, and the TokenOps key in TS-API-Key."
        raise Problem(403, "no-credential", title, detail)
    return credential.secret
