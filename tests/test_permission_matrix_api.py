"""Every operation of the API's document asked by every person and every kind of key.

Nobody writes a row here. An operation says at its door what it takes, roles and scopes say what they grant, and the
answers must follow; so a new operation is asked from the day it is described. What an operation does differently is
listed with its reason.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import resolve

from tenants import services
from tenants.api_access import Door
from tenants.permissions import GRANTS, Permission, Role, Scope, allows
from tests.api_document import document
from tests.matrix import (
    FOREIGN,
    KEYS,
    OPERATIONS,
    OVERRIDDEN,
    PEOPLE,
    UNUSABLE,
    WEB,
    Operation,
    cells,
    edge_routes,
    every_key,
    web_routes,
)
from tests.test_permission_matrix import (  # noqa: F401 - fixtures
    World,
    made_world,
    queue_installed,
    world,
)

ROOT: Final = Path(settings.BASE_DIR)
LET_IN: Final = "let in"
Answer = int | str

# Without a door of tenants.api_access: what every key needs (None: any scope will do). People need an account.
OWN_DOORS: Final[dict[str, Scope | None]] = {"me": None, "organization_list": Scope.READ}
# About something that lies in a project although the path does not name it: it is not there for the others.
IN_A_PROJECT: Final = {
    *("call_detail", "key_detail", "key_rotate", "key_revoke"),
    *("insight_detail", "insight_acknowledge", "insight_mute", "insight_unmute", "insight_resolve"),
    *("insight_assign", "insight_comment", "rule_list", "rule_change", "rule_backtest"),
}
# Of those, what is not there either for people who see the project and have no right to it.
UNSEEN: Final = {"key_detail", "key_rotate", "key_revoke"}
# About something of the whole organization that might as well be a project's: not there for who reaches only projects.
OF_EVERYBODY: Final = {
    *("budget_detail", "budget_change", "budget_delete"),
    *("saved_view_detail", "saved_view_change", "saved_view_delete"),
}
# About a project that the body names: people need the right there, keys must reach it.
NAMED_IN_THE_BODY: Final = {"key_create"}
# Of the whole organization by what the body says, although people with the right in one project come through the door.
FOR_ALL_BY_ITS_BODY: Final = {"budget_create", "saved_view_create"}
# A key hands on and takes away only what it has itself, and the world's keys have other scopes.
BEYOND_A_KEY: Final = {"key_create", "key_rotate", "key_revoke"}
# What a key of one project may read or do although no path names its project: it gets its own part.
OF_ITS_PROJECT: Final = {"key_list"}
# Whoever asked for it sees it, and among people those who manage everybody's: nobody here asked for this one.
OF_WHO_ASKED: Final = {"export_detail", "export_delete", "export_cancel", "export_file"}
# Writing down what may be read, which changes nothing that anybody else sees.
READS_AS_FILES: Final = {"export_create", "export_delete", "export_cancel"}
# What keys of one project may not even read: it is the whole organization's.
OF_THE_ORGANIZATION: Final = {
    f"{name}_{what}"
    for name in (
        *("channel", "route", "delivery", "report", "report_schedule", "dashboard"),
        *("gateway_provider", "gateway_credential"),
    )
    for what in ("list", "detail")
} | {"report_file"}
# Asking by POST, because the question does not fit into an address; nothing is changed.
ASKED_BY_POST: Final = {"rule_backtest"}
# What no key may do, whatever its scope.
PEOPLE_ONLY: Final = {"end_user_erase", "member_change"}
# What people may do to their own, whatever their role, and what they must be allowed where it is not: the document's
# example is shared, and the world's dashboard is its owner's.
OF_ONESELF: Final = {
    "dashboard_create": Permission.BOARDS_SHARE,
    "dashboard_replace": Permission.BOARDS_MANAGE,
    "dashboard_delete": Permission.BOARDS_MANAGE,
    "saved_view_change": Permission.VIEWS_MANAGE,
    "saved_view_delete": Permission.VIEWS_MANAGE,
}
# Reading that takes more than the scope read: who is here, with which keys, what they did; what may be started there.
READ_BY_MANAGERS: Final = {
    *("audit_list", "audit_detail", "invitation_list", "invitation_detail", "key_list", "key_detail"),
    *("member_list", "member_detail", "team_member_list", "organization_time_zone"),
    *("reprice_run_list", "reprice_run_detail"),
    *("gateway_provider_list", "gateway_provider_detail", "gateway_credential_list", "gateway_credential_detail"),
}


@dataclass(frozen=True, slots=True)
class Askers:
    """Everybody who may ask, by name: people with a session, machines with the text of a key."""

    world: World
    keys: dict[str, str]


@pytest.fixture(scope="module")
def made_keys(made_world: World) -> dict[str, str]:  # noqa: F811
    other = services.create_project(organization=made_world.acme, actor=None, name="Other")
    return every_key(made_world.acme, made_world.globex, made_world.project, other)


@pytest.fixture
def askers(world: World, made_keys: dict[str, str]) -> Askers:  # noqa: F811
    return Askers(world, made_keys)


def ask(askers: Askers, operation: Operation, *, person: str = "", key: str = "") -> Any:
    """The answer to the document's own example about something of acme; nothing that it changes stays."""
    client = Client(headers={"host": "127.0.0.1"} | ({"x-api-key": key} if key else {}))
    path = operation.path.format_map(askers.world.arguments)
    query = askers.world.queries.get(resolve(path).view_name, {})
    if operation.takes("organization"):
        query = query | {"organization": "acme"}
    body = operation.body()
    text = "" if body is None else json.dumps(body)
    with transaction.atomic():
        if person in askers.world.users:
            client.force_login(askers.world.users[person])
        answer = client.generic(operation.method, path, text, "application/json", query_params=query)
        transaction.set_rollback(True)
    return answer


