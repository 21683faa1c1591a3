"""Dashboards over HTTP."""

import pytest
from django.urls import reverse

from core.scope import org_scope
from dashboards.boards import documents
from dashboards.boards.grid import Place
from dashboards.boards.models import Board, terms
from dashboards.boards.tests.factories import NOTE, SPEND, make_board, widgets_of
from dashboards.boards.types import BoardTerms, WidgetTerms
from tenants.models import AuditEntry, ProjectRole
from tenants.permissions import Role, Scope
from tenants.tests.keys import bearer, issue_key

LIST = reverse("api:dashboard-list")
ACME = {"organization": "acme"}
DOCUMENT = documents.write(BoardTerms(name="Costs", range="30d", widgets=(SPEND, NOTE)))


@pytest.fixture
def terraform(acme, client):
    """A key of the whole organization that may change things."""
    return bearer(issue_key(acme, scopes=[Scope.READ, Scope.MANAGE]))


def one(board):
    return reverse("api:dashboard-detail", args=[board.pk])


def send(client, method, path, body, **options):
    return getattr(client, method)(path, body, content_type="application/json", **options)


def stored(board):
    with org_scope(board.organization_id):
        return Board.objects.get(pk=board.pk)


def test_a_person_creates_reads_replaces_and_deletes(acme, ana, client_of):
    client = client_of(ana)
    made = send(client, "post", LIST, {"dashboard": DOCUMENT}, query_params=ACME)
    path = reverse("api:dashboard-detail", args=[made.json()["id"]])

    read = client.get(path, ACME)
    replaced = send(
        client, "put", path, {"version": 1, "dashboard": DOCUMENT | {"name": "New", "widgets": []}}, query_params=ACME
    )
    listed = client.get(LIST, ACME)
    deleted = client.delete(path, query_params=ACME)

    assert (made.status_code, made["ETag"]) == (201, '"1"')
    assert read.json() == made.json()
    assert read.json()["dashboard"] == DOCUMENT
    assert (read.json()["visibility"], read.json()["owner"], read.json()["widgets"]) == ("private", ana.email, 2)
    assert (replaced.status_code, replaced["ETag"], replaced.json()["name"]) == (200, '"2"', "New")
    assert replaced.json()["visibility"] == "private"
    assert [(board["name"], board["widgets"]) for board in listed.json()["results"]] == [("New", 0)]
    assert deleted.status_code == 204
    assert client.get(path, ACME).status_code == 404


def test_the_document_is_what_the_export_holds(acme, ana, client_of):
    board = make_board(acme, ana)
    client = client_of(ana)

    assert (
        client.get(one(board), ACME).json()["dashboard"]
        == client.get(reverse("boards:board-export", args=["acme", board.pk])).json()
    )


def test_what_a_key_makes_is_shared_and_nobodys(acme, client, terraform):
    made = send(client, "post", LIST, {"dashboard": DOCUMENT}, headers=terraform)

    assert (made.status_code, made.json()["visibility"], made.json()["owner"]) == (201, "shared", None)
    with org_scope(acme.pk):
        entry = AuditEntry.objects.get(action="dashboard.created")
    assert entry.actor_kind == "key"


def test_a_key_has_nothing_of_its_own(acme, client, terraform):
    answer = send(client, "post", LIST, {"visibility": "private", "dashboard": DOCUMENT}, headers=terraform)

    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"field": "visibility", "message": "A key owns nothing, so what it makes is shared."}
    ]


def test_a_key_sees_and_changes_what_is_shared_and_nothing_else(acme, ana, client, terraform):
    private, shared = make_board(acme, ana, visibility="private"), make_board(acme, ana, name="Ours")

    listed = client.get(LIST, headers=terraform)
    replaced = send(client, "put", one(shared), {"version": 1, "dashboard": DOCUMENT}, headers=terraform)

    assert [board["name"] for board in listed.json()["results"]] == ["Ours"]
    assert client.get(one(private), headers=terraform).status_code == 404
    assert replaced.status_code == 200
    assert stored(shared).owner == ana  # it stays hers


def test_a_key_of_one_project_gets_nowhere(acme, acme_project, ana, client):
    board = make_board(acme, ana)
    key = bearer(issue_key(acme, scopes=[Scope.READ, Scope.MANAGE], project=acme_project))

    assert client.get(LIST, headers=key).status_code == 403
    assert client.get(one(board), headers=key).status_code == 403
    assert send(client, "post", LIST, {"dashboard": DOCUMENT}, headers=key).status_code == 403
    assert client.delete(one(board), headers=key).status_code == 403


