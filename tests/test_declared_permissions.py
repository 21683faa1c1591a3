"""Every URL says at its door what it takes, and the permission matrix expects just that."""

from fnmatch import filter as fnmatch_filter
from fnmatch import fnmatch
from typing import Final

import pytest

from tenants.permissions import Permission, Role, allows
from tests.matrix import URLS
from tests.test_permission_matrix import NOT_ALLOWED, TABLE, expected

# URLs whose door is not tenants.access.org_view, and what stands there instead; the API's doors are asked for in
# tests/test_permission_matrix_api.py.
OTHER_DOORS: Final = {
    "account_*": "allauth",
    "mfa_*": "allauth",
    "usersessions_*": "allauth",
    "socialaccount_*": "allauth",
    "tenants:identity-*": "whoever signs in, at a provider that is configured",
    "api:*": "tenants.api_access",
    "home": "leads on",
    "healthz": "open",
    "gallery": "open",
    "readyz": "open",
    "tenants:session-end": "one's own sessions",
    "tenants:organization-create": "whoever has an account",
    "tenants:invitation": "the token",
    "tenants:account-*": "one's own account",
    "tenants:organization-leave": "one's own membership",
    "instance:overview": "is_staff",
    "dev:*": "this machine only, without a mail server",
}

# What may belong to one project or to all is opened by any role that sees it, and then asks for the right to change it.
ASKED_INSIDE: Final = {
    **{f"rules:budget-{step}": Permission.BUDGETS_MANAGE for step in ("create", "edit", "pause", "resume", "delete")},
    "rules:rule-change": Permission.RULES_MANAGE,
    # One's own are changed by anybody; the table's was shared by a key.
    **{f"dashboards:{reach}-view-delete": Permission.VIEWS_MANAGE for reach in ("organization", "project")},
    # One's own with EXPORTS_CREATE; the matrix's is nobody's.
    **{f"exports:export-{step}": Permission.EXPORTS_MANAGE for step in ("file", "cancel", "delete")},
}


def test_every_url_declares_its_permission_or_is_known_to_have_another_door():
    without = [name for name, url in URLS.items() if url.permission is None]

    assert [name for name in without if not any(fnmatch(name, known) for known in OTHER_DOORS)] == []
    assert [known for known in OTHER_DOORS if not fnmatch_filter(without, known)] == []


@pytest.mark.parametrize("name", [name for name, url in URLS.items() if url.permission and name in TABLE])
def test_the_table_says_what_the_declared_permission_grants(name):
    """A row that was copied from another page does not hide that the wrong permission stands at the door."""
    rows = [expected(URLS[name], row) for row in TABLE[name] if row != NOT_ALLOWED]

    let_in = {role for row in rows for role in Role if row[role] not in {403, 404}}
    assert let_in == {role for role in Role if allows(role, ASKED_INSIDE.get(name, URLS[name].permission))}
