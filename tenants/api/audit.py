"""The audit log over HTTP, for those who may read its page: nobody below an admin."""

from typing import Any, Final

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.response import Response

from core.fields import InstantField
from core.openapi import problems, shown
from core.parameters import Choice, Moment, OrganizationParameters
from tenants import audit_log
from tenants.api.pages import PageParameters, page
from tenants.api_access import ApiRequest, org_api, refuse_project_keys
from tenants.audit_log import AuditFilter
from tenants.models import AuditEntry
from tenants.permissions import Permission, Scope

_KEYS: Final = "Takes an admin, or a key of the whole organization with the scope `manage`."


class AuditParameters(PageParameters):
    """Filters and page of ``GET audit``."""

    actor = serializers.CharField(required=False, max_length=254, help_text="E-mail address, or name of the key.")
    actor_kind = Choice(tuple(AuditEntry.ActorKind.values), required=False, help_text="What did it.")
    action = serializers.CharField(required=False, max_length=50, help_text="noun.verb, for example `key.created`.")
    target_kind = serializers.CharField(required=False, max_length=50, help_text="For example `apikey`.")
    target_id = serializers.CharField(required=False, max_length=64, help_text="Id of what it was done to.")
    to = Moment(required=False, help_text="End of the period, excluded.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """``from`` is a word of Python's, so it cannot be declared like the others."""
        since = Moment(required=False, help_text="Start of the period, included.")
        return {"from": since, **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "from" in attrs and "to" in attrs and attrs["from"] >= attrs["to"]:
            raise serializers.ValidationError({"from": "This must be before the end of the period."})
        return attrs


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    """Who changed what, with the members of the exported file."""

    created_at = InstantField()
    actor_kind = serializers.ChoiceField(AuditEntry.ActorKind.choices)
    facts = serializers.DictField(help_text="What changed, without secrets.")
    personal = serializers.DictField(help_text="Facts that name a person; not covered by the hash.")
    hash = serializers.SerializerMethodField(help_text="SHA-256 over the entry and the hash before it, in hex.")

    class Meta:
        model = AuditEntry
        fields = [
            "id",
            "sequence",
            "created_at",
            "actor_kind",
            "actor_name",
            "actor_user_id",
            "actor_key_id",
            "action",
            "target_kind",
            "target_id",
            "facts",
            "personal",
            "address",
            "user_agent",
            "request_id",
            "hash",
        ]
        read_only_fields = fields

    def get_hash(self, entry: AuditEntry) -> str:
        return bytes(entry.hash or b"").hex()


class AuditPageSerializer(serializers.Serializer[Any]):
    results = AuditEntrySerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last one.")


_ENTRY: Final = {
    "id": 9_120,
    "sequence": 318,
    "created_at": "2026-11-22T10:15:00.000000Z",
    "actor_kind": "user",
    "actor_name": "ada@example.com",
    "actor_user_id": 3,
    "actor_key_id": None,
    "action": "project.renamed",
    "target_kind": "project",
    "target_id": "5",
    "facts": {"before": "Web", "after": "Shop"},
    "personal": {},
    "address": "203.0.113.7",
    "user_agent": "Mozilla/5.0",
    "request_id": "5a0b6c9e0f8d4f0f9f5f1c2d3e4a5b6c",
    "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}


@extend_schema(
    operation_id="audit_list",
    tags=["Audit"],
    summary="The audit log",
    description=f"Newest first. {_KEYS} Follow `next` until it is null.",
    parameters=[AuditParameters],
    responses={200: shown(AuditPageSerializer, "entries", {"results": [_ENTRY], "next": None})}
    | problems(400, 403, 404),
)
@api_view(["GET", "HEAD"])
@org_api(Permission.AUDIT_READ, Scope.MANAGE)
def audit_list(request: ApiRequest) -> Response:
    """Who changed what."""
    refuse_project_keys(request)
    wanted = AuditParameters.read(request.query_params)
    found = audit_log.entries(organization=request.organization, chosen=_filter(wanted))
    rows, following = page(request, found, wanted)
    return Response({"results": AuditEntrySerializer(rows, many=True).data, "next": following})


@extend_schema(
    operation_id="audit_detail",
    tags=["Audit"],
    summary="One entry of the audit log",
    description=_KEYS,
    parameters=[
        OrganizationParameters,
        OpenApiParameter("entry_id", int, OpenApiParameter.PATH, description="Id of the entry."),
    ],
    responses={200: shown(AuditEntrySerializer, "entry", _ENTRY)} | problems(400, 403, 404),
)
@api_view(["GET", "HEAD"])
@org_api(Permission.AUDIT_READ, Scope.MANAGE)
def audit_detail(request: ApiRequest, entry_id: int) -> Response:
    """One change."""
    refuse_project_keys(request)
    OrganizationParameters.read(request.query_params)
    found = audit_log.entry(organization=request.organization, entry_id=entry_id)
    if found is None:
        raise Http404
    return Response(AuditEntrySerializer(found).data)


def _filter(wanted: dict[str, Any]) -> AuditFilter:
    names = ("actor", "actor_kind", "action", "target_kind", "target_id")
    chosen = {name: wanted[name] for name in names if name in wanted}
    return AuditFilter(**chosen, since=wanted.get("from"), until=wanted.get("to"))
