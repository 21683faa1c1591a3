"""What an organization has told the gateway, read from Postgres and remembered for a short while."""

import contextlib
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from core import crypto
from gateway.credentials import context
from gateway.providers import PRESETS
from gateway.types import Auth, Provider, Timeouts
from ingestion.edge.directory import FRESH_SECONDS, FRESH_SECONDS_UNHEARD, DirectoryUnavailableError, Reader

_MOST_ORGANIZATIONS: Final = 10_000
_UNKNOWN_PRESET: Final = "openai-compatible"
_LOOKUP: Final = b"""
    select coalesce((select offline_minutes from gateway_settings where organization_id = %(organization)s), 60)
               as offline_minutes,
           (select coalesce(jsonb_agg(to_jsonb(p) - 'created_at' - 'created_by_id'), '[]') from gateway_providers p
            where p.organization_id = %(organization)s) as providers"""
_CREDENTIALS: Final = b"""
    select provider, name, project_id, is_default, sealed from provider_credentials
    where organization_id = %(organization)s order by is_default desc, id"""


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
        parameters = {"organization": organization_id}
        (told,) = await self._reader.rows(_LOOKUP, parameters)
        credentials = await self._reader.rows(_CREDENTIALS, parameters)
        gateway = OrganizationGateway(
            offline_seconds=told["offline_minutes"] * 60.0,
            providers={row["slug"]: own_provider(row) for row in told["providers"]},
            credentials=[self._credential(organization_id, row) for row in credentials],
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

    def _credential(self, organization_id: int, row: Mapping[str, Any]) -> Credential:
        secret = crypto.decrypt(
            bytes(row["sealed"]),
            key=self._encryption_key,
            context=context(organization_id=organization_id, provider=row["provider"], name=row["name"]),
            previous=self._previous_encryption_key,
        )
        return Credential(
            provider=row["provider"],
            name=row["name"],
            project_id=row["project_id"],
            is_default=row["is_default"],
            secret=secret.decode(),
        )


def own_provider(row: Mapping[str, Any]) -> Provider:
    """An organization's row over what its preset says."""
    preset = PRESETS.get(row["preset"]) or PRESETS[_UNKNOWN_PRESET]
    return replace(
        preset.provider,
        slug=row["slug"],
        name=row["name"],
        origin=row["origin"],
        base_path=row["base_path"],
        auth=Auth(row["auth"]),
        auth_name=row["auth_name"],
        inject_include_usage=row["inject_include_usage"],
        timeouts=Timeouts(
            first_byte=float(row["first_byte_seconds"]),
            idle=float(row["idle_seconds"]),
            total=float(row["total_seconds"]),
        ),
        is_own=True,
    )
