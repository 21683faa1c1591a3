"""How the API's document describes providers and their credentials."""

from collections.abc import Callable
from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.openapi import problems
from core.parameters import OrganizationParameters
from gateway.api.serializers import (
    CredentialBodySerializer,
    CredentialListSerializer,
    CredentialSerializer,
    ProviderBodySerializer,
    ProviderChangeSerializer,
    ProviderListSerializer,
    ProviderSerializer,
    ReplacementSerializer,
)

TAG: Final = "Gateway"
_WHO: Final = " Takes a key of the whole organization with the scope `manage`, or an admin."
_AT: Final = "2026-12-01T08:00:00.000000Z"
_PROVIDER: Final[dict[str, Any]] = {
    "id": 2,
    "slug": "house-models",
    "name": "House models",
    "preset": "openai",
    "origin": "https://llm.example.com",
    "base_path": "/v1",
    "auth": "bearer",
    "auth_name": "",
    "inject_include_usage": True,
    "first_byte_seconds": 600,
    "idle_seconds": 300,
    "total_seconds": 3600,
    "created_at": _AT,
}
_CREDENTIAL: Final[dict[str, Any]] = {
    "id": 4,
    "provider": "openai",
    "name": "Production",
    "project": None,
    "hint": "cdef",
    "default": True,
    "check_result": "accepted",
    "checked_at": _AT,
    "replaced_at": None,
    "created_at": _AT,
}
_NOT_TRIED: Final = _CREDENTIAL | {"check_result": None, "checked_at": None}
_NEW_PROVIDER: Final = {name: _PROVIDER[name] for name in ("slug", "name", "preset", "origin", "base_path")}
_NEW_CREDENTIAL: Final = {"provider": "openai", "name": "Production", "secret": "the-key-of-the-provider-abcdef"}
_REPLACEMENT: Final = {"secret": "the-next-key-of-the-provider-abcdef", "replaced_at": None}


def _shown(serializer: Any, name: str, value: Any) -> OpenApiResponse:
    return OpenApiResponse(serializer, examples=[OpenApiExample(name, value=value, response_only=True)])


def _sent(name: str, value: Any) -> list[OpenApiExample]:
    return [OpenApiExample(name, value=value, request_only=True)]


def _page(value: Any) -> dict[str, Any]:
    return {"results": [value], "next": None}


def _describe(
    method: str,
    operation_id: str,
    summary: str,
    answer: dict[int, Any],
    *,
    one: str = "",
    text: str = "",
    request: Any = None,
    examples: list[OpenApiExample] | None = None,
) -> Callable[[Any], Any]:
    path = (OpenApiParameter(f"{one}_id", int, OpenApiParameter.PATH, description="Its id."),) if one else ()
    return extend_schema(
        methods=[method],
        operation_id=operation_id,
        tags=[TAG],
        summary=summary,
        description=text + _WHO,
        parameters=[OrganizationParameters, *path],
        request=request,
        examples=examples or [],
        responses=answer | problems(400, 403, 404, *((415,) if request else ())),
    )


provider_list = _describe(
    "GET",
    "gateway_provider_list",
    "Providers of one’s own",
    {200: _shown(ProviderListSerializer, "providers", _page(_PROVIDER))},
    text="Built-in ones are not among them.",
)
provider_create = _describe(
    "POST",
    "gateway_provider_create",
    "Add a provider",
    {201: _shown(ProviderSerializer, "added", _PROVIDER)},
    request=ProviderBodySerializer,
    examples=_sent("house models", _NEW_PROVIDER),
)
provider_detail = _describe(
    "GET",
    "gateway_provider_detail",
    "One provider",
    {200: _shown(ProviderSerializer, "provider", _PROVIDER)},
    one="gateway_provider",
)
provider_change = _describe(
    "PATCH",
    "gateway_provider_change",
    "Change a provider",
    {200: _shown(ProviderSerializer, "changed", _PROVIDER | {"total_seconds": 900})},
    one="gateway_provider",
    request=ProviderChangeSerializer,
    examples=_sent("less patience", {"total_seconds": 900}),
)
provider_delete = _describe(
    "DELETE",
    "gateway_provider_delete",
    "Delete a provider",
    {204: None},
    one="gateway_provider",
    text="Credentials that were given for its address go with it.",
)
credential_list = _describe(
    "GET",
    "gateway_credential_list",
    "Credentials of providers",
    {200: _shown(CredentialListSerializer, "credentials", _page(_CREDENTIAL))},
)
credential_create = _describe(
    "POST",
    "gateway_credential_create",
    "Add a credential",
    {201: _shown(CredentialSerializer, "added", _NOT_TRIED)},
    text="The secret is stored encrypted and shown to nobody. The provider is not asked; the page can.",
    request=CredentialBodySerializer,
    examples=_sent("production", _NEW_CREDENTIAL),
)
credential_detail = _describe(
    "GET",
    "gateway_credential_detail",
    "One credential",
    {200: _shown(CredentialSerializer, "credential", _CREDENTIAL)},
    one="credential",
)
credential_delete = _describe(
    "DELETE",
    "gateway_credential_delete",
    "Delete a credential",
    {204: None},
    one="credential",
    text="After a default the oldest of its scope is the default, if there is one.",
)
credential_replace = _describe(
    "POST",
    "gateway_credential_replace",
    "Replace a secret",
    {200: _shown(CredentialSerializer, "replaced", _NOT_TRIED | {"replaced_at": _AT})},
    one="credential",
    text="The name stays.",
    request=ReplacementSerializer,
    examples=_sent("the first time", _REPLACEMENT),
)
credential_default = _describe(
    "POST",
    "gateway_credential_default",
    "Make a credential the default",
    {200: _shown(CredentialSerializer, "default", _CREDENTIAL)},
    one="credential",
)
