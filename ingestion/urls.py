from django.urls import path

from ingestion import attribution_views, data_views, end_user_views, environment_views, views

app_name = "ingestion"

_ORGANIZATION = "o/<slug:organization_slug>/"

_PROJECT = _ORGANIZATION + "p/<slug:project_slug>/"

urlpatterns = [
    path(_ORGANIZATION + "settings/end-users/", end_user_views.end_users, name="end-users"),
    path(_ORGANIZATION + "settings/end-users/export/", end_user_views.end_user_export, name="end-user-export"),
    path(_ORGANIZATION + "settings/end-users/erase/", end_user_views.end_user_erase, name="end-user-erase"),
    path(_ORGANIZATION + "teams/<slug:team_slug>/aliases/look/", attribution_views.team_name, name="team-name"),
    path(_PROJECT + "settings/environments/", environment_views.environment_list, name="environment-list"),
    path(
        _PROJECT + "settings/environments/declare/", environment_views.environment_declare, name="environment-declare"
    ),
    path(
        _PROJECT + "settings/environments/remove/", environment_views.environment_withdraw, name="environment-withdraw"
    ),
    path(
        _PROJECT + "settings/environments/default/", environment_views.environment_default, name="environment-default"
    ),
    path(_PROJECT + "settings/data/", data_views.data, name="project-data"),
    path(_PROJECT + "settings/data/retention/", data_views.retention, name="project-retention"),
    path(_PROJECT + "settings/data/personal-ids/", data_views.personal_ids, name="project-personal-ids"),
    path(_ORGANIZATION + "settings/time-zone/", views.time_zone_change, name="time-zone"),
    path(_ORGANIZATION + "settings/usage/", views.usage_overview, name="usage"),
    path(_ORGANIZATION + "p/<slug:project_slug>/connect/first-call/", views.first_call, name="first-call"),
]
