"""Budgets over HTTP."""

from typing import Any, Final

from django.core.exceptions import ValidationError as ServiceError
from django.db import transaction
from django.http import Http404
from django.utils.timezone import now
from rest_framework.decorators import api_view
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from core.parameters import OrganizationParameters
from rules import budget_selectors, budget_services
from rules.api import budget_schema as schema
from rules.api.bodies import read, refusal
from rules.api.budget_serializers import BudgetChangeSerializer, NewBudgetSerializer, document
from rules.budget_reach import Reach
from rules.budget_terms import Wanted
from rules.models import Budget
from tenants import selectors
from tenants.api_access import (
    NO_PERMISSION,
    PROJECT_KEY,
    ApiRequest,
    actor_of,
    key_of,
    person_of,
    project_api,
)
from tenants.models import ApiKey, Project
from tenants.permissions import Permission, Scope

_READ: Final = project_api(Permission.BUDGETS_READ, Scope.READ)
_MANAGE: Final = project_api(Permission.BUDGETS_MANAGE, Scope.MANAGE)


@schema.budget_list
@schema.budget_create
@api_view(["GET", "HEAD", "POST"])
def budget_list(request: Request) -> Response:
    """The budgets, and where new ones are made."""
    return _create(request) if request.method == "POST" else _list(request)


@schema.budget_detail
@schema.budget_change
@schema.budget_delete
@api_view(["GET", "HEAD", "PATCH", "DELETE"])
def budget_detail(request: Request, budget_id: int) -> Response:
    """One budget."""
    answer = {"PATCH": _change, "DELETE": _delete}.get(str(request.method), _detail)
    return answer(request, budget_id=budget_id)


@_READ
def _list(request: ApiRequest) -> Response:
    OrganizationParameters.read(request.query_params)
    found = budget_selectors.budgets(organization=request.organization, reach=_reach(request))
    rows = budget_selectors.rows(
        organization=request.organization,
        found=found,
        as_of=now(),
        zone=selectors.time_zone(organization=request.organization),
    )
    return Response({"results": [document(row) for row in rows], "next": None})


@_READ
def _detail(request: ApiRequest, budget_id: int) -> Response:
    OrganizationParameters.read(request.query_params)
    return Response(_shown(request, _budget(request, _reach(request), budget_id)))


@_MANAGE
def _create(request: ApiRequest) -> Response:
    OrganizationParameters.read(request.query_params)
    given = read(NewBudgetSerializer, request)
    wanted = _wanted(request, _reach(request), given)
    try:
        budget = budget_services.create_budget(
            organization=request.organization, actor=actor_of(request), wanted=wanted, now=now()
        )
    except ServiceError as error:
        raise refusal(error) from error
    return Response(_shown(request, budget), status=201)


@_MANAGE
def _change(request: ApiRequest, budget_id: int) -> Response:
    OrganizationParameters.read(request.query_params)
    budget = _own_budget(request, budget_id)
    wanted = read(BudgetChangeSerializer, request, partial=True)
    active = wanted.pop("active", None)
    who: dict[str, Any] = {"organization": request.organization, "actor": actor_of(request), "now": now()}
    try:
        with transaction.atomic():
            budget_services.change_budget(**who, budget=budget, **wanted)
            if active is not None:
                switch = budget_services.resume_budget if active else budget_services.pause_budget
                switch(**who, budget=budget)
    except ServiceError as error:
        raise refusal(error) from error
    return Response(_shown(request, _budget(request, _reach(request), budget_id)))


@_MANAGE
def _delete(request: ApiRequest, budget_id: int) -> Response:
    OrganizationParameters.read(request.query_params)
    budget = _own_budget(request, budget_id)
    budget_services.delete_budget(organization=request.organization, actor=actor_of(request), budget=budget)
    return Response(status=204)


def _reach(request: ApiRequest) -> Reach:
    """What the key or the person may see and change."""
    key = key_of(request)
    if key is None:
        return Reach.of_person(user=person_of(request), role=str(request.role))
    ids = frozenset(request.projects.values_list("pk", flat=True))
    return Reach.of_key(project_ids=ids, is_of_organization=key.project_id is None)


def _budget(request: ApiRequest, reach: Reach, budget_id: int) -> Budget:
    """:raises Http404: there is none in their reach."""
    found = budget_selectors.budget(organization=request.organization, reach=reach, budget_id=budget_id)
    if found is None:
        raise Http404
    return found


def _own_budget(request: ApiRequest, budget_id: int) -> Budget:
    """:raises PermissionDenied: they may see it and not change it."""
    reach = _reach(request)
    budget = _budget(request, reach, budget_id)
    if not reach.may_change(budget):
        raise PermissionDenied(NO_PERMISSION)
    return budget


def _wanted(request: ApiRequest, reach: Reach, given: dict[str, Any]) -> Wanted:
    """What the body asks for; a key of a project means its own where it names none.

    :raises ValidationError: a project or key that is not there for them.
    :raises PermissionDenied: it would be a budget beyond what they may change.
    """
    project = _project(request, given.pop("project", None), given["scope"])
    api_key = _key(reach, given.pop("api_key", None))
    owner = api_key.project_id if api_key else project.pk if project else None
    if not reach.may_manage(owner):
        raise PermissionDenied(PROJECT_KEY if key_of(request) else NO_PERMISSION)
    return Wanted(**given, project=project, api_key=api_key)


def _project(request: ApiRequest, slug: str | None, scope: str) -> Project | None:
    key = key_of(request)
    if slug is None:
        is_asked = scope in {Budget.Scope.PROJECT, Budget.Scope.FEATURE}
        return Project.objects.get(pk=key.project_id) if is_asked and key and key.project_id else None
    project = request.projects.filter(slug=slug).first()
    if project is None:
        raise refusal(ServiceError({"project": "There is no such project."}))
    return project


def _key(reach: Reach, prefix: str | None) -> ApiKey | None:
    if prefix is None:
        return None
    found = ApiKey.objects.filter(prefix=prefix).select_related("project").first()
    if found is None or not reach.may_manage(found.project_id):
        raise refusal(ServiceError({"api_key": "There is no such key, or it was revoked."}))
    return found


def _shown(request: ApiRequest, budget: Budget) -> dict[str, Any]:
    zone = selectors.time_zone(organization=request.organization)
    return document(budget_selectors.row(budget=budget, as_of=now(), zone=zone))
