"""The call log over HTTP."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import Http404
from rest_framework.decorators import api_view
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from core.fields import instant_text
from ingestion import call_log, end_users, refusals
from ingestion.api import cursor, refusal_cursor, refusal_schema, schema
from ingestion.api.parameters import CallIdentityParameters, CallParameters, filters_of
from ingestion.api.refusal_schema import RefusalParameters
from ingestion.api.serializers import call_detail_document, call_documents
from ingestion.arithmetic import arithmetic
from ingestion.writer.refusals import NO_PROJECT
from tenants.api_access import ApiRequest, key_of, project_api
from tenants.permissions import Permission, Scope, allows


@schema.call_list
@api_view(["GET", "HEAD"])
@project_api(Permission.TELEMETRY_READ, Scope.READ)
def call_list(request: ApiRequest) -> Response:
    """Calls of a period, newest first."""
    wanted = CallParameters.read(request.query_params)
    slugs = slugs_of(request, wanted.get("project"))
    filters = filters_of(wanted)
    if "user_id" in filters:
        filters["user_id"] = end_users.as_stored(organization=request.organization, user_ids=wanted["user_id"])
    found = call_log.calls(
        organization=request.organization,
        project_ids=list(slugs),
        since=wanted["from"],
        until=wanted["to"],
        filters=filters,
        before=wanted.get("cursor"),
        limit=wanted["limit"] + 1,
    )
    page = found[: wanted["limit"]]
    last = cursor.encode(call_log.position(page[-1])) if len(found) > len(page) else ""
    return Response({"results": call_documents(page, slugs=slugs), "next": next_link(request, wanted, last)})


@schema.call_detail
@api_view(["GET", "HEAD"])
@project_api(Permission.TELEMETRY_READ, Scope.READ)
def call_detail(request: ApiRequest, call_id: str) -> Response:
    """One call by its identity."""
    wanted = CallIdentityParameters.read(request.query_params)
    if "\0" in call_id:  # no text for the database, and nobody's id
        raise Http404
    slugs = slugs_of(request, [wanted["project"]] if "project" in wanted else None)
    found = call_log.call(project_ids=list(slugs), call_id=call_id, started_at=wanted["timestamp"])
    if not found:
        raise Http404
    if len(found) > 1:
        raise ValidationError({"project": "Calls of several projects have this id and timestamp; name one."})
    how = arithmetic(organization=request.organization, call=found[0])
    return Response(call_detail_document(found[0], how, slugs=slugs))


@refusal_schema.rejected_event_list
@api_view(["GET", "HEAD"])
@project_api(Permission.TELEMETRY_READ, Scope.READ)
def rejected_event_list(request: ApiRequest) -> Response:
    """What was refused, newest hour first."""
    wanted = RefusalParameters.read(request.query_params)
    slugs = slugs_of(request, wanted.get("project"))
    found = refusals.rows(
        organization=request.organization,
        project_ids=[*slugs, *_undecided(request, wanted)],
        since=wanted["from"],
        until=wanted["to"],
        before=wanted.get("cursor"),
        limit=wanted["limit"] + 1,
    )
    page = found[: wanted["limit"]]
    last = refusal_cursor.encode(refusals.position(page[-1])) if len(found) > len(page) else ""
    results = refusal_schema.documents(page, slugs=slugs)
    return Response({"results": results, "next": next_link(request, wanted, last)})


def _undecided(request: ApiRequest, wanted: Mapping[str, Any]) -> list[int]:
    """What was for no project is shown to those who see all of them and asked for all of them."""
    key = key_of(request)
    sees_all = allows(request.role or "", Permission.TELEMETRY_READ) if key is None else key.project_id is None
    return [NO_PROJECT] if sees_all and "project" not in wanted else []


def slugs_of(request: ApiRequest, named: Sequence[str] | None) -> dict[int, str]:
    """Slugs by id of the projects that are asked about.

    :raises Http404: one of ``named`` is not among those the principal may see.
    """
    visible = dict(request.projects.values_list("pk", "slug"))
    if named is None:
        return visible
    if not set(named) <= set(visible.values()):
        raise Http404
    return {pk: slug for pk, slug in visible.items() if slug in named}


def next_link(request: ApiRequest, wanted: Mapping[str, Any], last: str) -> str | None:
    """The same question from the cursor ``last`` on; its period is written out, for defaults move with the clock."""
    if not last:
        return None
    query = request.query_params.copy()
    query["from"], query["to"] = instant_text(wanted["from"]), instant_text(wanted["to"])
    query["cursor"] = last
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
