from django.urls import path

from dashboards.views import calls, overview, rejected, resources, teams

app_name = "dashboards"

_ORGANIZATION = "o/<slug:organization_slug>/"
_PROJECT = _ORGANIZATION + "p/<slug:project_slug>/"

urlpatterns = [
    path(_ORGANIZATION, overview.overview, name="organization-overview"),
    path(_ORGANIZATION + "calls/", calls.calls, name="organization-calls"),
    path(_ORGANIZATION + "rejected/", rejected.rejected, name="organization-rejected"),
    path(_PROJECT, overview.overview, name="project-overview"),
    path(_PROJECT + "calls/", calls.calls, name="project-calls"),
    path(_PROJECT + "rejected/", rejected.rejected, name="project-rejected"),
    path(_ORGANIZATION + "teams/", teams.team_list, name="team-list"),
    path(_ORGANIZATION + "resources/", resources.resource_list, name="organization-resources"),
    path(_PROJECT, overview.overview, name="project-overview"),
    path(_PROJECT + "calls/", calls.calls, name="project-calls"),
    path(_PROJECT + "resources/", resources.resource_list, name="project-resources"),
    path(_PROJECT + "resources/one/", resources.resource_detail, name="project-resource"),
    # An id is whatever the client sent, slashes included.
    path(_PROJECT + "calls/<path:call_id>/", calls.call, name="project-call"),
]
