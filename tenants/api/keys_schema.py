"""API keys as the API reads, shows and describes them."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers

from core.fields import InstantField, OptionalInstantField
from core.openapi import problems, shown
from core.parameters import Body, Choice, OrganizationParameters
from tenants import key_terms
from tenants.api.pages import PageParameters
from tenants.key_selectors import STATES
from tenants.models import AuditEntry
from tenants.permissions import Scope

_RANGES: Final = "Addresses and networks it may be used from; empty: anywhere."
_SCOPES: Final = tuple(Scope.values)


class KeyParameters(PageParameters):
    """Filters and page of ``GET keys``."""

    project = serializers.CharField(required=False, max_length=50, help_text="Slug of the project whose keys to show.")
    state = Choice(STATES, required=False, help_text="How they stand now.")
    scope = Choice(_SCOPES, required=False, help_text="Those that have it, maybe among others.")


class NewKeySerializer(Body):
    """A key to be."""

    name = serializers.CharField(max_length=100, help_text="Where it is used.")
    scopes = serializers.ListField(child=Choice(_SCOPES), allow_empty=False, max_length=len(_SCOPES))
    project = serializers.CharField(
        max_length=50,
        required=False,
        allow_null=True,
        help_text="Slug of the project it is for; null or absent: the whole organization. For a key of one project"
        " absent means that one.",
    )
    expires_at = serializers.CharField(
        max_length=40,
        required=False,
        allow_null=True,
        help_text="`24h`, `7d`, or a moment with its offset; null or absent: never.",
    )
    allowed_ranges = serializers.ListField(
        child=serializers.CharField(max_length=43),
        required=False,
        default=list,
        max_length=key_terms.MOST_RANGES,
        help_text=_RANGES,
    )


class RotationSerializer(Body):
    """How a key is replaced."""

    overlap = serializers.CharField(
        max_length=10,
        required=False,
        default=key_terms.USUAL_OVERLAP,
        help_text="For how long the old key works beside the new one: 1 hour to 30 days, as `24h` or `7d`.",
    )


class ApiKeySerializer(serializers.Serializer[Any]):
    """A machine credential of one project or of the whole organization. Its secret is nowhere any more."""

    id = serializers.IntegerField(source="key.pk")
    prefix = serializers.CharField(source="key.prefix", help_text="The public part, to recognise it by.")
    name = serializers.CharField(source="key.name")
    scopes = serializers.ListField(source="key.scopes", child=serializers.ChoiceField(Scope.choices))
    project = serializers.CharField(
        source="key.project.slug",
        default=None,
        allow_null=True,
        help_text="Slug of its project; null: it reaches the whole organization.",
    )
    allowed_ranges = serializers.ListField(
        source="key.allowed_ranges", child=serializers.CharField(), help_text=_RANGES
    )
    state = serializers.ChoiceField(STATES)
    created_at = InstantField(source="key.created_at")
    created_by_kind = serializers.ChoiceField(AuditEntry.ActorKind.choices, source="key.created_by_kind")
    created_by = serializers.CharField(
        source="key.created_by.email",
        default=None,
        allow_null=True,
        help_text="E-mail address of the person who made it. It works on when they leave.",
    )
    expires_at = OptionalInstantField(source="key.expires_at", allow_null=True)
    revoked_at = OptionalInstantField(source="key.revoked_at", allow_null=True)
    replaced_by = serializers.IntegerField(
        source="key.replaced_by_id", allow_null=True, help_text="Id of the key that was issued to replace it."
    )
    last_used_at = OptionalInstantField(allow_null=True, help_text="Written at most once a minute.")
    last_address = serializers.CharField(help_text="Where it was used from then; empty if never.")


class IssuedKeySerializer(ApiKeySerializer):
    """A new key, in the only answer that has its secret."""

    secret = serializers.CharField(help_text="The key itself. It is shown here and never again.")


class KeyPageSerializer(serializers.Serializer[Any]):
    results = ApiKeySerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last one.")


_KEY: Final[dict[str, Any]] = {
    "id": 41,
    "prefix": "Ab3dEf7h",
    "name": "production backend",
    "scopes": ["ingest"],
    "project": "web",
    "allowed_ranges": ["203.0.113.0/24"],
    "state": "active",
    "created_at": "2026-11-22T10:15:00.000000Z",
    "created_by_kind": "user",
    "created_by": "ada@example.com",
    "expires_at": "2027-01-31T18:00:00.000000Z",
    "revoked_at": None,
    "replaced_by": None,
    "last_used_at": "2026-11-22T10:20:00.000000Z",
    "last_address": "203.0.113.7",
}
_NEW: Final = {"last_used_at": None, "last_address": ""}
_SECRET: Final = {"secret": "tko_Ab3dEf7h_" + "0" * 34 + "k2m4p6"}
_ISSUED: Final = _KEY | _NEW | _SECRET
_SUCCESSOR: Final = _ISSUED | {"id": 42, "prefix": "Kq9wXz2m", "secret": "tko_Kq9wXz2m_" + "0" * 34 + "a1b2c3"}
_WANTED: Final = {
    "name": "production backend",
    "scopes": ["ingest"],
    "project": "web",
    "expires_at": "7d",
    "allowed_ranges": ["203.0.113.0/24"],
}
_PATH: Final = OpenApiParameter("key_id", int, OpenApiParameter.PATH, description="Id of the key.")
_OWN_RIGHTS: Final = (
    "A key with the scope `manage` makes, rotates and revokes only keys with scopes and a reach that it has itself;"
    " people only what their role allows."
)


key_list = extend_schema(
    methods=["GET"],
    operation_id="key_list",
    tags=["Keys"],
    summary="API keys",
    description="Those within your reach, newest first, also those that do not work any more. Needs the scope"
    " `manage`. Follow `next` until it is null.",
    parameters=[KeyParameters],
    responses={200: shown(KeyPageSerializer, "keys", {"results": [_KEY], "next": None})} | problems(400, 403, 404),
)
key_create = extend_schema(
    methods=["POST"],
    operation_id="key_create",
    tags=["Keys"],
    summary="Make an API key",
    description=f"The answer is the only one that has the secret. {_OWN_RIGHTS}",
    parameters=[OrganizationParameters],
    request=NewKeySerializer,
    examples=[OpenApiExample("a key", value=_WANTED, request_only=True)],
    responses={201: shown(IssuedKeySerializer, "issued", _ISSUED)} | problems(400, 403, 404, 415),
)
key_detail = extend_schema(
    methods=["GET"],
    operation_id="key_detail",
    tags=["Keys"],
    summary="One API key",
    parameters=[OrganizationParameters, _PATH],
    responses={200: shown(ApiKeySerializer, "key", _KEY)} | problems(400, 403, 404),
)
key_revoke = extend_schema(
    methods=["DELETE"],
    operation_id="key_revoke",
    tags=["Keys"],
    summary="Revoke an API key",
    description="It stops working on every edge process within two seconds, and stays in the list. Doing so twice"
    f" changes nothing. {_OWN_RIGHTS}",
    parameters=[OrganizationParameters, _PATH],
    responses={204: None} | problems(400, 403, 404),
)
key_rotate = extend_schema(
    methods=["POST"],
    operation_id="key_rotate",
    tags=["Keys"],
    summary="Replace an API key",
    description="Issues a key with the same name, scopes, reach and ranges. The old one works for `overlap` longer."
    f" {_OWN_RIGHTS}",
    parameters=[OrganizationParameters, _PATH],
    request=RotationSerializer,
    examples=[OpenApiExample("a week", value={"overlap": "7d"}, request_only=True)],
    responses={201: shown(IssuedKeySerializer, "issued", _SUCCESSOR)} | problems(400, 403, 404, 409, 415),
)
