"""Members as the API reads, shows and describes them."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers

from core.fields import InstantField
from core.openapi import problems, shown
from core.parameters import Body, Choice, OrganizationParameters
from tenants.api.pages import PageParameters
from tenants.permissions import PROJECT_ROLES, Role

_ROLES: Final = tuple(Role.values)
_PROJECT_ROLES: Final = tuple(role.value for role in PROJECT_ROLES)
_MOST_PROJECTS: Final = 500


class MemberParameters(PageParameters):
    """Filters and page of ``GET members``."""

    role = Choice(_ROLES, required=False, help_text="Those with this role in the organization.")
    email = serializers.CharField(required=False, max_length=254, help_text="The member with this address.")


class ProjectRoleSerializer(serializers.Serializer[Any]):
    project = serializers.CharField(help_text="Slug of the project.")
    role = serializers.ChoiceField(_PROJECT_ROLES)


class MemberSerializer(serializers.Serializer[Any]):
    """A person in the organization, and what they may do there."""

    id = serializers.IntegerField(source="member.user_id")
    email = serializers.EmailField(source="member.user.email")
    name = serializers.CharField(source="member.user.name")
    role = serializers.ChoiceField(Role.choices, source="member.role")
    project_roles = ProjectRoleSerializer(many=True, help_text="Projects in which the role is another one.")
    since = InstantField(source="member.created_at")


class MemberPageSerializer(serializers.Serializer[Any]):
    results = MemberSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last one.")


class ProjectRolesField(serializers.DictField):
    """Roles by the slug of a project."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        found = super().to_internal_value(data)
        if len(found) > _MOST_PROJECTS or any("\0" in slug for slug in found):
            raise serializers.ValidationError("Name at most 500 projects by their slugs.")
        return found


class MemberChangeSerializer(Body):
    """What is to change; what is left out stays."""

    role = Choice(_ROLES, required=False, help_text="Only owners make and unmake owners.")
    project_roles = ProjectRolesField(
        child=Choice(_PROJECT_ROLES, allow_null=True),
        required=False,
        help_text="Roles by the slug of a project; null takes one back. Projects that are not named keep theirs.",
    )


_MEMBER: Final[dict[str, Any]] = {
    "id": 12,
    "email": "grace@example.com",
    "name": "Grace",
    "role": "viewer",
    "project_roles": [{"project": "web", "role": "member"}],
    "since": "2026-11-01T09:30:00.000000Z",
}
_PATH: Final = OpenApiParameter("member_id", int, OpenApiParameter.PATH, description="Id of the person.")
_KEYS: Final = "A key needs the scope `manage` and the reach of the whole organization."

member_list = extend_schema(
    operation_id="member_list",
    tags=["Members"],
    summary="Members of the organization",
    description=f"Who joined last comes first. {_KEYS} Follow `next` until it is null.",
    parameters=[MemberParameters],
    responses={200: shown(MemberPageSerializer, "members", {"results": [_MEMBER], "next": None})}
    | problems(400, 403, 404),
)
member_detail = extend_schema(
    methods=["GET"],
    operation_id="member_detail",
    tags=["Members"],
    summary="One member",
    description=_KEYS,
    parameters=[OrganizationParameters, _PATH],
    responses={200: shown(MemberSerializer, "member", _MEMBER)} | problems(400, 403, 404),
)
member_change = extend_schema(
    methods=["PATCH"],
    operation_id="member_change",
    tags=["Members"],
    summary="Change what a member may do",
    description="For people: no API key changes roles. An organization keeps an owner, and nobody raises their own"
    " role.",
    parameters=[OrganizationParameters, _PATH],
    request=MemberChangeSerializer,
    examples=[OpenApiExample("roles", value={"role": "viewer", "project_roles": {"web": "member"}}, request_only=True)],
    responses={200: shown(MemberSerializer, "changed", _MEMBER)} | problems(400, 403, 404, 409, 415),
)
member_remove = extend_schema(
    methods=["DELETE"],
    operation_id="member_remove",
    tags=["Members"],
    summary="Remove a member",
    description=f"Their account stays, and so do the API keys they made. Owners are removed by owners. {_KEYS}",
    parameters=[OrganizationParameters, _PATH],
    responses={204: None} | problems(400, 403, 404, 409),
)
