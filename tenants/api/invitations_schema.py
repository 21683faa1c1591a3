"""Invitations as the API reads, shows and describes them."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers

from core.fields import InstantField, OptionalInstantField
from core.openapi import problems, shown
from core.parameters import Body, Choice, OrganizationParameters
from tenants.api.pages import PageParameters
from tenants.invitations import STATES
from tenants.models import Invitation
from tenants.permissions import PROJECT_ROLES, Role

_PROJECT_ROLES: Final = tuple(role.value for role in PROJECT_ROLES)


class InvitationParameters(PageParameters):
    """Filters and page of ``GET invitations``."""

    state = Choice(STATES, required=False, help_text="What became of them so far.")
    email = serializers.CharField(required=False, max_length=254, help_text="The invited address, whole.")


class NewInvitationSerializer(Body):
    """Whom to invite, and as what."""

    email = serializers.EmailField(max_length=254)
    role = Choice(tuple(Role.values), help_text="In the organization. From a key: member, viewer or none.")
    project = serializers.CharField(
        max_length=50, required=False, allow_null=True, help_text="Slug of a project in which the role is another one."
    )
    project_role = Choice(_PROJECT_ROLES, required=False, allow_null=True, help_text="The role there.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if bool(attrs.get("project")) != bool(attrs.get("project_role")):
            raise serializers.ValidationError({"project_role": ["Give both a project and a role there, or neither."]})
        return attrs


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    """An address that was asked to join. The link is in the mail and nowhere else."""

    role = serializers.ChoiceField(Role.choices)
    project = serializers.CharField(
        source="project.slug", default=None, allow_null=True, help_text="Slug of a project with another role."
    )
    project_role = serializers.CharField(help_text="The role there; empty without one.")
    state = serializers.SerializerMethodField(help_text="What became of it so far.")
    invited_by = serializers.EmailField(
        source="invited_by.email", default=None, allow_null=True, help_text="Null: an API key did."
    )
    created_at = InstantField()
    expires_at = InstantField(help_text="Until when the link works.")
    accepted_at = OptionalInstantField(allow_null=True)
    revoked_at = OptionalInstantField(allow_null=True)

    class Meta:
        model = Invitation
        fields = [
            "id",
            "email",
            "role",
            "project",
            "project_role",
            "state",
            "invited_by",
            "created_at",
            "expires_at",
            "accepted_at",
            "revoked_at",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(STATES))
    def get_state(self, invitation: Invitation) -> str:
        """At the ``now`` of the context."""
        return invitation.state(self.context["now"])


class InvitationPageSerializer(serializers.Serializer[Any]):
    results = InvitationSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last one.")


_INVITATION: Final = {
    "id": 7,
    "email": "grace@example.com",
    "role": "viewer",
    "project": "web",
    "project_role": "member",
    "state": "pending",
    "invited_by": "ada@example.com",
    "created_at": "2026-11-22T10:15:00.000000Z",
    "expires_at": "2026-11-29T10:15:00.000000Z",
    "accepted_at": None,
    "revoked_at": None,
}
_WANTED: Final = {"email": "grace@example.com", "role": "viewer", "project": "web", "project_role": "member"}
_PATH: Final = OpenApiParameter("invitation_id", int, OpenApiParameter.PATH, description="Id of the invitation.")
_KEYS: Final = "Takes an admin, or a key of the whole organization with the scope `manage`."

invitation_list = extend_schema(
    methods=["GET"],
    operation_id="invitation_list",
    tags=["Members"],
    summary="Invitations",
    description=f"Newest first, also those that are over. {_KEYS} Follow `next` until it is null.",
    parameters=[InvitationParameters],
    responses={200: shown(InvitationPageSerializer, "invitations", {"results": [_INVITATION], "next": None})}
    | problems(400, 403, 404),
)
invitation_create = extend_schema(
    methods=["POST"],
    operation_id="invitation_create",
    tags=["Members"],
    summary="Invite somebody",
    description=f"Mails a link that works for seven days, once, for this address. {_KEYS} A key gives the roles member,"
    " viewer and none: whoever finds it must not become an admin by it.",
    parameters=[OrganizationParameters],
    request=NewInvitationSerializer,
    examples=[OpenApiExample("a viewer", value=_WANTED, request_only=True)],
    responses={201: shown(InvitationSerializer, "invited", _INVITATION)} | problems(400, 403, 404, 409, 415),
)
invitation_detail = extend_schema(
    methods=["GET"],
    operation_id="invitation_detail",
    tags=["Members"],
    summary="One invitation",
    parameters=[OrganizationParameters, _PATH],
    responses={200: shown(InvitationSerializer, "invitation", _INVITATION)} | problems(400, 403, 404),
)
invitation_revoke = extend_schema(
    methods=["DELETE"],
    operation_id="invitation_revoke",
    tags=["Members"],
    summary="Take an invitation back",
    description=f"Its link stops working. Of one that is over nothing changes. {_KEYS}",
    parameters=[OrganizationParameters, _PATH],
    responses={204: None} | problems(400, 403, 404),
)
invitation_resend = extend_schema(
    methods=["POST"],
    operation_id="invitation_resend",
    tags=["Members"],
    summary="Send an invitation again",
    description=f"With a new link and the full time; the old link stops working. {_KEYS}",
    parameters=[OrganizationParameters, _PATH],
    request=None,
    responses={200: shown(InvitationSerializer, "sent", _INVITATION)} | problems(400, 403, 404, 409),
)
