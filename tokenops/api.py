"""Every URL below /api/ that Django answers; the edge's are in tokenops.openapi."""

from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt

from core.problems import problem_response
from dashboards.api import saved_views
from dashboards.api import views as dashboards
from dashboards.boards.api import views as boards
from dashboards.exports import api as exports
from dashboards.reports.api import schedules
from dashboards.reports.api import views as reports
from gateway.api import traffic as gateway_traffic
from gateway.api import views as gateway
from ingestion.api import cloud_metrics, end_users, time_zone
from ingestion.api import views as calls
from ingestion.api.prices import views as prices
from ingestion.reprice import api as reprice
from rules.alerts.api import views as alerts
from rules.api import budgets, insights, recommendations, rules
from tenants.api import audit, invitations, keys, members, projects, teams
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
    path(
        "v1/organizations/<slug:organization_slug>/time-zone",
        time_zone.organization_time_zone,
        name="organization-time-zone",
    ),
    path("v1/projects", tenants.project_list, name="project-list"),
    path("v1/projects/<slug:project_slug>", tenants.project_detail, name="project-detail"),
    path("v1/projects/<slug:project_slug>/keep", projects.project_keep, name="project-keep"),
    path("v1/keys", keys.key_list, name="key-list"),
    path("v1/keys/<int:key_id>", keys.key_detail, name="key-detail"),
    path("v1/keys/<int:key_id>/rotate", keys.key_rotate, name="key-rotate"),
    path("v1/invitations", invitations.invitation_list, name="invitation-list"),
    path("v1/invitations/<int:invitation_id>", invitations.invitation_detail, name="invitation-detail"),
    path("v1/invitations/<int:invitation_id>/resend", invitations.invitation_resend, name="invitation-resend"),
    path("v1/members", members.member_list, name="member-list"),
    path("v1/members/<int:member_id>", members.member_detail, name="member-detail"),
    path("v1/audit", audit.audit_list, name="audit-list"),
    path("v1/audit/<int:entry_id>", audit.audit_detail, name="audit-detail"),
    path("v1/teams", teams.team_list, name="team-list"),
    path("v1/teams/<slug:team_slug>", teams.team_detail, name="team-detail"),
    path("v1/teams/<slug:team_slug>/members", teams.team_member_list, name="team-member-list"),
    path("v1/teams/<slug:team_slug>/members/<int:member_id>", teams.team_member, name="team-member"),
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
    path("v1/channels", alerts.channel_list, name="channel-list"),
    path("v1/channels/<int:channel_id>", alerts.channel_detail, name="channel-detail"),
    path("v1/channels/<int:channel_id>/test", alerts.channel_test, name="channel-test"),
    path("v1/channels/<int:channel_id>/rotate-secret", alerts.channel_secret, name="channel-secret"),
    path("v1/routes", alerts.route_list, name="route-list"),
    path("v1/routes/<int:route_id>", alerts.route_detail, name="route-detail"),
    path("v1/deliveries", alerts.delivery_list, name="delivery-list"),
    path("v1/deliveries/<int:delivery_id>", alerts.delivery_detail, name="delivery-detail"),
    path("v1/deliveries/<int:delivery_id>/acknowledge", alerts.delivery_acknowledge, name="delivery-acknowledge"),
    path("v1/deliveries/<int:delivery_id>/redeliver", alerts.delivery_redeliver, name="delivery-redeliver"),
    path("v1/gateway/traffic", gateway_traffic.traffic, name="gateway-traffic"),
    path("v1/gateway/providers", gateway.provider_list, name="gateway-provider-list"),
    path("v1/gateway/providers/<int:gateway_provider_id>", gateway.provider_detail, name="gateway-provider-detail"),
    path("v1/gateway/credentials", gateway.credential_list, name="gateway-credential-list"),
    path("v1/gateway/credentials/<int:credential_id>", gateway.credential_detail, name="gateway-credential-detail"),
    path(
        "v1/gateway/credentials/<int:credential_id>/replace",
        gateway.credential_replace,
        name="gateway-credential-replace",
    ),
    path(
        "v1/gateway/credentials/<int:credential_id>/default",
        gateway.credential_default,
        name="gateway-credential-default",
    ),
    path("v1/insights", insights.insight_list, name="insight-list"),
    path("v1/insights/<int:insight_id>", insights.insight_detail, name="insight-detail"),
    path("v1/insights/<int:insight_id>/acknowledge", insights.insight_acknowledge, name="insight-acknowledge"),
    path("v1/insights/<int:insight_id>/mute", insights.insight_mute, name="insight-mute"),
    path("v1/insights/<int:insight_id>/unmute", insights.insight_unmute, name="insight-unmute"),
    path("v1/insights/<int:insight_id>/resolve", insights.insight_resolve, name="insight-resolve"),
    path("v1/insights/<int:insight_id>/assign", insights.insight_assign, name="insight-assign"),
    path("v1/insights/<int:insight_id>/comment", insights.insight_comment, name="insight-comment"),
    path("v1/recommendations", recommendations.recommended, name="recommendations"),
    path("v1/saved-views", saved_views.view_list, name="saved-view-list"),
    path("v1/saved-views/<int:view_id>", saved_views.view_detail, name="saved-view-detail"),
    path("v1/reports", reports.report_list, name="report-list"),
    path("v1/reports/terminal", reports.report_terminal, name="report-terminal"),
    path("v1/reports/schedules", schedules.schedule_list, name="report-schedule-list"),
    path("v1/reports/schedules/<int:schedule_id>", schedules.schedule_detail, name="report-schedule-detail"),
    path("v1/reports/schedules/<int:schedule_id>/send", schedules.schedule_send, name="report-schedule-send"),
    path("v1/reports/<int:report_id>", reports.report_detail, name="report-detail"),
    path("v1/reports/<int:report_id>/file", reports.report_file, name="report-file"),
    path("v1/reports/<int:report_id>/retry", reports.report_retry, name="report-retry"),
    path("v1/usage", dashboards.usage, name="usage"),
    path("v1/exports", exports.export_list, name="export-list"),
    path("v1/exports/<int:export_id>", exports.export_detail, name="export-detail"),
    path("v1/exports/<int:export_id>/cancel", exports.export_cancel, name="export-cancel"),
    path("v1/exports/<int:export_id>/file", exports.export_file, name="export-file"),
    path("v1/dashboards", boards.board_list, name="dashboard-list"),
    path("v1/dashboards/<int:board_id>", boards.board_detail, name="dashboard-detail"),
    path("v1/cloud-metrics", cloud_metrics.cloud_metrics, name="cloud-metrics"),
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(), name="docs"),
    re_path(r"^v1(?:/|$)", nothing_here, name="nothing-here"),
]
