from django.urls import path

from tenants.views import audit, connect, deletion, keys, organizations, project_state, projects, teams

app_name = "tenants"

_ORGANIZATION = "o/<slug:organization_slug>/"
_PROJECT = _ORGANIZATION + "p/<slug:project_slug>/"
_TEAM = _ORGANIZATION + "teams/<slug:team_slug>/"

urlpatterns = [
    path("o/new/", organizations.organization_create, name="organization-create"),
    path(_ORGANIZATION + "settings/", organizations.organization_settings, name="organization-settings"),
    path(_ORGANIZATION + "settings/delete/", deletion.organization_delete, name="organization-delete"),
    path(_ORGANIZATION + "settings/keep/", deletion.organization_keep, name="organization-keep"),
    path(_ORGANIZATION + "audit/", audit.audit_list, name="audit-list"),
    path(_ORGANIZATION + "audit/<int:entry_id>/", audit.audit_entry, name="audit-entry"),
    path(_ORGANIZATION + "audit/audit.csv", audit.audit_export, {"form_of_file": "csv"}, name="audit-csv"),
    path(_ORGANIZATION + "audit/audit.ndjson", audit.audit_export, {"form_of_file": "ndjson"}, name="audit-ndjson"),
    path(_ORGANIZATION + "projects/", projects.project_list, name="project-list"),
    path(_ORGANIZATION + "projects/new/", projects.project_create, name="project-create"),
    path(_ORGANIZATION + "teams/new/", teams.team_create, name="team-create"),
    path(_ORGANIZATION + "teams/adopt/", teams.team_adopt, name="team-adopt"),
    path(_TEAM, teams.team_detail, name="team-detail"),
    path(_TEAM + "name/", teams.team_rename, name="team-rename"),
    path(_TEAM + "aliases/", teams.team_alias_add, name="team-alias-add"),
    path(_TEAM + "aliases/remove/", teams.team_alias_remove, name="team-alias-remove"),
    path(_TEAM + "members/", teams.team_member_add, name="team-member-add"),
    path(_TEAM + "members/<int:membership_id>/remove/", teams.team_member_remove, name="team-member-remove"),
    path(_TEAM + "delete/", teams.team_delete, name="team-delete"),
    path(_PROJECT + "settings/", projects.project_settings, name="project-settings"),
    path(_PROJECT + "settings/team/", project_state.project_team, name="project-team"),
    path(_PROJECT + "settings/archive/", project_state.project_archive, name="project-archive"),
    path(_PROJECT + "settings/restore/", project_state.project_restore, name="project-restore"),
    path(_PROJECT + "settings/delete/", deletion.project_delete, name="project-delete"),
    path(_PROJECT + "settings/keep/", deletion.project_keep, name="project-keep"),
    path(_PROJECT + "connect/", connect.connect, name="connect"),
    path(_PROJECT + "connect/key/", connect.connect_key, name="connect-key"),
    path(_PROJECT + "keys/", keys.key_list, name="key-list"),
    path(_PROJECT + "keys/new/", keys.key_create, name="key-create"),
    path(_PROJECT + "keys/<int:key_id>/revoke/", keys.key_revoke, name="key-revoke"),
]