def outcome(answer: Any) -> Answer:
    return answer.status_code if answer.status_code in {401, 403, 404} else LET_IN


def door_of(askers: Askers, operation: Operation) -> Door | None:
    """The door that a request of the operation came to, found by going there."""
    answer = ask(askers, operation, person="owner")
    return getattr(answer.wsgi_request, "door", None)


def lies_in_a_project(operation: Operation) -> bool:
    return operation.id in IN_A_PROJECT or "{project_slug}" in operation.path


# --- What must follow ---


def for_person(name: str, operation: Operation, door: Door | None) -> Answer:
    if name == "anonymous":
        return 401
    if door is None:
        return LET_IN
    if name in {"outsider", "staff"}:
        return 404
    there, here = OVERRIDDEN.get(name, (name, name))
    if not allows(there, door.permission) and not (door.in_any_project and allows(here, door.permission)):
        return 403
    if is_somebody_elses(operation, there, door):
        return 403 if operation.id in FOR_ALL_BY_ITS_BODY else 404
    return where_it_lies(operation, here, door) if is_theirs(there, operation) else 403


def is_somebody_elses(operation: Operation, there: str, door: Door) -> bool:
    """Whether it is nothing for who has this role in the organization."""
    of_all = operation.id in OF_EVERYBODY | FOR_ALL_BY_ITS_BODY and not allows(there, door.permission)
    return of_all or (operation.id in OF_WHO_ASKED and not allows(there, Permission.EXPORTS_MANAGE))


def is_theirs(there: str, operation: Operation) -> bool:
    """Whether a person may do to somebody else's what anybody may do to their own."""
    needed = OF_ONESELF.get(operation.id)
    return needed is None or allows(there, needed)


def where_it_lies(operation: Operation, here: str, door: Door) -> Answer:
    """What a person who came through the door gets for a project where their role is ``here``."""
    if allows(here, door.permission):
        return LET_IN
    if not lies_in_a_project(operation):
        return 403 if operation.id in NAMED_IN_THE_BODY and here != Role.NONE else LET_IN
    return 404 if here == Role.NONE or operation.id in UNSEEN else 403


