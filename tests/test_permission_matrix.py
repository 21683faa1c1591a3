"""Every URL of the web process asked by everybody: whoever adds one says here who may come in.

The URLs are read from the configuration, so a new one fails this test until its row is written. What keys may do, and
every method of the API, is in tests/test_permission_matrix_api.py; the edge's own endpoints are in
ingestion/tests/edge/test_permission_matrix.py.
"""

import shutil
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from conftest import make_organization, make_user
from core import queue
from core.scope import org_scope
from dashboards import saved_views
from dashboards.boards.tests.factories import make_board, widgets_of
from dashboards.cursors import encode_moment
from dashboards.exports import files
from dashboards.exports import services as export_services
from dashboards.exports.destinations.tests.factories import make_destination
from dashboards.exports.models import Export
from dashboards.models import SavedView
from dashboards.reports.models import Report
from dashboards.reports.tests import factories as reports
from gateway.tests.provider_factories import make_credential, make_provider
from ingestion.models import RepriceRun
from ingestion.pricing import overrides
from ingestion.pricing.overrides import Wanted
from ingestion.tests.factories import make_call, make_sample
from rules.alerts import channel_services, route_services, routing
from rules.alerts.channel_terms import Given
from rules.alerts.models import Delivery
from rules.alerts.route_services import Wanted as WantedRoute
from rules.tests.budgets import make_budget
from rules.tests.factories import make_insight
from tenants import currency, events, invitations, key_services, teams
from tenants.audit import KeyActor
from tenants.models import ApiKey, AuditEntry, CurrencyRate, Event, Membership, Organization, Project, User
from tenants.permissions import Role, Scope
from tests.matrix import BY_ROLE, OVERRIDDEN, URLS, Url, asked_by, everybody, owner_of

#                      anon out none view memb admi own staff
ALL_OK: Final = "       200 200  200  200  200  200 200  200"
NOT_ALLOWED: Final = "  405 405  405  405  405  405 405  405"
NOT_FOUND: Final = "    404 404  404  404  404  404 404  404"
MOVED: Final = "        302 302  302  302  302  302 302  302"
SIGNED_IN: Final = "    302 200  200  200  200  200 200  200"
SIGNED_OUT: Final = "   200 302  302  302  302  302 302  302"
NOT_ALLOWED_SIGNED_IN: Final = "302 405 405 405 405 405 405 405"
NO_FACTOR: Final = "    302 404  404  404  404  404 404  404"
ORG_READ: Final = "     302 404  403  200  200  200 200  404"
ORG_ADMIN: Final = "    302 404  403  403  403  200 200  404"
ORG_MEMBER: Final = "   302 404  403  403  200  200 200  404"
ORG_MEMBER_MOVED: Final = "302 404 403 403 302 302 302 404"
ORG_ADMIN_422: Final = "302 404  403  403  403  422 422  404"
ORG_ADMIN_MOVED: Final = "302 404 403 403 403 302 302 404"
ORG_READ_422: Final = " 302 404  403  422  422  422 422  404"
READ_422: Final = "     302 404  404  422  422  422 422  404"
READ: Final = "         302 404  404  200  200  200 200  404"
KEYS: Final = "         302 404  404  403  200  200 200  404"
KEYS_422: Final = "     302 404  404  403  422  422 422  404"
KEYS_MOVED: Final = "   302 404  404  403  302  302 302  404"
MEMBER_422: Final = "   302 404  404  403  422  422 422  404"
ORG_MEMBER_422: Final = "302 404 403  403  422  422 422  404"
ADMIN: Final = "        302 404  404  403  403  200 200  404"
ADMIN_422: Final = "    302 404  404  403  403  422 422  404"
ADMIN_MOVED: Final = "  302 404  404  403  403  302 302  404"
# An export is its maker's and the managers': this one was made by nobody who is asked.
EXPORT_OF_OTHERS: Final = "302 404 403 403 404 200 200 404"
EXPORT_OF_OTHERS_MOVED: Final = "302 404 403 403 404 302 302 404"
OWNER_ONLY: Final = "   302 404  403  403  403  403 200  404"
OWNER_422: Final = "    302 404  403  403  403  403 422  404"
OWNER_MOVED: Final = "  302 404  403  403  403  403 302  404"
API_ME: Final = "       401 200  200  200  200  200 200  200"
API_DENIED: Final = "   401 405  405  405  405  405 405  405"
API_READ: Final = "     401 404  403  200  200  200 200  404"
API_MEMBER: Final = "   401 404  403  403  200  200 200  404"
API_ADMIN: Final = "    401 404  403  403  403  200 200  404"
API_MEMBER_400: Final = "401 404 403  403  400  400 400  404"
API_ADMIN_400: Final = "401 404  403  403  403  400 400  404"

BY_ID: Final = ("trace", "session", "user")  # pages of dashboards that are asked for an id in the query

