from django.urls import path

from dashboards.views import (
    calls,
    executive,
    explorer,
    features,
    insight,
    insights,
    models,
    overview,
    rejected,
    resources,
    saved_views,
    teams,
    traces,
    users,
)

app_name = "dashboards"

_ORGANIZATION = "o/<slug:organization_slug>/"
_PROJECT = _ORGANIZATION + "p/<slug:project_slug>/"

urlpatterns = [
    path(_ORGANIZATION, overview.overview, name="organization-overview"),
    path(_ORGANIZATION + "executive/", executive.executive, name="organization-executive"),
    path(_ORGANIZATION + "features/label/", features.label, name="feature-label"),
    path(_ORGANIZATION + "features/group/", features.group, name="feature-group"),
    path(_ORGANIZATION + "features/ungroup/", features.ungroup, name="feature-ungroup"),
    path(_ORGANIZATION + "features/apart/", features.apart, name="features-apart"),
    path(_ORGANIZATION + "features/suggest-again/", features.suggest_again, name="features-suggest-again"),
    path(_ORGANIZATION + "calls/", calls.calls, name="organization-calls"),
    path(_ORGANIZATION + "explorer/", explorer.explorer, name="organization-explorer"),
    path(_ORGANIZATION + "rejected/", rejected.rejected, name="organization-rejected"),
    path(_PROJECT, overview.overview, name="project-overview"),
    path(_PROJECT + "calls/", calls.calls, name="project-calls"),
    path(_PROJECT + "explorer/", explorer.explorer, name="project-explorer"),
    path(_PROJECT + "rejected/", rejected.rejected, name="project-rejected"),
    path(_ORGANIZATION + "teams/", teams.team_list, name="organization-teams"),
    path(_ORGANIZATION + "teams/<slug:team_slug>/cost/", teams.team_cost, name="team-cost"),
    path(_ORGANIZATION + "resources/", resources.resource_list, name="organization-resources"),
    path(_PROJECT + "resources/", resources.resource_list, name="project-resources"),
    path(_PROJECT + "resources/one/", resources.resource_detail, name="project-resource"),
    *(
        route
        for reach, where in (("organization", _ORGANIZATION), ("project", _PROJECT))
        for route in (
            path(where + "views/", saved_views.view_list, name=f"{reach}-views"),
            path(where + "views/<int:view_id>/", saved_views.view_step, name=f"{reach}-view"),
            path(where + "views/<int:view_id>/delete/", saved_views.view_delete, name=f"{reach}-view-delete"),
            path(where + "features/", features.features, name=f"{reach}-features"),
            path(where + "models/", models.models, name=f"{reach}-models"),
            path(where + "models/one/", models.model, name=f"{reach}-model"),
            path(where + "insights/", insights.insights, name=f"{reach}-insights"),
            path(where + "insights/recommendations/", insights.recommended, name=f"{reach}-recommendations"),
            path(where + "insights/<int:insight_id>/", insight.insight, name=f"{reach}-insight"),
            path(where + "insights/<int:insight_id>/step/", insight.step, name=f"{reach}-insight-step"),
            path(where + "insights/<int:insight_id>/mute/", insight.mute, name=f"{reach}-insight-mute"),
            path(where + "insights/<int:insight_id>/assign/", insight.assign, name=f"{reach}-insight-assign"),
            path(where + "insights/<int:insight_id>/comment/", insight.comment, name=f"{reach}-insight-comment"),
        )
    ),
    *(
        route
        for reach, where in (("organization", _ORGANIZATION), ("project", _PROJECT))
        for route in (
            # An id is whatever the client sent, so it is no part of the path: browsers take ".." out of those.
            path(where + "traces/", traces.trace_list, name=f"{reach}-traces"),
            path(where + "traces/one/", traces.trace_detail, name=f"{reach}-trace"),
            path(where + "sessions/", traces.session_list, name=f"{reach}-sessions"),
            path(where + "sessions/one/", traces.session_detail, name=f"{reach}-session"),
            path(where + "users/", users.user_list, name=f"{reach}-users"),
            path(where + "users/one/", users.user_detail, name=f"{reach}-user"),
        )
    ),
    # An id is whatever the client sent, slashes included.
    path(_PROJECT + "calls/<path:call_id>/", calls.call, name="project-call"),
]
