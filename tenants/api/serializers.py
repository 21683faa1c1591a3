"""Tenants as the API shows them."""

from typing import Any

from rest_framework import serializers

from core.fields import InstantField, OptionalInstantField
from core.parameters import Body, OrganizationParameters
from tenants.models import Project
from tenants.permissions import Role, Scope


class OrganizationSerializer(serializers.Serializer[Any]):
    """An organization the principal is in; ``role`` is null for a key."""

    slug = serializers.CharField()
    name = serializers.CharField()
    role = serializers.ChoiceField(Role.choices, allow_null=True)


class CurrencyRateSerializer(serializers.Serializer[Any]):
    """What a US dollar is worth."""

    rate = serializers.CharField(help_text="So many of the currency for one US dollar, as an exact decimal.")
    valid_from = serializers.DateField(help_text="Local day from which on it is valid.")


class OrganizationDetailSerializer(OrganizationSerializer):
    """The same with what the organization decides for all its projects."""

    time_zone = serializers.CharField(help_text="IANA name; days and months are local to it.")
    display_currency = serializers.CharField(
        help_text="ISO 4217: what pages show costs in. The API answers with US dollars whatever it is."
    )
    currency_rate = CurrencyRateSerializer(
        allow_null=True, help_text="What pages convert with today; null for US dollars, and without a valid rate."
    )


class OrganizationListSerializer(serializers.Serializer[Any]):
    results = OrganizationSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Always null: the list has one page.")


class ProjectSerializer(serializers.ModelSerializer[Project]):
    """What telemetry and keys attach to."""

    team = serializers.CharField(
        source="team.slug", default=None, allow_null=True, help_text="Slug of the team whose its calls are."
    )
    archived_at = OptionalInstantField(allow_null=True, help_text="Since when it takes no telemetry.")
    delete_at = OptionalInstantField(allow_null=True, help_text="When it is to be deleted; its keys do not work.")
    created_at = InstantField()

    class Meta:
        model = Project
        fields = [
            "slug",
            "name",
            "team",
            "is_default",
            "default_environment",
            "retention_days",
            "allow_personal_ids",
            "archived_at",
            "delete_at",
            "created_at",
        ]
        read_only_fields = fields


class OrganizationChangeSerializer(Body):
    """What is to change; what is left out stays."""

    name = serializers.CharField(max_length=100, required=False)


class ProjectParameters(OrganizationParameters):
    """Filters of ``GET projects``."""

    team = serializers.CharField(required=False, max_length=100, help_text="Slug of the team whose projects to show.")
    archived = serializers.BooleanField(required=False, help_text="Those that are archived, or those that are not.")


class NewProjectSerializer(Body):
    """A project to be."""

    name = serializers.CharField(max_length=100, help_text="The slug is made from it.")
    team = serializers.CharField(max_length=100, required=False, allow_null=True, help_text="Slug of a team, or null.")
    default_environment = serializers.CharField(
        max_length=100, required=False, trim_whitespace=False, help_text="The environment of calls that name none."
    )
    retention_days = serializers.IntegerField(
        min_value=7, max_value=730, required=False, help_text="Days calls are kept; fewer delete the older ones."
    )
    allow_personal_ids = serializers.BooleanField(required=False)


class ProjectChangeSerializer(NewProjectSerializer):
    """What is to change; what is left out stays."""

    name = serializers.CharField(max_length=100, required=False)
    archived = serializers.BooleanField(required=False, help_text="False restores it.")


class ProjectListSerializer(serializers.Serializer[Any]):
    results = ProjectSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Always null: the list has one page.")


class UserSerializer(serializers.Serializer[Any]):
    email = serializers.EmailField()
    name = serializers.CharField()


class KeySerializer(serializers.Serializer[Any]):
    prefix = serializers.CharField(help_text="The public part of the key.")
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices))
    expires_at = InstantField(allow_null=True)


class NamedSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()


class MeSerializer(serializers.Serializer[Any]):
    """Who is asking: a person (``user``, ``memberships``) or a key (``key``, ``organization``, ``project``)."""

    kind = serializers.ChoiceField(["user", "key"])
    user = UserSerializer(allow_null=True)
    memberships = OrganizationSerializer(many=True)
    key = KeySerializer(allow_null=True)
    organization = NamedSerializer(allow_null=True)
    project = NamedSerializer(allow_null=True, help_text="Null for a key of the whole organization.")
