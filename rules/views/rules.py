"""Which rules a project wants, and on what they fire."""

import time
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods

from rules import configuration, rule_words
from rules.backtest import DAYS, Backtest, Found, backtest
from rules.engine import wording
from rules.engine.names import Rule
from rules.engine.thresholds import CATALOGUE, OF_BUDGETS, RuleConfig, RuleSpec, config_of
from rules.models import RuleSetting
from rules.rule_forms import RuleForm
from tenants.access import OrgRequest, org_view, the_project
from tenants.forms import status, write_with
from tenants.permissions import Permission, allows

TRY: Final = "try"  # the button that shows what would be found and saves nothing


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule as the list shows it."""

    spec: RuleSpec
    config: RuleConfig
    condition: str
    severity: str
    is_of_budgets: bool
    is_changed: bool


@require_GET
@org_view(Permission.RULES_READ)
def rule_list(request: OrgRequest) -> HttpResponse:
    """The twelve rules with their exact conditions, as they hold in the project."""
    configs = configuration.configs(project=the_project(request))
    lines = [_line(spec, config_of(configs, spec.rule)) for spec in CATALOGUE.values()]
    context = {"lines": lines, "may_change": _may_change(request), "nav_active": "project-rules"}
    return render(request, "rules/rule_list.html", context)


@require_http_methods(["GET", "POST"])
@org_view(Permission.RULES_READ)
def rule_change(request: OrgRequest, rule: str) -> HttpResponse:
    """One rule's settings. "Try" shows what they would have found, "Save" keeps them."""
    spec = _spec(rule)
    if not _may_change(request):
        raise PermissionDenied
    config = config_of(configuration.configs(project=the_project(request)), spec.rule)
    form = RuleForm(request.POST if request.method == "POST" else None, spec=spec, config=config)
    tried = None
    if request.method == "POST" and form.is_valid():
        if TRY in request.POST:
            tried = _try(request, spec.rule, form.config())
        elif write_with(form, lambda _: _save(request, form)):
            return redirect("rules:rule-list", request.organization.slug, the_project(request).slug)
    shown = form.config() if form.is_bound and form.is_valid() else config
    context = {
        "form": form,
        "spec": spec,
        "condition": rule_words.condition(spec.rule, shown),
        "tried": tried,
        "found": [_found_line(one) for one in tried.found] if tried else [],
        "days": DAYS,
        "nav_active": "project-rules",
    }
    template = "rules/rule_change.html#form" if request.htmx else "rules/rule_change.html"
    return render(request, template, context, status=status(form))


def _spec(rule: str) -> RuleSpec:
    """:raises Http404: there is no such rule, or budgets have it."""
    if rule not in set(Rule) or rule in OF_BUDGETS:
        raise Http404
    return CATALOGUE[Rule(rule)]


def _may_change(request: OrgRequest) -> bool:
    return allows(request.role, Permission.RULES_MANAGE)


def _line(spec: RuleSpec, config: RuleConfig) -> RuleLine:
    return RuleLine(
        spec=spec,
        config=config,
        condition=rule_words.condition(spec.rule, config),
        severity=config.severity.value if config.severity else spec.severities or spec.severity.value,
        is_of_budgets=spec.rule in OF_BUDGETS,
        is_changed=bool(config.values or config.severity or config.muted_features),
    )


def _save(request: OrgRequest, form: RuleForm) -> RuleSetting:
    return configuration.configure(
        organization=request.organization, actor=request.user, project=the_project(request), now=now(), **form.wanted()
    )


def _try(request: OrgRequest, rule: Rule, config: RuleConfig) -> Backtest:
    return backtest(
        organization=request.organization,
        project=the_project(request),
        rule=rule,
        config=config,
        now=now(),
        zone=request.time_zone,
        clock=time.monotonic,
    )


def _found_line(found: Found) -> dict[str, Any]:
    decided = next((figure for figure in found.insight.evidence.figures if figure.comparison), None)
    saving = found.insight.saving
    return {
        "found": found,
        "place": wording.place(found.insight) or CATALOGUE[found.insight.rule].title,
        "figure": f"{wording.label(decided)}: {wording.text(decided.value, decided.unit)}" if decided else "",
        "severity": found.insight.severity.value,
        "month_usd": saving.month_usd if saving else None,
    }
