"""Providers and credentials as the API shows and takes them. A secret goes in and does not come out."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.fields import InstantField, OptionalInstantField
from core.parameters import Body, Choice, Moment
from gateway import terms
from gateway.models import GatewayProvider, ProviderCredential
from gateway.providers import PRESETS

_AUTH = tuple(GatewayProvider.Auth.values)
_RESULTS = tuple(value for value in ProviderCredential.Check.values if value)
_STAYS = "Of the path /v1/proxy/<slug>/; one of a built-in provider takes its place. It stays as it is."


class ProviderSerializer(serializers.Serializer[GatewayProvider]):
    """An upstream of the organization's own."""

    id = serializers.IntegerField(source="pk")
    slug = serializers.CharField(help_text=_STAYS)
    name = serializers.CharField()
    preset = serializers.CharField(help_text="The built-in row it takes its dialect from.")
    origin = serializers.CharField()
    base_path = serializers.CharField(help_text="Put before every path that does not begin with it.")
    auth = Choice(_AUTH, help_text="Where the credential goes.")
    auth_name = serializers.CharField(help_text="Of the header or the query parameter; empty for the others.")
    inject_include_usage = serializers.BooleanField()
    first_byte_seconds = serializers.IntegerField()
    idle_seconds = serializers.IntegerField()
    total_seconds = serializers.IntegerField()
    created_at = InstantField()


class ProviderListSerializer(serializers.Serializer[Any]):
    results = ProviderSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Always null: the list has one page.")


class ProviderChangeSerializer(Body):
    """What is to change; what is left out stays."""

    name = serializers.CharField(max_length=terms.LONGEST_NAME)
    origin = serializers.CharField(
        max_length=terms.LONGEST_ORIGIN,
        help_text="Scheme, host and port. It must be public, and stays while credentials are stored for it.",
    )
    base_path = serializers.CharField(max_length=terms.LONGEST_BASE_PATH, required=False, allow_blank=True)
    auth = Choice(_AUTH, required=False)
    auth_name = serializers.CharField(max_length=100, required=False, allow_blank=True)
    inject_include_usage = serializers.BooleanField(required=False)
    first_byte_seconds = serializers.IntegerField(min_value=1, max_value=3_600, required=False)
    idle_seconds = serializers.IntegerField(min_value=1, max_value=3_600, required=False)
    total_seconds = serializers.IntegerField(min_value=1, max_value=86_400, required=False)


class ProviderBodySerializer(ProviderChangeSerializer):
    """A provider to be; what is left out is as the preset has it."""

    slug = serializers.CharField(max_length=terms.LONGEST_SLUG, help_text=_STAYS)
    preset = Choice(tuple(PRESETS))


class CredentialSerializer(serializers.Serializer[ProviderCredential]):
    """A provider's key. Its secret is shown to nobody."""

    id = serializers.IntegerField(source="pk")
    provider = serializers.CharField(help_text="Slug.")
    name = serializers.CharField()
    project = serializers.SerializerMethodField(help_text="Slug; null: of the whole organization.")
    hint = serializers.CharField(help_text="Its last four characters; empty for short ones.")
    default = serializers.BooleanField(source="is_default", help_text="Taken where a call names no other.")
    check_result = serializers.SerializerMethodField(
        help_text="What the provider said of it; null: it was not asked, or said neither yes nor no."
    )
    checked_at = OptionalInstantField(allow_null=True)
    replaced_at = OptionalInstantField(allow_null=True)
    created_at = InstantField()

    @extend_schema_field(Choice(_RESULTS, allow_null=True))
    def get_check_result(self, credential: ProviderCredential) -> str | None:
        return credential.check_result or None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_project(self, credential: ProviderCredential) -> str | None:
        return credential.project.slug if credential.project else None


class CredentialListSerializer(serializers.Serializer[Any]):
    results = CredentialSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Always null: the list has one page.")


class CredentialBodySerializer(Body):
    """A credential to be."""

    provider = serializers.SlugField(max_length=terms.LONGEST_SLUG, help_text="Slug.")
    name = serializers.CharField(max_length=terms.LONGEST_NAME, help_text="It stays when the secret is replaced.")
    secret = serializers.CharField(max_length=terms.LONGEST_SECRET, write_only=True, trim_whitespace=False)
    project = serializers.CharField(
        max_length=50, required=False, allow_null=True, help_text="Slug; left out or null: the whole organization."
    )
    origin = serializers.CharField(
        max_length=terms.LONGEST_ORIGIN,
        required=False,
        help_text="The address it was meant for: refused when the provider leads elsewhere by now.",
    )


class ReplacementSerializer(Body):
    """A new secret in the place of the old one."""

    secret = serializers.CharField(max_length=terms.LONGEST_SECRET, write_only=True, trim_whitespace=False)
    replaced_at = Moment(
        allow_null=True, help_text="As it was read last: refused when somebody replaced the secret since."
    )
