"""The call log over HTTP."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import Http404
from rest_framework.decorators import api_view
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from core.fields import instant_text
from ingestion import call_log, end_users
from ingestion.api import cursor, schema
from ingestion.api.parameters import CallIdentityParameters, CallParameters, filters_of
from ingestion.api.serializers import call_documents
from ingestion.call_log import Position
from tenants.api_access import ApiRequest, org_api
from tenants.permissions import Permission, Scope


@schema.call_list
@api_view(["GET", "HEAD"])
@org_api(Permission.TELEMETRY_READ, Scope.READ)
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
    last = call_log.position(page[-1]) if len(found) > len(page) else None
    return Response({"results": call_documents(page, slugs=slugs), "next": next_link(request, wanted, last)})


@schema.call_detail
@api_view(["GET", "HEAD"])
@org_api(Permission.TELEMETRY_READ, Scope.READ)
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
    return Response(call_documents(found, slugs=slugs)[0])


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


def next_link(request: ApiRequest, wanted: Mapping[str, Any], last: Position | None) -> str | None:
    """The same question from ``last`` on; its period is written out, because defaults move with the clock."""
    if last is None:
        return None
    query = request.query_params.copy()
    query["from"], query["to"] = instant_text(wanted["from"]), instant_text(wanted["to"])
    query["cursor"] = cursor.encode(last)
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