@pytest.mark.parametrize(
    ("role", "visibility", "status"),
    [(Role.VIEWER, "private", 201), (Role.VIEWER, "shared", 403), (Role.MEMBER, "shared", 201)],
)
def test_who_may_share(acme, join, client_of, role, visibility, status):
    client = client_of(join("cleo", role))

    answer = send(client, "post", LIST, {"visibility": visibility, "dashboard": DOCUMENT}, query_params=ACME)

    assert answer.status_code == status
    with org_scope(acme.pk):
        assert Board.objects.count() == (1 if status == 201 else 0)


@pytest.mark.parametrize(("name", "status"), [("member", 403), ("viewer", 403), ("admin", 200)])
def test_who_replaces_what_somebody_else_shared(acme, ana, request, name, status):
    board = make_board(acme, ana)
    client = request.getfixturevalue(name)

    answer = send(client, "put", one(board), {"version": 1, "dashboard": DOCUMENT}, query_params=ACME)

    assert answer.status_code == status
    assert stored(board).version == (2 if status == 200 else 1)


# --- Two at once ---


@pytest.mark.parametrize(
    ("version", "header", "status", "kind"),
    [
        (1, None, 409, "dashboard-changed"),
        (None, '"1"', 412, "dashboard-changed"),
        (None, 'W/"1"', 412, "dashboard-changed"),
        (None, None, 400, "invalid"),
        (2, '"1"', 400, "invalid"),
        (None, "*", 400, "invalid"),
        (None, "2", 400, "invalid"),
        (0, None, 400, "invalid"),
        (2, None, 200, ""),
        (None, ' "2" ', 200, ""),
        (2, '"2"', 200, ""),
    ],
)
def test_whoever_replaces_says_what_they_saw(acme, ana, client_of, version, header, status, kind):
    board = make_board(acme, ana)
    client = client_of(ana)
    send(client, "put", one(board), {"version": 1, "dashboard": DOCUMENT}, query_params=ACME)
    body = {"dashboard": DOCUMENT | {"name": "Second"}} | ({} if version is None else {"version": version})
    headers = {} if header is None else {"If-Match": header}

    answer = send(client, "put", one(board), body, query_params=ACME, headers=headers)

    assert answer.status_code == status
    assert stored(board).name == ("Second" if status == 200 else "Costs")
    if kind:
        assert answer.json()["type"].endswith(kind)
    if status in {409, 412}:
        assert answer.json()["detail"] == "The newest version is 2. Read it, then try again."


def test_a_write_that_is_sent_again_is_done_once(acme, client, terraform):
    headers = terraform | {"Idempotency-Key": "once"}

    answers = [send(client, "post", LIST, {"dashboard": DOCUMENT}, headers=headers) for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    with org_scope(acme.pk):
        assert Board.objects.count() == 1


# --- What is refused ---


def test_every_fault_of_a_document_is_told_with_its_place(acme, ana, client_of):
    document = {
        "version": 1,
        "name": "",
        "widgets": [{"kind": "bar", "question": {"metric": "joy"}}, {"kind": "stat", "question": {"by": ["planet"]}}],
    }

    answer = send(client_of(ana), "post", LIST, {"dashboard": document}, query_params=ACME)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [
        "dashboard.name",
        "dashboard.widgets.0.question",
        "dashboard.widgets.1.question",
    ]
    with org_scope(acme.pk):
        assert not Board.objects.exists()


@pytest.mark.parametrize(
    "body", [{}, {"dashboard": None}, {"dashboard": []}, {"dashboard": DOCUMENT, "id": 1}, {"dashboard": "x"}, []]
)
def test_a_body_that_is_none(acme, ana, client_of, body):
    answer = send(client_of(ana), "post", LIST, body, query_params=ACME)

    assert answer.status_code == 400


def test_there_are_so_many_and_no_more(acme, ana, client_of):
    with org_scope(acme.pk):
        Board.objects.bulk_create(Board(organization=acme, owner=ana, name=str(n)) for n in range(200))

    answer = send(client_of(ana), "post", LIST, {"dashboard": DOCUMENT}, query_params=ACME)

    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "too-many-dashboards")


def test_a_project_that_is_hidden_is_not_named_and_not_lost(acme, acme_project, ana, join, client_of):
    widget = WidgetTerms(
        kind=SPEND.kind, question=SPEND.question, filters=(("project", "web"),), place=Place(0, 0, 3, 2)
    )
    board = make_board(acme, ana, widgets=(widget,))
    blind = join("blind", Role.ADMIN)
    with org_scope(acme.pk):
        ProjectRole.objects.create(organization=acme, project=acme_project, user=blind, role=Role.NONE)
    client = client_of(blind)

    read = client.get(one(board), ACME)
    replaced = send(client, "put", one(board), {"version": 1, "dashboard": read.json()["dashboard"]}, query_params=ACME)

    assert read.json()["dashboard"]["widgets"][0]["filters"] == {"project": ["(hidden)"]}
    assert replaced.status_code == 403
    with org_scope(acme.pk):
        assert terms(stored(board), widgets_of(board)).widgets == (widget,)
