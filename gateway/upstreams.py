"""One upstream as a call meets it: a built-in row of the table, or what an organization made of it."""

from dataclasses import dataclass, replace
from typing import Any

from gateway.models import GatewayProvider
from gateway.providers import PRESETS, Preset
from gateway.types import Auth, Provider, Timeouts


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where calls to a slug go: an organization's ``own`` row, or a built-in provider."""

    provider: Provider
    preset: Preset
    own: GatewayProvider | None = None

    @property
    def built_in(self) -> Provider | None:
        """What would be there without the own row, if there is one."""
        return built_in(self.provider.slug) if self.own else None

    @property
    def takes_credentials(self) -> bool:
        return self.provider.auth != Auth.NONE


def built_in(slug: str) -> Provider | None:
    """The built-in provider ``slug``; None where there is none, or where only an organization knows its address."""
    preset = PRESETS.get(slug)
    return preset.provider if preset and preset.provider.origin else None


def preset_of(own: GatewayProvider) -> Preset:
    """The row that ``own`` was made from; one that is gone reads as any OpenAI-compatible server."""
    return PRESETS.get(own.preset) or PRESETS["openai-compatible"]


def provider_of(own: GatewayProvider) -> Provider:
    """What the organization decided, and the preset's for the rest: dialect, required headers, time to connect."""
    preset = preset_of(own).provider
    return replace(
        preset,
        slug=own.slug,
        name=own.name,
        origin=own.origin,
        base_path=own.base_path,
        auth=Auth(own.auth),
        auth_name=own.auth_name,
        inject_include_usage=own.inject_include_usage,
        timeouts=Timeouts(
            connect=preset.timeouts.connect,
            first_byte=own.first_byte_seconds,
            idle=own.idle_seconds,
            total=own.total_seconds,
        ),
        is_own=True,
    )


def defaults(provider: Provider) -> dict[str, Any]:
    """What a new own row made from a built-in one begins with: everything but the address."""
    timeouts = provider.timeouts
    return {
        "name": provider.name,
        "slug": provider.slug,
        "base_path": provider.base_path,
        "auth": str(provider.auth),
        "auth_name": provider.auth_name,
        "inject_include_usage": provider.inject_include_usage,
        "first_byte_seconds": int(timeouts.first_byte),
        "idle_seconds": int(timeouts.idle),
        "total_seconds": int(timeouts.total),
    }
