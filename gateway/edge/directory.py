"""What an organization has told the gateway, read from Postgres and remembered for a short while."""

import base64
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from core import crypto
from gateway.credentials import context
from gateway.models import GatewayProvider
from gateway.providers import PRESETS
from gateway.types import Provider
from gateway.upstreams import provider_of
from ingestion.edge.directory import FRESH_SECONDS, FRESH_SECONDS_UNHEARD, DirectoryUnavailableError, Reader

logger = logging.getLogger("gateway.edge")

_MOST_ORGANIZATIONS: Final = 10_000
# One statement, so one moment: a key that goes with a new address is never sent to the old one.
_LOOKUP: Final = b"""
    select coalesce((select offline_minutes from gateway_settings where organization_id = %(organization)s), 60)
               as offline_minutes,
           (select coalesce(jsonb_agg(to_jsonb(p) - 'created_at' - 'created_by_id'), '[]') from gateway_providers p
            where p.organization_id = %(organization)s) as providers,
           (select coalesce(jsonb_agg(jsonb_build_object(
                'provider', c.provider, 'name', c.name, 'project_id', c.project_id, 'is_default', c.is_default,
                'sealed', encode(c.sealed, 'base64')) order by c.id), '[]') from provider_credentials c
            where c.organization_id = %(organization)s) as credentials"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A provider's key; ``project_id`` is None for the whole organization's."""

    provider: str
    name: str
    project_id: int | None
    is_default: bool
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationGateway:
    """What one organization's requests are decided by."""

    offline_seconds: float
    providers: Mapping[str, Provider]
    credentials: Sequence[Credential] = field(default=(), repr=False)

    def provider(self, slug: str) -> Provider | None:
        """The organization's own row, else the built-in one."""
        own = self.providers.get(slug)
        if own is None and slug in PRESETS:
            return PRESETS[slug].provider
        return own

    def credential(self, slug: str, *, project_id: int | None, named: str = "") -> Credential | None:
        """The one that is ``named``, else the default; the project's before the organization's."""
        fitting = [
            one
            for one in self.credentials
            if one.provider == slug and one.project_id in {None, project_id} and (one.name == named or not named)
        ]
        wanted = [one for one in fitting if named or one.is_default]
        return min(wanted, key=lambda one: one.project_id is None, default=None)


class Gateways:
    """Organizations' gateways by id. Lives in one event loop; a listener tells of changes."""

    def __init__(self, conninfo: str, *, encryption_key: str, previous_encryption_key: str = "") -> None:
        self._reader = Reader(conninfo)
        self._encryption_key, self._previous_encryption_key = encryption_key, previous_encryption_key
        self._entries: OrderedDict[int, tuple[float, OrganizationGateway]] = OrderedDict()
        self._stale: set[int] = set()  # told that they changed, and not read since
        self._is_hearing = False
        self._generation = 0

    async def of(self, organization_id: int) -> OrganizationGateway:
        """As fresh as can be: while the database is away, as it was.

        :raises DirectoryUnavailableError: it was never read by this process, or changed since, and cannot be read.
        """
        known = self._entries.get(organization_id)
        if known and self._is_fresh(organization_id, known[0]):
            return known[1]
        if known and self._reader.is_away and organization_id not in self._stale:
            return known[1]
        try:
            async with self._reader.lock:
                known = self._entries.get(organization_id)
                if known and self._is_fresh(organization_id, known[0]):
                    return known[1]
                return await self._read(organization_id)
        except DirectoryUnavailableError:
            if known is None or organization_id in self._stale:
                raise
            return known[1]

    def forget(self, payload: str) -> None:
        """An organization changed something; '' stands for all of them."""
        self._generation += 1
        if payload.isdecimal():
            self._stale.add(int(payload))
        else:
            self._stale.update(self._entries)

    def start_hearing(self) -> None:
        self._is_hearing = True
        self._generation += 1
        for organization_id, (_, gateway) in self._entries.items():
            self._entries[organization_id] = (float("-inf"), gateway)

    def stop_hearing(self) -> None:
        self._is_hearing = False

    @property
    def is_away(self) -> bool:
        """Whether the database could not be asked when somebody tried last."""
        return self._reader.is_away

    async def look_again(self) -> None:
        """Find out whether the database can be asked again."""
        with contextlib.suppress(DirectoryUnavailableError):
            async with self._reader.lock:
                await self._reader.rows(b"select 1")

    async def close(self) -> None:
        await self._reader.close()

    def _is_fresh(self, organization_id: int, read_at: float) -> bool:
        if organization_id in self._stale:
            return False
        return time.monotonic() - read_at < (FRESH_SECONDS if self._is_hearing else FRESH_SECONDS_UNHEARD)

    async def _read(self, organization_id: int) -> OrganizationGateway:
        generation, asked_at = self._generation, time.monotonic()
        (told,) = await self._reader.rows(_LOOKUP, {"organization": organization_id})
        gateway = OrganizationGateway(
            offline_seconds=told["offline_minutes"] * 60.0,
            providers={row["slug"]: provider_of(GatewayProvider(**row)) for row in told["providers"]},
            credentials=[one for row in told["credentials"] if (one := self._credential(organization_id, row))],
        )
        # What was told while we asked may be newer than the answer, which then serves this one request only.
        if generation == self._generation:
            self._keep(organization_id, (asked_at, gateway))
        return gateway

    def _keep(self, organization_id: int, entry: tuple[float, OrganizationGateway]) -> None:
        self._stale.discard(organization_id)
        self._entries[organization_id] = entry
        self._entries.move_to_end(organization_id)
        if len(self._entries) > _MOST_ORGANIZATIONS:
            self._entries.popitem(last=False)

    def _credential(self, organization_id: int, row: Mapping[str, Any]) -> Credential | None:
        """None for one that cannot be opened: it must not keep the others from working."""
        provider, name = row["provider"], row["name"]
        try:
            secret = crypto.decrypt(
                base64.b64decode(row["sealed"]),
                key=self._encryption_key,
                context=context(organization_id, provider, name),
                previous=self._previous_encryption_key,
            )
        except crypto.DecryptionError:
            logger.error("a credential cannot be opened", extra={"organization_id": organization_id})
            return None
        return Credential(
            provider=provider,
            name=name,
            project_id=row["project_id"],
            is_default=row["is_default"],
            secret=secret.decode(),
        )
