"""A project's rules over HTTP: how they are, how they shall be, and what that would have found."""

import time
from dataclasses import replace
from decimal import Decimal
from typing import Final

from django.core.exceptions import ValidationError as ServiceError
from django.http import Http404
from django.utils.timezone import now
from rest_framework.decorators import api_view
from rest_framework.response import Response

from rules import configuration
from rules.api import rule_schema as schema
from rules.api.bodies import read, refusal
from rules.api.rule_serializers import (
    RuleChangeSerializer,
    RuleParameters,
    backtest_document,
    rule_document,
)
from rules.backtest import backtest
from rules.engine.names import Rule, Severity
from rules.engine.thresholds import CATALOGUE, OF_BUDGETS, RuleConfig, ThresholdError, checked, config_of
from tenants import selectors
from tenants.api_access import ApiRequest, actor_of, key_of, project_api
from tenants.models import Project
from tenants.permissions import Permission, Scope

_READ: Final = project_api(Permission.RULES_READ, Scope.READ)
_MANAGE: Final = project_api(Permission.RULES_MANAGE, Scope.MANAGE)


@schema.rule_list
@api_view(["GET", "HEAD"])
@_READ
def rule_list(request: ApiRequest) -> Response:
    """Every rule as it holds in the project."""
    configs = configuration.configs(project=_project(request))
    found = [rule_document(spec, config_of(configs, spec.rule)) for spec in CATALOGUE.values()]
    return Response({"results": found, "next": None})


@schema.rule_change
@api_view(["PATCH"])
@_MANAGE
def rule_change(request: ApiRequest, rule: str) -> Response:
    """Change what the body names."""
    project, known = _project(request), _rule(rule)
    wanted = _wanted(request, project, known)
    try:
        configuration.configure(
            organization=request.organization,
            actor=actor_of(request),
            project=project,
            rule=known.value,
            enabled=wanted.enabled,
            thresholds=wanted.values,
            severity=wanted.severity or "",
            muted_features=wanted.muted_features,
            now=now(),
        )
    except ServiceError as error:
        raise refusal(error) from error
    return Response(rule_document(CATALOGUE[known], config_of(configuration.configs(project=project), known)))


@schema.rule_backtest
@api_view(["POST"])
@_READ
def rule_backtest(request: ApiRequest, rule: str) -> Response:
    """What the rule would have found with the body's settings; nothing is saved."""
    project, known = _project(request), _rule(rule)
    tried = backtest(
        organization=request.organization,
        project=project,
        rule=known,
        config=_wanted(request, project, known),
        now=now(),
        zone=selectors.time_zone(organization=request.organization),
        clock=time.monotonic,
    )
    return Response(backtest_document(tried))


def _project(request: ApiRequest) -> Project:
    """The project the request names, or the one a project's key belongs to.

    :raises Http404: it is not there for them.
    :raises ValidationError: none is named and there is no telling which.
    """
    slug = RuleParameters.read(request.query_params).get("project")
    key = key_of(request)
    if slug is None and key is not None and key.project_id is not None:
        return request.projects.get(pk=key.project_id)
    if slug is None:
        raise refusal(ServiceError({"project": "Name a project by its slug."}))
    project = request.projects.filter(slug=slug).first()
    if project is None:
        raise Http404
    return project


def _rule(name: str) -> Rule:
    """:raises Http404: there is no such rule, or it has no settings because each budget has its own."""
    if name not in set(Rule) or name in OF_BUDGETS:
        raise Http404
    return Rule(name)


def _wanted(request: ApiRequest, project: Project, rule: Rule) -> RuleConfig:
    """The rule as it is, with what the body changes.

    :raises ValidationError: a threshold is unknown or out of its bounds; said of ``thresholds.<name>``.
    """
    config = config_of(configuration.configs(project=project), rule)
    given = read(RuleChangeSerializer, request, partial=True)
    values = dict(config.values)
    for name, value in given.pop("thresholds", {}).items():
        values[name] = _threshold(rule, name, value)
    if "severity" in given:
        given["severity"] = Severity(given["severity"]) if given["severity"] else None
    if "muted_features" in given:
        given["muted_features"] = frozenset(given["muted_features"])
    return replace(config, values=values, **given)


def _threshold(rule: Rule, name: str, value: object) -> Decimal:
    """A number of the body, or with null the rule's own."""
    try:
        if value is None:
            return CATALOGUE[rule].defaults()[name]
        return checked(rule, {name: value})[name]
    except ThresholdError as error:
        raise refusal(ServiceError({f"thresholds.{name[:40]}": str(error)})) from error
    except KeyError as error:
        raise refusal(ServiceError({"thresholds": "The rule has no such threshold."})) from error
