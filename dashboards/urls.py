from django.urls import path

from dashboards.views import (
    calls,
    executive,
    explorer,
    insight,
    insights,
    models,
    overview,
    rejected,
    resources,
    saved_views,
    teams,
)

app_name = "dashboards"

_ORGANIZATION = "o/<slug:organization_slug>/"
_PROJECT = _ORGANIZATION + "p/<slug:project_slug>/"

urlpatterns = [
    path(_ORGANIZATION, overview.overview, name="organization-overview"),
    path(_ORGANIZATION + "executive/", executive.executive, name="organization-executive"),
    path(_ORGANIZATION + "calls/", calls.calls, name="organization-calls"),
    path(_ORGANIZATION + "explorer/", explorer.explorer, name="organization-explorer"),
    path(_ORGANIZATION + "rejected/", rejected.rejected, name="organization-rejected"),
    path(_PROJECT, overview.overview, name="project-overview"),
    path(_PROJECT + "calls/", calls.calls, name="project-calls"),
    path(_PROJECT + "explorer/", explorer.explorer, name="project-explorer"),
    path(_PROJECT + "rejected/", rejected.rejected, name="project-rejected"),
    path(_ORGANIZATION + "teams/", teams.team_list, name="team-list"),
    path(_ORGANIZATION + "resources/", resources.resource_list, name="organization-resources"),
    path(_PROJECT, overview.overview, name="project-overview"),
    path(_PROJECT + "calls/", calls.calls, name="project-calls"),
    path(_PROJECT + "resources/", resources.resource_list, name="project-resources"),
    path(_PROJECT + "resources/one/", resources.resource_detail, name="project-resource"),
    *(
        route
        for reach, where in (("organization", _ORGANIZATION), ("project", _PROJECT))
        for route in (
            path(where + "views/", saved_views.view_list, name=f"{reach}-views"),
            path(where + "views/<int:view_id>/", saved_views.view_step, name=f"{reach}-view"),
            path(where + "views/<int:view_id>/delete/", saved_views.view_delete, name=f"{reach}-view-delete"),
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
    # An id is whatever the client sent, slashes included.
    path(_PROJECT + "calls/<path:call_id>/", calls.call, name="project-call"),
]