# URL → what GET and POST (with an empty body) answer to each of BY_ROLE.
TABLE: Final[dict[str, tuple[str, str]]] = {
    "home": (MOVED, NOT_ALLOWED),
    "healthz": (ALL_OK, NOT_ALLOWED),
    "gallery": (NOT_FOUND, NOT_ALLOWED),  # without DEBUG
    "readyz": (ALL_OK, NOT_ALLOWED),
    # Accounts (allauth)
    "account_login": (SIGNED_OUT, SIGNED_OUT),
    "account_logout": (SIGNED_IN, MOVED),
    "account_inactive": (ALL_OK, NOT_ALLOWED),
    "account_signup": (SIGNED_OUT, SIGNED_OUT),
    "account_reauthenticate": (SIGNED_IN, SIGNED_IN),
    "account_email": (SIGNED_IN, MOVED),
    "account_email_verification_sent": (ALL_OK, NOT_ALLOWED),
    "account_confirm_email": (ALL_OK, NOT_FOUND),
    "account_change_password": (SIGNED_IN, SIGNED_IN),
    "account_set_password": (MOVED, MOVED),
    "account_reset_password": (ALL_OK, ALL_OK),
    "account_reset_password_done": (ALL_OK, NOT_ALLOWED),
    "account_reset_password_from_key": (ALL_OK, ALL_OK),
    "account_reset_password_from_key_done": (ALL_OK, NOT_ALLOWED),
    "account_confirm_login_code": (MOVED, MOVED),
    "mfa_index": (SIGNED_IN, NOT_ALLOWED_SIGNED_IN),
    "mfa_authenticate": (MOVED, MOVED),  # only half-way through a sign-in
    "mfa_reauthenticate": (MOVED, MOVED),  # who has no factor confirms with the password
    "mfa_activate_totp": (MOVED, MOVED),  # to confirm that it is you
    "mfa_deactivate_totp": (NO_FACTOR, NO_FACTOR),
    "mfa_view_recovery_codes": (NO_FACTOR, NOT_ALLOWED_SIGNED_IN),
    "mfa_generate_recovery_codes": (MOVED, MOVED),
    "mfa_download_recovery_codes": (NO_FACTOR, NO_FACTOR),
    "mfa_list_webauthn": (SIGNED_IN, NOT_ALLOWED_SIGNED_IN),
    "mfa_add_webauthn": (MOVED, MOVED),
    "mfa_reauthenticate_webauthn": (MOVED, MOVED),
    "mfa_remove_webauthn": (MOVED, MOVED),
    "mfa_edit_webauthn": (MOVED, MOVED),
    "mfa_login_webauthn": (MOVED, MOVED),  # the page asks for it as data
    "usersessions_list": (SIGNED_IN, MOVED),
    "tenants:session-end": (NOT_ALLOWED, NO_FACTOR),
    # Identity providers: none is configured, so there are no such pages (tenants/tests/test_identity_pages.py)
    "socialaccount_signup": (NOT_FOUND, NOT_FOUND),
    "socialaccount_connections": (NOT_FOUND, NOT_FOUND),
    "tenants:identity-login": (NOT_ALLOWED, NOT_FOUND),
    "tenants:identity-callback": (NOT_FOUND, NOT_ALLOWED),
    # Organizations, projects, keys
    "tenants:organization-create": (SIGNED_IN, "302 422 422 422 422 422 422 422"),
    "tenants:organization-settings": (ORG_ADMIN, ORG_ADMIN_422),
    "tenants:currency-settings": (ORG_ADMIN, ORG_ADMIN_422),
    "tenants:currency-rate-add": (NOT_ALLOWED, ORG_ADMIN_422),
    "tenants:currency-rate-remove": (NOT_ALLOWED, ORG_ADMIN_MOVED),
    "tenants:mfa-requirement": (ORG_ADMIN, ORG_ADMIN_MOVED),
    "tenants:organization-delete": (OWNER_ONLY, OWNER_422),
    "tenants:organization-keep": (NOT_ALLOWED, OWNER_MOVED),
    "tenants:audit-list": (ORG_ADMIN, NOT_ALLOWED),
    "tenants:audit-entry": (ORG_ADMIN, NOT_ALLOWED),
    "tenants:audit-csv": (ORG_ADMIN, NOT_ALLOWED),
    "tenants:audit-ndjson": (ORG_ADMIN, NOT_ALLOWED),
    # Members: "invitation" is for an address of nobody here, "remove" takes the one member there is besides everybody
    "tenants:member-list": (ORG_READ, NOT_ALLOWED),
    "tenants:member-detail": (ORG_READ, NOT_ALLOWED),
    "tenants:member-invite": (ORG_ADMIN, ORG_ADMIN_422),
    "tenants:member-role": (NOT_ALLOWED, ORG_ADMIN_422),
    "tenants:member-projects": (NOT_ALLOWED, ORG_ADMIN_MOVED),
    "tenants:member-remove": (ORG_ADMIN, ORG_ADMIN_MOVED),
    "tenants:member-transfer": (OWNER_ONLY, OWNER_MOVED),
    "tenants:invitation-resend": (NOT_ALLOWED, ORG_ADMIN_MOVED),
    "tenants:invitation-revoke": (NOT_ALLOWED, ORG_ADMIN_MOVED),
    "tenants:invitation": ("200 403 403 403 403 403 403 403", "302 403 403 403 403 403 403 403"),
    "tenants:account-organizations": (SIGNED_IN, NOT_ALLOWED),
    "tenants:organization-leave": ("302 404 200 200 200 200 200 404", "302 404 302 302 302 302 422 404"),
    "tenants:account-delete": (MOVED, MOVED),  # first show that it is you
    "tenants:team-create": (ORG_ADMIN, ORG_ADMIN_422),
    "tenants:team-adopt": (NOT_ALLOWED, ORG_ADMIN_MOVED),
    "tenants:team-detail": (ORG_READ, NOT_ALLOWED),
    "tenants:team-rename": (NOT_ALLOWED, ORG_ADMIN_422),
    "tenants:team-alias-add": (NOT_ALLOWED, ORG_ADMIN_422),
    "tenants:team-alias-remove": (NOT_ALLOWED, ORG_ADMIN_MOVED),
    "tenants:team-member-add": (NOT_ALLOWED, ORG_ADMIN_422),
    "tenants:team-member-remove": (NOT_ALLOWED, ORG_ADMIN_MOVED),
    "tenants:team-delete": (ORG_ADMIN, ORG_ADMIN_MOVED),
    "ingestion:team-name": (ORG_ADMIN_422, NOT_ALLOWED),  # asked about no name
    "dashboards:organization-teams": (ORG_READ, NOT_ALLOWED),
    "dashboards:team-cost": (ORG_READ, NOT_ALLOWED),
    "tenants:project-list": (ORG_READ, NOT_ALLOWED),
    "tenants:project-create": (ORG_ADMIN, ORG_ADMIN_422),
    "tenants:project-settings": (ADMIN, ADMIN_422),
    "tenants:project-team": (NOT_ALLOWED, ADMIN_MOVED),
    "tenants:project-archive": (NOT_ALLOWED, ADMIN_MOVED),
    "tenants:project-restore": (NOT_ALLOWED, ADMIN_MOVED),
    "tenants:project-delete": (ADMIN, ADMIN_422),
    "tenants:project-keep": (NOT_ALLOWED, ADMIN_MOVED),
    "tenants:connect": (READ, NOT_ALLOWED),
    "tenants:connect-key": (NOT_ALLOWED, KEYS),
    "tenants:key-list": (KEYS, NOT_ALLOWED),
    "tenants:key-create": (KEYS, KEYS_422),
    "tenants:key-rotate": (KEYS, KEYS_422),
    "tenants:key-revoke": (KEYS, KEYS_MOVED),
    "tenants:organization-key-list": (ORG_ADMIN, NOT_ALLOWED),
    "tenants:organization-key-create": (ORG_ADMIN, ORG_ADMIN_422),
    "tenants:organization-key-rotate": (ORG_ADMIN, ORG_ADMIN_422),
    "tenants:organization-key-revoke": (ORG_ADMIN, ORG_ADMIN_MOVED),
    "ingestion:first-call": (READ, NOT_ALLOWED),
    "ingestion:time-zone": (ORG_ADMIN, ORG_ADMIN_422),
    # Prices
    "pricing:price-list": (ORG_READ, NOT_ALLOWED),
    "pricing:model": (ORG_READ, NOT_ALLOWED),
    "pricing:price-create": (ORG_ADMIN, ORG_ADMIN_422),
    "pricing:alias-create": (ORG_ADMIN, ORG_ADMIN_422),
    "pricing:bulk-create": (ORG_ADMIN, ORG_ADMIN_422),
    "pricing:card-end": (ORG_ADMIN, ORG_ADMIN_MOVED),
    "pricing:card-delete": (ORG_ADMIN, ORG_ADMIN_MOVED),
    "pricing:unpriced": (ORG_READ, NOT_ALLOWED),
    "pricing:change-list": (ORG_READ, NOT_ALLOWED),
    "pricing:difference-list": (ORG_READ, NOT_ALLOWED),
    "ingestion:usage": (ORG_ADMIN, NOT_ALLOWED),
    "ingestion:project-data": (ADMIN, NOT_ALLOWED),
    "ingestion:environment-list": (ADMIN, NOT_ALLOWED),
    "ingestion:environment-declare": (NOT_ALLOWED, ADMIN_422),
    "ingestion:environment-withdraw": (NOT_ALLOWED, ADMIN_MOVED),
    "ingestion:environment-default": (NOT_ALLOWED, ADMIN_422),
    "ingestion:project-retention": (NOT_ALLOWED, ADMIN_422),
    "ingestion:project-personal-ids": (NOT_ALLOWED, ADMIN_MOVED),
    "ingestion:end-users": (ORG_ADMIN, ORG_ADMIN_422),
    "ingestion:end-user-export": (NOT_ALLOWED, ORG_ADMIN_422),
    "ingestion:end-user-erase": (NOT_ALLOWED, ORG_ADMIN_422),
    "exports:destination-list": (ORG_ADMIN, NOT_ALLOWED),
    "exports:destination-create": (ORG_ADMIN, ORG_ADMIN_422),
    "exports:destination-detail": (ORG_ADMIN, NOT_ALLOWED),
    "exports:destination-edit": (ORG_ADMIN, ORG_ADMIN_422),
    "exports:destination-test": (NOT_ALLOWED, ORG_ADMIN_MOVED),
    "exports:destination-pause": (NOT_ALLOWED, ORG_ADMIN_MOVED),
    "exports:destination-resume": (NOT_ALLOWED, ORG_ADMIN_MOVED),
    "exports:destination-retry": (NOT_ALLOWED, ORG_ADMIN_MOVED),
    "exports:destination-delete": (ORG_ADMIN, ORG_ADMIN_MOVED),
    "exports:export-list": (ORG_MEMBER, NOT_ALLOWED),
    "exports:export-create": (ORG_READ, "302 404 403 422 422 422 422 404"),
    "exports:export-file": (EXPORT_OF_OTHERS, NOT_ALLOWED),
    "exports:export-cancel": (EXPORT_OF_OTHERS, EXPORT_OF_OTHERS_MOVED),
    "exports:export-delete": (EXPORT_OF_OTHERS, EXPORT_OF_OTHERS_MOVED),
    # The gateway
    "gateway:organization-overview": (ORG_READ, NOT_ALLOWED),
    "gateway:project-overview": (READ, NOT_ALLOWED),
    "gateway:connect": (ORG_READ, NOT_ALLOWED),
    "gateway:first-call": (ORG_READ, NOT_ALLOWED),
    "gateway:provider-list": (ORG_ADMIN, NOT_ALLOWED),
    "gateway:settings-change": (NOT_ALLOWED, ORG_ADMIN_422),
    "gateway:provider-create": (ORG_ADMIN, ORG_ADMIN_422),
    "gateway:provider-edit": (ORG_ADMIN, ORG_ADMIN_422),
    "gateway:provider-delete": (ORG_ADMIN, ORG_ADMIN_MOVED),
    "gateway:credential-create": (ORG_ADMIN, ORG_ADMIN_422),
    "gateway:credential-test": (NOT_ALLOWED, ORG_ADMIN_MOVED),
    "gateway:credential-default": (NOT_ALLOWED, ORG_ADMIN_MOVED),
    "gateway:credential-replace": (ORG_ADMIN, ORG_ADMIN_422),
    "gateway:credential-delete": (ORG_ADMIN, ORG_ADMIN_MOVED),
    "pricing:reprice-list": (ORG_ADMIN, NOT_ALLOWED),
    "pricing:reprice-create": (ORG_ADMIN, ORG_ADMIN_422),
    "pricing:reprice-run": (ORG_ADMIN, NOT_ALLOWED),
    "pricing:reprice-apply": (ORG_ADMIN, ORG_ADMIN_MOVED),
    "pricing:reprice-cancel": (ORG_ADMIN, ORG_ADMIN_MOVED),
    # Alerts
    "alerts:delivery-list": (ORG_MEMBER, NOT_ALLOWED),
    "alerts:delivery-detail": (ORG_MEMBER, NOT_ALLOWED),
    "alerts:delivery-again": (NOT_ALLOWED, ORG_ADMIN_MOVED),
    "alerts:event-acknowledge": (NOT_ALLOWED, ORG_MEMBER_MOVED),
    "alerts:channel-list": (ORG_MEMBER, NOT_ALLOWED),
    "alerts:channel-create": (ORG_ADMIN, ORG_ADMIN_422),
    "alerts:channel-detail": (ORG_MEMBER, NOT_ALLOWED),
    "alerts:channel-edit": (ORG_ADMIN, ORG_ADMIN_422),
    "alerts:channel-test": (NOT_ALLOWED, ORG_ADMIN_MOVED),
    "alerts:channel-on": (NOT_ALLOWED, ORG_ADMIN_MOVED),
    "alerts:channel-off": (NOT_ALLOWED, ORG_ADMIN_MOVED),
    "alerts:channel-secret": (ORG_ADMIN, ORG_ADMIN),
    "alerts:channel-delete": (ORG_ADMIN, ORG_ADMIN_MOVED),
    "alerts:route-list": (ORG_MEMBER, NOT_ALLOWED),
    "alerts:route-create": (ORG_ADMIN, ORG_ADMIN_422),
    "alerts:route-edit": (ORG_ADMIN, ORG_ADMIN_422),
    "alerts:route-delete": (ORG_ADMIN, ORG_ADMIN_MOVED),
    # Budgets
    "rules:budget-list": (ORG_READ, NOT_ALLOWED),
    "rules:budget-create": (ORG_ADMIN, ORG_ADMIN_422),
    "rules:budget-detail": (ORG_READ, NOT_ALLOWED),
    "rules:budget-edit": (ORG_ADMIN, ORG_ADMIN_422),
    "rules:budget-pause": (NOT_ALLOWED, ORG_ADMIN_MOVED),
    "rules:budget-resume": (NOT_ALLOWED, ORG_ADMIN_MOVED),
    "rules:budget-delete": (ORG_ADMIN, ORG_ADMIN_MOVED),
    # Rules
    "rules:rule-list": (READ, NOT_ALLOWED),
    "rules:rule-change": (ADMIN, ADMIN_422),
    # Dashboards
    "dashboards:organization-overview": (ORG_READ, NOT_ALLOWED),
    "dashboards:organization-calls": (ORG_READ, NOT_ALLOWED),
    "dashboards:organization-explorer": (ORG_READ, NOT_ALLOWED),
    "dashboards:project-explorer": (READ, NOT_ALLOWED),
    "dashboards:organization-rejected": (ORG_READ, NOT_ALLOWED),
    "dashboards:project-rejected": (READ, NOT_ALLOWED),
    "dashboards:project-overview": (READ, NOT_ALLOWED),
    "dashboards:project-calls": (READ, NOT_ALLOWED),
    # Saved views: what is asked of them is read first, then whose they are
    "dashboards:organization-views": (ORG_READ, ORG_READ_422),
    "dashboards:organization-view": (NOT_ALLOWED, ORG_READ_422),
    "dashboards:organization-view-delete": (ORG_ADMIN, ORG_ADMIN_MOVED),
    "dashboards:project-views": (READ, READ_422),
    "dashboards:project-view": (NOT_ALLOWED, READ_422),
    "dashboards:project-view-delete": (ADMIN, ADMIN_MOVED),
    # Insights: the organization's own is a budget's; what lies in a project is asked for below it
    "dashboards:organization-insights": (ORG_READ, NOT_ALLOWED),
    "dashboards:organization-recommendations": (ORG_READ, NOT_ALLOWED),
    "dashboards:organization-insight": (ORG_READ, NOT_ALLOWED),
    "dashboards:organization-insight-step": (NOT_ALLOWED, ORG_MEMBER_422),
    "dashboards:organization-insight-mute": (NOT_ALLOWED, ORG_MEMBER_422),
    "dashboards:organization-insight-assign": (NOT_ALLOWED, "302 404 403 403 302 302 302 404"),
    "dashboards:organization-insight-comment": (NOT_ALLOWED, ORG_MEMBER_422),
    "dashboards:project-insights": (READ, NOT_ALLOWED),
    "dashboards:project-recommendations": (READ, NOT_ALLOWED),
    "dashboards:project-insight": (READ, NOT_ALLOWED),
    "dashboards:project-insight-step": (NOT_ALLOWED, MEMBER_422),
    "dashboards:project-insight-mute": (NOT_ALLOWED, MEMBER_422),
    "dashboards:project-insight-assign": (NOT_ALLOWED, KEYS_MOVED),
    "dashboards:project-insight-comment": (NOT_ALLOWED, MEMBER_422),
    "dashboards:organization-executive": (ORG_READ, NOT_ALLOWED),
    "dashboards:organization-features": (ORG_READ, NOT_ALLOWED),
    "dashboards:project-features": (READ, NOT_ALLOWED),
    "dashboards:feature-label": (ORG_MEMBER, ORG_MEMBER_MOVED),
    "dashboards:feature-group": (NOT_ALLOWED, ORG_MEMBER_422),
    "dashboards:feature-ungroup": (NOT_ALLOWED, ORG_MEMBER_MOVED),
    "dashboards:features-apart": (NOT_ALLOWED, ORG_MEMBER_422),
    "dashboards:features-suggest-again": (NOT_ALLOWED, ORG_MEMBER_MOVED),
    "dashboards:organization-models": (ORG_READ, NOT_ALLOWED),
    "dashboards:organization-model": (ORG_READ, NOT_ALLOWED),
    "dashboards:project-models": (READ, NOT_ALLOWED),
    "dashboards:project-model": (READ, NOT_ALLOWED),
    "dashboards:organization-resources": (ORG_READ, NOT_ALLOWED),
    "dashboards:project-resources": (READ, NOT_ALLOWED),
    "dashboards:project-resource": (READ, NOT_ALLOWED),
    "dashboards:project-call": (READ, NOT_ALLOWED),
    # Traces and sessions: of an id that nobody may see, the page says that there are no calls
    "dashboards:organization-traces": (ORG_READ, NOT_ALLOWED),
    "dashboards:organization-trace": (ORG_READ, NOT_ALLOWED),
    "dashboards:organization-sessions": (ORG_READ, NOT_ALLOWED),
    "dashboards:organization-session": (ORG_READ, NOT_ALLOWED),
    "dashboards:project-traces": (READ, NOT_ALLOWED),
    "dashboards:project-trace": (READ, NOT_ALLOWED),
    "dashboards:project-sessions": (READ, NOT_ALLOWED),
    "dashboards:project-session": (READ, NOT_ALLOWED),
    "dashboards:organization-users": (ORG_READ, NOT_ALLOWED),
    "dashboards:organization-user": (ORG_READ, NOT_ALLOWED),
    "dashboards:project-users": (READ, NOT_ALLOWED),
    "dashboards:project-user": (READ, NOT_ALLOWED),
    # Reports: the world's was made without the project, so nobody is kept from it
    "reports:report-list": (ORG_READ, NOT_ALLOWED),
    "reports:report-create": (ORG_MEMBER, ORG_MEMBER_422),
    "reports:report-detail": (ORG_READ, NOT_ALLOWED),
    "reports:report-retry": (NOT_ALLOWED, ORG_MEMBER_422),
    "reports:report-file": (ORG_READ, NOT_ALLOWED),
    "reports:schedule-create": (ORG_MEMBER, ORG_MEMBER_422),
    "reports:schedule-preview": (NOT_ALLOWED, ORG_MEMBER_422),
    "reports:schedule-detail": (ORG_READ, NOT_ALLOWED),
    "reports:schedule-edit": (ORG_MEMBER, ORG_MEMBER_422),
    "reports:schedule-pause": (NOT_ALLOWED, ORG_MEMBER_MOVED),
    "reports:schedule-resume": (NOT_ALLOWED, ORG_MEMBER_MOVED),
    "reports:schedule-send": (NOT_ALLOWED, ORG_MEMBER_MOVED),
    "reports:schedule-delete": (ORG_MEMBER, ORG_MEMBER_MOVED),
    # Dashboards that people put together: this one is shared, and its owner is the organization's
    "boards:board-list": (ORG_READ, NOT_ALLOWED),
    "boards:board-create": (ORG_READ, "302 404 403 422 422 422 422 404"),
    "boards:board-import": (ORG_READ, "302 404 403 422 422 422 422 404"),
    "boards:board-detail": (ORG_READ, NOT_ALLOWED),
    "boards:board-edit": (ORG_ADMIN, ORG_ADMIN_MOVED),
    "boards:board-settings": (ORG_ADMIN, ORG_ADMIN_422),
    "boards:board-duplicate": (NOT_ALLOWED, "302 404 403 302 302 302 302 404"),
    "boards:board-delete": (ORG_ADMIN, ORG_ADMIN_MOVED),
    "boards:board-export": (ORG_READ, NOT_ALLOWED),
    "boards:widget-create": (ORG_ADMIN, ORG_ADMIN_422),
    "boards:widget-detail": (ORG_READ, NOT_ALLOWED),
    "boards:widget-edit": (ORG_ADMIN, ORG_ADMIN_422),
    "boards:widget-delete": (ORG_ADMIN, ORG_ADMIN_MOVED),
    # API
    "api:me": (API_ME, API_DENIED),
    "api:organization-list": (API_ME, API_DENIED),
    "api:organization-detail": (API_READ, API_DENIED),
    "api:organization-time-zone": (API_ADMIN, API_DENIED),
    "api:project-list": (API_READ, API_ADMIN_400),
    "api:project-keep": (API_DENIED, API_ADMIN),
    "api:project-detail": (API_READ, API_DENIED),
    "api:call-list": (API_READ, API_DENIED),
    "api:call-detail": (API_READ, API_DENIED),
    "api:rate-card-list": (API_READ, "401 404 403 403 403 400 400 404"),
    "api:rate-card-detail": (API_READ, API_DENIED),
    "api:rate-card-end": (API_DENIED, API_ADMIN),
    "api:unpriced-model-list": (API_READ, API_DENIED),
    "api:end-user": (API_READ, API_DENIED),
    "api:export-list": (API_MEMBER, "401 404 403  403  400  400 400  404"),
    "api:export-detail": ("401 404 403  403  404  200 200  404", API_DENIED),
    "api:export-cancel": (API_DENIED, "401 404 403  403  404  409 409  404"),
    "api:export-file": ("401 404 403  403  404  200 200  404", API_DENIED),
    "api:reprice-run-list": (API_ADMIN, API_ADMIN_400),
    "api:reprice-run-detail": (API_ADMIN, API_DENIED),
    "api:reprice-run-apply": (API_DENIED, API_ADMIN),
    "api:reprice-run-cancel": (API_DENIED, API_ADMIN),
    "api:rejected-event-list": (API_READ, API_DENIED),
    "api:rule-list": (API_READ, API_DENIED),
    "api:rule-change": (API_DENIED, API_DENIED),
    "api:rule-backtest": (API_DENIED, API_READ),
    "api:saved-view-list": (API_READ, API_MEMBER_400),
    "api:saved-view-detail": (API_READ, API_DENIED),
    "api:budget-list": (API_READ, API_ADMIN_400),
    "api:budget-detail": (API_READ, API_DENIED),
    "api:team-list": (API_READ, API_ADMIN_400),
    "api:team-detail": (API_READ, API_DENIED),
    "api:team-member-list": (API_READ, API_DENIED),
    "api:team-member": (API_DENIED, API_DENIED),
    "api:key-list": ("401 404 403 403 200 200 200 404", "401 404 403 403 400 400 400 404"),
    "api:key-detail": ("401 404 403 403 200 200 200 404", API_DENIED),
    "api:key-rotate": (API_DENIED, "401 404 403 403 201 201 201 404"),
    "api:invitation-list": (API_ADMIN, API_ADMIN_400),
    "api:invitation-detail": (API_ADMIN, API_DENIED),
    "api:invitation-resend": (API_DENIED, API_ADMIN),
    "api:member-list": (API_READ, API_DENIED),
    "api:member-detail": (API_READ, API_DENIED),
    "api:audit-list": (API_ADMIN, API_DENIED),
    "api:audit-detail": (API_ADMIN, API_DENIED),
    "api:insight-list": (API_READ, API_DENIED),
    "api:insight-detail": (API_READ, API_DENIED),
    "api:recommendations": (API_READ, API_DENIED),
    "api:insight-acknowledge": (API_DENIED, "401 404 403 403 200 200 200 404"),
    "api:insight-mute": (API_DENIED, "401 404 403 403 400 400 400 404"),
    "api:insight-unmute": (API_DENIED, "401 404 403 403 200 200 200 404"),
    "api:insight-resolve": (API_DENIED, "401 404 403 403 200 200 200 404"),
    "api:insight-assign": (API_DENIED, "401 404 403 403 400 400 400 404"),
    "api:insight-comment": (API_DENIED, "401 404 403 403 400 400 400 404"),
    "api:usage": (API_READ, API_DENIED),
    "api:report-list": (API_READ, "401 404 403 403 202 202 202 404"),
    "api:report-terminal": (API_READ, API_DENIED),
    "api:report-detail": (API_READ, API_DENIED),
    "api:report-file": (API_READ, API_DENIED),
    "api:report-retry": (API_DENIED, "401 404 403 403 409 409 409 404"),
    "api:report-schedule-list": (API_READ, "401 404 403 403 400 400 400 404"),
    "api:report-schedule-detail": (API_READ, API_DENIED),
    "api:report-schedule-send": (API_DENIED, "401 404 403 403 202 202 202 404"),
    "api:cloud-metrics": (API_READ, API_DENIED),
    "api:dashboard-list": (API_READ, "401 404 403 400 400 400 400 404"),
    "api:dashboard-detail": (API_READ, API_DENIED),
    "api:channel-list": (API_MEMBER, API_ADMIN_400),
    "api:channel-detail": (API_MEMBER, API_DENIED),
    "api:channel-test": (API_DENIED, "401 404 403 403 403 202 202 404"),
    "api:channel-secret": (API_DENIED, API_ADMIN),
    "api:route-list": (API_MEMBER, API_ADMIN_400),
    "api:route-detail": (API_MEMBER, API_DENIED),
    "api:delivery-list": (API_MEMBER, API_DENIED),
    "api:delivery-detail": (API_MEMBER, API_DENIED),
    "api:delivery-redeliver": (API_DENIED, "401 404 403 403 403 202 202 404"),
    "api:delivery-acknowledge": (API_DENIED, API_MEMBER),
    "api:gateway-traffic": (API_READ, API_DENIED),
    "api:gateway-provider-list": (API_ADMIN, API_ADMIN_400),
    "api:gateway-provider-detail": (API_ADMIN, API_DENIED),
    "api:gateway-credential-list": (API_ADMIN, API_ADMIN_400),
    "api:gateway-credential-detail": (API_ADMIN, API_DENIED),
    "api:gateway-credential-replace": (API_DENIED, API_ADMIN_400),
    "api:gateway-credential-default": (API_DENIED, API_ADMIN),
    "api:schema": (ALL_OK, NOT_ALLOWED),
    "api:docs": (ALL_OK, NOT_ALLOWED),
    "api:nothing-here": (NOT_FOUND, NOT_FOUND),
    # The instance, and mails of an instance without a mail server (this machine only)
    "instance:overview": ("302 404 404 404 404 404 404 200", NOT_ALLOWED),
    "dev:mail-list": (ALL_OK, NOT_ALLOWED),
    "dev:mail-detail": (NOT_FOUND, NOT_ALLOWED),
}