def for_key(name: str, operation: Operation, door: Door | None) -> Answer:
    if name in UNUSABLE:
        return 401
    if name == FOREIGN:
        return 404 if door else LET_IN
    scope, _, reach = name.partition(" ")
    needed = door.scope if door else OWN_DOORS[operation.id]
    if needed not in {None, scope} or operation.id in PEOPLE_ONLY:
        return 403
    if operation.id in OF_WHO_ASKED:
        return 404
    if (lies_in_a_project(operation) and reach == "other project") or (
        operation.id in OF_EVERYBODY and reach != "organization"
    ):
        return 404
    is_refused = operation.id in BEYOND_A_KEY or (reach != "organization" and is_out_of_reach(operation, needed))
    return 403 if is_refused else LET_IN


def is_out_of_reach(operation: Operation, needed: Scope | None) -> bool:
    """Whether a key of one project gets nowhere because it is the whole organization's."""
    if lies_in_a_project(operation) or operation.id in OF_ITS_PROJECT:
        return False
    return needed == Scope.MANAGE or operation.id in OF_THE_ORGANIZATION


@pytest.mark.parametrize("name", WEB)
def test_every_person_gets_what_their_role_grants(askers, name):
    operation = WEB[name]
    door = door_of(askers, operation)

    answers = {person: ask(askers, operation, person=person) for person in PEOPLE}

    assert {who: outcome(answer) for who, answer in answers.items()} == {
        who: for_person(who, operation, door) for who in PEOPLE
    }
    assert {answer.status_code for answer in answers.values()} <= operation.statuses - {429, 503}


@pytest.mark.parametrize("name", WEB)
def test_every_key_gets_what_its_scope_and_reach_grant(askers, name):
    operation = WEB[name]
    door = door_of(askers, operation)

    answers = {key: ask(askers, operation, key=askers.keys[key]) for key in KEYS}

    assert {who: outcome(answer) for who, answer in answers.items()} == {
        who: for_key(who, operation, door) for who in KEYS
    }
    assert {answer.status_code for answer in answers.values()} <= operation.statuses - {429, 503}


# --- What stands at the doors ---


@pytest.mark.parametrize("name", WEB)
def test_every_operation_declares_a_permission_and_a_scope_that_fit_what_it_does(askers, name):
    operation = WEB[name]
    door = door_of(askers, operation)

    if name in OWN_DOORS:
        assert door is None
        return
    assert door is not None, f"{operation.method} {operation.path} came to no door: tenants.api_access"
    if operation.method == "GET" or name in ASKED_BY_POST:
        assert door.scope == (Scope.MANAGE if name in READ_BY_MANAGERS else Scope.READ)
    elif name not in PEOPLE_ONLY:
        assert door.scope == (Scope.READ if name in READS_AS_FILES else Scope.MANAGE)
        assert name in OF_ONESELF or door.permission not in GRANTS[Role.VIEWER]
    assert door.permission in Permission


def test_what_is_listed_as_different_is_there():
    listed = (
        IN_A_PROJECT,
        UNSEEN,
        NAMED_IN_THE_BODY,
        BEYOND_A_KEY,
        OF_ITS_PROJECT,
        OF_THE_ORGANIZATION,
        PEOPLE_ONLY,
        OF_EVERYBODY,
        FOR_ALL_BY_ITS_BODY,
        ASKED_BY_POST,
        OF_WHO_ASKED,
        READS_AS_FILES,
        OF_ONESELF,
    )
    assert {*OWN_DOORS, *READ_BY_MANAGERS}.union(*listed) <= set(WEB)


def test_the_document_describes_exactly_what_is_served():
    described = {(operation.method, operation.path) for operation in OPERATIONS.values()}

    assert described == web_routes() | edge_routes()


def test_no_two_operations_share_an_id():
    assert len(OPERATIONS) == sum(len(item) for item in document()["paths"].values())


def test_the_threat_model_counts_no_more_than_is_asked():
    text = (ROOT / "docs/threat-model.md").read_text(encoding="utf-8")

    (stated,) = re.findall(r"([\d,]+) answers", text)
    assert 3_000 < int(stated.replace(",", "")) <= cells()
