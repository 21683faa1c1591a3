"""Every URL below /api/ that Django answers; the edge's are in tokenops.openapi."""

from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt

from core.problems import problem_response
from dashboards.api import views as dashboards
from ingestion.api import cloud_metrics, end_users
from ingestion.api import views as calls
from ingestion.api.prices import views as prices
from ingestion.reprice import api as reprice
from rules.api import budgets, rules
from tenants.api import teams
from tenants.api import views as tenants
from tokenops.openapi import DocsView, SchemaView

app_name = "api"


@csrf_exempt  # there is nothing to protect, and the answer must not depend on a cookie
def nothing_here(request: HttpRequest) -> HttpResponse:
    """Paths of the API that match nothing, answered alike in development, where Django would show its own page."""
    return problem_response(404, "not-found", "There is nothing here.")


urlpatterns = [
    path("v1/me", tenants.me, name="me"),
    path("v1/organizations", tenants.organization_list, name="organization-list"),
    path("v1/organizations/<slug:organization_slug>", tenants.organization_detail, name="organization-detail"),
    path("v1/projects", tenants.project_list, name="project-list"),
    path("v1/projects/<slug:project_slug>", tenants.project_detail, name="project-detail"),
    path("v1/teams", teams.team_list, name="team-list"),
    path("v1/teams/<slug:team_slug>", teams.team_detail, name="team-detail"),
    path("v1/budgets", budgets.budget_list, name="budget-list"),
    path("v1/budgets/<int:budget_id>", budgets.budget_detail, name="budget-detail"),
    path("v1/rules", rules.rule_list, name="rule-list"),
    path("v1/rules/<slug:rule>", rules.rule_change, name="rule-change"),
    path("v1/rules/<slug:rule>/backtest", rules.rule_backtest, name="rule-backtest"),
    path("v1/calls", calls.call_list, name="call-list"),
    path("v1/rejected-events", calls.rejected_event_list, name="rejected-event-list"),
    path("v1/calls/<path:call_id>", calls.call_detail, name="call-detail"),
    path("v1/rate-cards", prices.rate_cards, name="rate-card-list"),
    path("v1/rate-cards/<int:card_id>", prices.rate_card, name="rate-card-detail"),
    path("v1/rate-cards/<int:card_id>/end", prices.rate_card_end, name="rate-card-end"),
    path("v1/unpriced-models", prices.unpriced_models, name="unpriced-model-list"),
    path("v1/end-users/<path:user_id>", end_users.end_user, name="end-user"),
    path("v1/reprice-runs", reprice.run_list, name="reprice-run-list"),
    path("v1/reprice-runs/<int:run_id>", reprice.run_detail, name="reprice-run-detail"),
    path("v1/reprice-runs/<int:run_id>/apply", reprice.run_apply, name="reprice-run-apply"),
    path("v1/reprice-runs/<int:run_id>/cancel", reprice.run_cancel, name="reprice-run-cancel"),
    path("v1/usage", dashboards.usage, name="usage"),
    path("v1/cloud-metrics", cloud_metrics.cloud_metrics, name="cloud-metrics"),
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(), name="docs"),
    re_path(r"^v1(?:/|$)", nothing_here, name="nothing-here"),
]