PATHS: Final = {"api:nothing-here": "/api/v1/nothing"}  # cannot be reversed


@dataclass(frozen=True, slots=True)
class World:
    """One tenant with one of everything a URL can name, and everybody who may ask."""

    acme: Organization
    globex: Organization
    project: Project
    arguments: dict[str, Any]
    queries: dict[str, dict[str, str]]
    users: dict[str, User]


@pytest.fixture(scope="module", autouse=True)
def queue_installed(django_db_setup):
    """As in every installation that is ready."""
    queue.install_queue(settings.DATABASE)


@pytest.fixture(scope="module")
def made_world(
    queue_installed: None, django_db_blocker: "pytest.FixtureRequest", tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Made once for all tests of a module: it takes longer than what any of them asks.

    It lives in a transaction around those of the tests, which go back to it when they end. It is taken back itself.
    """
    exports = override_settings(EXPORTS_DIR=str(tmp_path_factory.mktemp("world")))
    with django_db_blocker.unblock(), exports, transaction.atomic():  # type: ignore[attr-defined]
        yield make_world()
        transaction.set_rollback(True)


@pytest.fixture
def world(made_world: World, db: None, settings: Any, tmp_path: Path) -> World:
    """The module's world, with people and files of the test's own to change."""
    settings.EXPORTS_DIR = shutil.copytree(settings.EXPORTS_DIR, tmp_path / "exports")
    return deepcopy(made_world)


def make_world() -> World:
    acme, globex = make_organization("Acme"), make_organization("Globex")
    with org_scope(acme.pk):
        acme_project = Project.objects.get(slug="web")
    call = make_call(acme_project, trace_id="one", session_id="one")
    sample = make_sample(acme_project)
    issued = key_services.create_key(
        organization=acme, actor=None, name="ci", scopes=[Scope.INGEST], project=acme_project
    )
    of_all = key_services.create_key(organization=acme, actor=None, name="all", scopes=[Scope.READ], project=None)
    with org_scope(acme.pk):
        wanted = Wanted(model="own-model", prices={"input": Decimal(1), "output": Decimal(2)})
        cards = overrides.cards_for(organization=acme, wanted=[wanted])
        (saved,) = overrides.save_cards(organization=acme, actor=None, cards=cards)
    issued_to = invitations.invite(
        organization=acme, actor=owner_of(acme), email="new@example.test", role=Role.MEMBER, now=timezone.now()
    )
    other = make_user("other@acme.test")
    Membership.objects.create(user=other, organization=acme, role=Role.VIEWER)
    team = teams.create_team(organization=acme, actor=None, name="Search")
    rate_id = new_rate(acme)
    alert = sent_alert(acme)
    board = make_board(acme, owner_of(acme))
    arguments = alert | {
        "report_id": ready_report(acme, acme_project).pk,
        "schedule_id": reports.make_schedule(acme, alert["channel"]).pk,
        "form": "pdf",
        "rate_id": rate_id,
        "kind": "slack",
        "member_id": other.pk,
        "invitation_id": issued_to.invitation.pk,
        "token": issued_to.token,
        "team_slug": team.slug,
        "membership_id": Membership.objects.filter(organization=acme).earliest("pk").pk,
        "card_id": saved.id,
        "insight_id": make_insight(acme, acme_project).pk,
        "organization_insight_id": make_insight(acme, None).pk,
        "organization_slug": acme.slug,
        "project_slug": acme_project.slug,
        "key_id": issued.key.pk,
        "organization_key_id": of_all.key.pk,
        "entry_id": latest_entry(acme),
        "call_id": call["call_id"],
        "user_id": "u-1",
        "run_id": ready_run(acme).pk,
        "destination_id": make_destination(acme).pk,
        "export_id": ready_export(acme, acme_project),
        **provider_ids(acme),
        "mail_id": "20260701-120000-1-0",
        "key": "invented",
        "uidb36": "1",
        "budget_id": make_budget(acme).pk,
        "view_id": saved_view(acme, issued.key).pk,
        "project_view_id": saved_view(acme, issued.key, project=acme_project).pk,
        "board_id": board.pk,
        "widget_id": widgets_of(board)[0].pk,
        "rule": "SPIKE",
        "session_id": 10**9,
        "pk": 10**9,  # of a passkey
        "provider_id": "oidc",
    }
    of_acme = {"organization": acme.slug}
    queries = {
        "pricing:model": {"model": "own-model"},
        "dashboards:project-resource": {"name": sample["resource"]},
        "dashboards:organization-model": {"model": "gpt-4o"},
        "dashboards:feature-label": {"feature": "default"},
        "dashboards:project-model": {"model": "gpt-4o"},
        "dashboards:project-call": {"at": encode_moment(call["started_at"])},
        **{f"dashboards:{reach}-{page}": {"id": "one"} for reach in ("organization", "project") for page in BY_ID},
        "api:project-list": of_acme,
        "api:project-keep": of_acme,
        "api:rate-card-list": of_acme,
        "api:rate-card-detail": of_acme,
        "api:rate-card-end": of_acme,
        "api:unpriced-model-list": of_acme,
        "api:project-detail": of_acme,
        "api:call-list": of_acme,
        "api:end-user": of_acme,
        "api:export-list": of_acme,
        "api:export-detail": of_acme,
        "api:export-cancel": of_acme,
        "api:export-file": of_acme,
        "api:reprice-run-list": of_acme,
        "api:reprice-run-detail": of_acme,
        "api:reprice-run-apply": of_acme,
        "api:reprice-run-cancel": of_acme,
        "api:rejected-event-list": of_acme,
        "api:rule-list": of_acme | {"project": acme_project.slug},
        "api:rule-change": of_acme | {"project": acme_project.slug},
        "api:rule-backtest": of_acme | {"project": acme_project.slug},
        "api:saved-view-list": of_acme,
        "api:saved-view-detail": of_acme,
        "api:budget-list": of_acme,
        "api:budget-detail": of_acme,
        "api:dashboard-list": of_acme,
        "api:dashboard-detail": of_acme,
        "api:team-list": of_acme,
        "api:team-detail": of_acme,
        "api:team-member-list": of_acme,
        "api:key-list": of_acme,
        "api:key-detail": of_acme,
        "api:key-rotate": of_acme,
        "api:invitation-list": of_acme,
        "api:invitation-detail": of_acme,
        "api:invitation-resend": of_acme,
        "api:member-list": of_acme,
        "api:member-detail": of_acme,
        "api:audit-list": of_acme,
        "api:audit-detail": of_acme,
        "api:channel-list": of_acme,
        "api:channel-detail": of_acme,
        "api:channel-test": of_acme,
        "api:channel-secret": of_acme,
        "api:route-list": of_acme,
        "api:route-detail": of_acme,
        "api:delivery-list": of_acme,
        "api:delivery-detail": of_acme,
        "api:delivery-acknowledge": of_acme,
        "api:delivery-redeliver": of_acme,
        "api:gateway-traffic": of_acme,
        "api:gateway-provider-list": of_acme,
        "api:gateway-provider-detail": of_acme,
        "api:gateway-credential-list": of_acme,
        "api:gateway-credential-detail": of_acme,
        "api:gateway-credential-replace": of_acme,
        "api:gateway-credential-default": of_acme,
        "api:insight-list": of_acme,
        "api:insight-detail": of_acme,
        "api:recommendations": of_acme,
        "api:insight-acknowledge": of_acme,
        "api:insight-mute": of_acme,
        "api:insight-unmute": of_acme,
        "api:insight-resolve": of_acme,
        "api:insight-assign": of_acme,
        "api:insight-comment": of_acme,
        "api:usage": of_acme,
        "api:report-list": of_acme,
        "api:report-terminal": of_acme,
        "api:report-detail": of_acme,
        "api:report-file": of_acme,
        "api:report-retry": of_acme,
        "api:report-schedule-list": of_acme,
        "api:report-schedule-detail": of_acme,
        "api:report-schedule-send": of_acme,
        "api:cloud-metrics": of_acme,
        "api:call-detail": of_acme | {"timestamp": call["started_at"].isoformat()},
    }
    return World(acme, globex, acme_project, arguments, queries, everybody(acme, globex, acme_project))


def provider_ids(organization: Organization) -> dict[str, int]:
    """A provider at a name that leads to this machine, so that a test of its credential ends here."""
    provider = make_provider(organization, origin="https://localhost")
    credential = make_credential(organization, provider=provider.slug)
    return {"gateway_provider_id": provider.pk, "credential_id": credential.pk}


def saved_view(organization: Organization, key: ApiKey, project: Project | None = None) -> SavedView:
    """One that a key shared, so that it is nobody's own."""
    wanted = saved_views.Wanted(name="Red", page="overview", project=project, query=[("team", "red")])
    return saved_views.create_view(
        organization=organization, actor=KeyActor(key.pk, key.name), wanted=wanted, now=timezone.now()
    )


def new_rate(organization: Organization) -> int:
    currency.set_rate(
        organization=organization, actor=None, code="EUR", rate=Decimal("0.92"), valid_from=date(2026, 11, 1)
    )
    with org_scope(organization.pk):
        return CurrencyRate.objects.get().pk


def sent_alert(organization: Organization) -> dict[str, Any]:
    """A webhook, a route to it, and a delivery that is over."""
    with org_scope(organization.pk):
        channel = channel_services.create_channel(
            organization=organization,
            actor=None,
            kind="webhook",
            name="Hook",
            given=Given(url="https://hooks.example.com/"),
        )
        wanted_route = WantedRoute(name="All", channel=channel)
        route = route_services.create_route(organization=organization, actor=None, wanted=wanted_route)
        event = events.record(
            "quota.reached", severity=Event.Severity.HIGH, subject=organization, dedup_key="quota", percent=80
        )
        routing.route_event(organization_id=organization.pk, event_id=event.pk, now=timezone.now())
        Delivery.objects.update(state=Delivery.State.FAILED)
        delivery_id = Delivery.objects.get().pk
    ids = {"channel_id": channel.pk, "route_id": route.pk, "event_id": event.pk, "delivery_id": delivery_id}
    return ids | {"channel": channel}


def ready_report(organization: Organization, project: Project) -> Report:
    """Without the project, as those see the organization from whom it is hidden."""
    report = reports.order(organization)
    with org_scope(organization.pk):
        columns = {"numbers": reports.nothing().as_stored(), "pdf": b"%PDF", "pdf_bytes": 4, "made_at": timezone.now()}
        Report.objects.filter(pk=report.pk).update(state=Report.State.READY, left_out=[project.pk], **columns)
    return report


def latest_entry(organization: Organization) -> int:
    with org_scope(organization.pk):
        return AuditEntry.objects.latest("pk").pk


def ready_run(organization: Organization) -> RepriceRun:
    """A dry run that can be applied or cancelled, once."""
    until = timezone.now()
    with org_scope(organization.pk):
        return RepriceRun.objects.create(
            organization=organization, since=until - timedelta(days=1), until=until, state=RepriceRun.State.READY
        )


def ready_export(organization: Organization, project: Project) -> int:
    """A file of nothing that nobody here has asked for."""
    until = timezone.now()
    with org_scope(organization.pk):
        export = Export.objects.create(
            organization=organization,
            format=Export.Format.CSV,
            name="Nothing",
            columns=["id"],
            project_ids=[project.pk],
            since=until - timedelta(days=1),
            until=until,
            as_of=until,
            state=Export.State.DONE,
            bytes=3,
        )
    files.append(export_services.path_of(export), b"id\n", offset=0)
    return export.pk


def path_of(url: Url, world: World) -> str:
    if url.name in PATHS:
        return PATHS[url.name]
    arguments = {name: world.arguments[name] for name in url.parameters}
    if "organization-key" in url.name and "key_id" in arguments:
        arguments["key_id"] = world.arguments["organization_key_id"]
    if "organization-insight" in url.name and "insight_id" in arguments:
        arguments["insight_id"] = world.arguments["organization_insight_id"]
    if "project-view" in url.name and "view_id" in arguments:
        arguments["view_id"] = world.arguments["project_view_id"]
    return reverse(url.name, kwargs=arguments, query=world.queries.get(url.name))


def ask(world: World, url: Url, method: str) -> dict[str, int]:
    """The status each of them gets, with a session of their own and the world as it was at first."""
    path = path_of(url, world)
    answers = {}
    for person in asked_by(url):
        client = Client(headers={"host": "127.0.0.1"})
        with transaction.atomic():
            if person in world.users:
                client.force_login(world.users[person])
            answers[person] = client.generic(method, path).status_code
            transaction.set_rollback(True)
    return answers


def expected(url: Url, row: str) -> dict[str, int]:
    """What ``row`` says, and what follows for those whom the project gives another role."""
    answers = dict(zip(BY_ROLE, map(int, row.split()), strict=True))
    if asked_by(url) == BY_ROLE:
        return answers
    names_project = "project_slug" in url.parameters
    for name, (there, here) in OVERRIDDEN.items():
        answers[name] = answers[here if names_project else there]
    return answers


def test_the_table_lists_exactly_the_urls_there_are():
    assert set(TABLE) == set(URLS), "write who may come in: tests/test_permission_matrix.py, TABLE"


@pytest.mark.parametrize("name", [name for name in TABLE if name in URLS])
def test_everybody_gets_the_status_of_the_table(world, name):
    url, (get, post) = URLS[name], TABLE[name]

    assert ask(world, url, "GET") == expected(url, get)
    assert ask(world, url, "POST") == expected(url, post)
