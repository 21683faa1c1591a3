from django.urls import path

from tenants.views import (
    account,
    audit,
    connect,
    currency,
    deletion,
    identity,
    keys,
    members,
    mfa_policy,
    organizations,
    project_state,
    projects,
    sessions,
    teams,
)

app_name = "tenants"

_ORGANIZATION = "o/<slug:organization_slug>/"
_PROJECT = _ORGANIZATION + "p/<slug:project_slug>/"
_INVITATION = _ORGANIZATION + "invitations/<int:invitation_id>/"
_TEAM = _ORGANIZATION + "teams/<slug:team_slug>/"

urlpatterns = [
    path("accounts/sessions/<int:session_id>/end/", sessions.session_end, name="session-end"),
    path("accounts/sign-in/<slug:provider_id>/", identity.identity_login, name="identity-login"),
    path("accounts/sign-in/<slug:provider_id>/callback/", identity.identity_callback, name="identity-callback"),
    path("o/new/", organizations.organization_create, name="organization-create"),
    path(_ORGANIZATION + "settings/", organizations.organization_settings, name="organization-settings"),
    path(_ORGANIZATION + "settings/two-step/", mfa_policy.mfa_requirement, name="mfa-requirement"),
    path(_ORGANIZATION + "settings/currency/", currency.currency_settings, name="currency-settings"),
    path(_ORGANIZATION + "settings/currency/rates/", currency.currency_rate_add, name="currency-rate-add"),
    path(
        _ORGANIZATION + "settings/currency/rates/<int:rate_id>/remove/",
        currency.currency_rate_remove,
        name="currency-rate-remove",
    ),
    path(_ORGANIZATION + "settings/delete/", deletion.organization_delete, name="organization-delete"),
    path(_ORGANIZATION + "settings/keep/", deletion.organization_keep, name="organization-keep"),
    path(_ORGANIZATION + "audit/", audit.audit_list, name="audit-list"),
    path(_ORGANIZATION + "audit/<int:entry_id>/", audit.audit_entry, name="audit-entry"),
    path(_ORGANIZATION + "audit/audit.csv", audit.audit_export, {"form_of_file": "csv"}, name="audit-csv"),
    path(_ORGANIZATION + "audit/audit.ndjson", audit.audit_export, {"form_of_file": "ndjson"}, name="audit-ndjson"),
    path(_ORGANIZATION + "members/", members.member_list, name="member-list"),
    path(_ORGANIZATION + "members/invite/", members.member_invite, name="member-invite"),
    path(_ORGANIZATION + "members/<int:member_id>/", members.member_detail, name="member-detail"),
    path(_ORGANIZATION + "members/<int:member_id>/role/", members.member_role, name="member-role"),
    path(_ORGANIZATION + "members/<int:member_id>/projects/", members.member_projects, name="member-projects"),
    path(_ORGANIZATION + "members/<int:member_id>/remove/", members.member_remove, name="member-remove"),
    path(_ORGANIZATION + "members/<int:member_id>/transfer/", members.member_transfer, name="member-transfer"),
    path(_INVITATION + "resend/", members.invitation_resend, name="invitation-resend"),
    path(_INVITATION + "revoke/", members.invitation_revoke, name="invitation-revoke"),
    path("invitations/<str:token>/", account.invitation, name="invitation"),
    path("account/organizations/", account.organization_list, name="account-organizations"),
    path(
        "account/organizations/<slug:organization_slug>/leave/", account.organization_leave, name="organization-leave"
    ),
    path("account/delete/", account.account_delete, name="account-delete"),
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
    path(_PROJECT + "keys/<int:key_id>/rotate/", keys.key_rotate, name="key-rotate"),
    path(_PROJECT + "keys/<int:key_id>/revoke/", keys.key_revoke, name="key-revoke"),
    path(_ORGANIZATION + "keys/", keys.organization_key_list, name="organization-key-list"),
    path(_ORGANIZATION + "keys/new/", keys.organization_key_create, name="organization-key-create"),
    path(_ORGANIZATION + "keys/<int:key_id>/rotate/", keys.organization_key_rotate, name="organization-key-rotate"),
    path(_ORGANIZATION + "keys/<int:key_id>/revoke/", keys.organization_key_revoke, name="organization-key-revoke"),
]
