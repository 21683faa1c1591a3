"""``Idempotency-Key`` on the API's writes, seen on teams; every route has it by tests/test_idempotent_writes.py."""

import json
import threading
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from conftest import make_organization
from core.scope import org_scope
from ingestion import tasks
from tenants import idempotency, key_services, teams
from tenants.models import ApiAnswer, AuditEntry, Organization, Team
from tenants.permissions import Scope
from tenants.tests.keys import bearer, issue_key

URL = "/api/v1/teams"
JSON = {"content_type": "application/json"}
PROBLEMS = "https://tokenops.dev/problems/"


@pytest.fixture
def manager(acme):
    return bearer(issue_key(acme, scopes=[Scope.READ, Scope.MANAGE]))


@pytest.fixture
def post(anonymous, manager):
    def send(body, *, key="one", url=URL, headers=None, method="post"):
        sent = (headers or manager) | ({"Idempotency-Key": key} if key is not None else {})
        return getattr(anonymous, method)(url, body, headers=sent, **JSON)

    return send


def team_names(organization):
    with org_scope(organization.pk):
        return sorted(Team.objects.values_list("name", flat=True))


def kept(organization):
    with org_scope(organization.pk):
        return list(ApiAnswer.objects.all())


def test_the_same_request_is_done_once_and_gets_the_same_answer(post, acme, scope):
    first = post({"name": "Search"})
    again = post({"name": "Search"})

    assert (first.status_code, again.status_code) == (201, 201)
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert again.content == first.content
    assert team_names(acme) == ["Search"]
    with scope(acme):
        assert AuditEntry.objects.filter(action="team.created").count() == 1


def test_another_body_under_the_key_is_refused_and_does_nothing(post, acme):
    post({"name": "Search"})

    answer = post({"name": "Ranking"})

    assert answer.status_code == 422
    assert answer.json() == {
        "type": PROBLEMS + "idempotency-key-reused",
        "title": "This Idempotency-Key came with another body before.",
        "status": 422,
        "detail": "Nothing of this request is done. A new request needs a new key.",
    }
    assert team_names(acme) == ["Search"]


@pytest.mark.parametrize("key", ["", " ", "x" * 256])
def test_a_key_that_cannot_be_used_is_said_and_nothing_is_done(post, acme, key):
    answer = post({"name": "Search"}, key=key)

    assert answer.status_code == 400
    assert answer.json() == {
        "type": PROBLEMS + "invalid-idempotency-key",
        "title": "The Idempotency-Key cannot be used.",
        "status": 400,
        "errors": [{"field": "Idempotency-Key", "message": "Send one key of 1 to 255 characters."}],
    }
    assert team_names(acme) == []


def test_the_longest_key_and_one_beyond_ascii_are_keys(post, acme):
    for key in ("x" * 255, "sch\u00fcssel"):
        first, again = post({"name": key[:5]}, key=key), post({"name": key[:5]}, key=key)
        assert (first.status_code, again["Idempotent-Replayed"]) == (201, "true")

    assert len(kept(acme)) == 2


def test_what_was_refused_leaves_the_key_free(post, acme):
    assert post({"name": ""}).status_code == 400
    assert post({"name": "Search", "slug": "S"}).status_code == 400
    assert kept(acme) == []

    assert post({"name": "Search"}).status_code == 201


def test_without_a_key_nothing_is_kept(post, acme):
    assert post({"name": "Search"}, key=None).status_code == 201
    assert post({"name": "Search"}, key=None).status_code == 400

    assert kept(acme) == []


def test_reads_do_not_look_at_the_header(anonymous, acme, manager):
    answer = anonymous.get(URL, headers=manager | {"Idempotency-Key": ""})

    assert answer.status_code == 200
    assert kept(acme) == []


def test_a_key_counts_for_one_client_one_method_and_one_path(post, anonymous, acme, globex, admin):
    teams.create_team(organization=acme, actor=None, name="Ranking")
    other = bearer(issue_key(acme, scopes=[Scope.MANAGE, Scope.READ]))
    theirs = bearer(issue_key(globex, scopes=[Scope.MANAGE, Scope.READ]))
    body = {"name": "Search"}
    assert post(body).status_code == 201

    assert post(body, headers=other).status_code == 400  # run anew: the team is there already
    assert post(body, headers=theirs).status_code == 201
    assert post(body, url=f"{URL}/ranking", method="patch").json()["slug"] == "ranking"
    asked = admin.post(f"{URL}?organization=acme", body, headers={"Idempotency-Key": "one"}, **JSON)
    assert asked.status_code == 400
    assert team_names(globex) == ["Search"]


def test_people_have_keys_of_their_own(admin, acme):
    sent = [
        admin.post(f"{URL}?organization=acme", {"name": "Search"}, headers={"Idempotency-Key": "one"}, **JSON)
        for _ in range(2)
    ]

    assert [answer.status_code for answer in sent] == [201, 201]
    assert sent[1]["Idempotent-Replayed"] == "true"


def test_a_deletion_is_answered_again_although_there_is_nothing_left(post, acme):
    teams.create_team(organization=acme, actor=None, name="Search")

    first = post({}, url=f"{URL}/search", method="delete")
    again = post({}, url=f"{URL}/search", method="delete")

    assert (first.status_code, again.status_code) == (204, 204)
    assert (again.content, again["Idempotent-Replayed"]) == (b"", "true")
    assert post({}, url=f"{URL}/search", method="delete", key=None).status_code == 404


def test_rights_are_asked_before_an_answer_is_given_again(post, anonymous, acme, manager):
    post({"name": "Search"})
    with org_scope(acme.pk):
        key = key_services.ApiKey.objects.get()
        key_services.revoke_key(organization=acme, actor=None, key=key, now=timezone.now())

    assert post({"name": "Search"}).status_code == 401


def test_answers_are_encrypted_and_move_to_a_new_secret(post, acme, settings):
    first = post({"name": "Search"})
    (stored,) = kept(acme)
    assert b"earch" not in bytes(stored.answer)
    settings.ENCRYPTION_KEY_PREVIOUS = settings.ENCRYPTION_KEY
    settings.ENCRYPTION_KEY = "another-secret-that-is-long-enough"

    call_command("rotate_encryption_key", verbosity=0)
    settings.ENCRYPTION_KEY_PREVIOUS = ""

    assert post({"name": "Search"}).content == first.content


def test_an_answer_that_cannot_be_opened_is_not_done_again(post, acme, settings):
    post({"name": "Search"})
    settings.ENCRYPTION_KEY = "another-secret-that-is-long-enough"

    answer = post({"name": "Search"})

    assert (answer.status_code, answer.json()["type"]) == (409, PROBLEMS + "idempotency-answer-lost")
    assert team_names(acme) == ["Search"]


def test_after_a_day_the_key_is_free_and_the_answer_goes(post, acme, globex):
    post({"name": "Search"})
    with org_scope(acme.pk):
        ApiAnswer.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))

    assert post({"name": "Ranking"}).status_code == 201
    assert team_names(acme) == ["Ranking", "Search"]
    (renewed,) = kept(acme)
    assert renewed.created_at > timezone.now() - timedelta(minutes=1)


def test_retention_deletes_old_answers_of_every_organization_and_no_others(post, acme, globex):
    theirs = bearer(issue_key(globex, scopes=[Scope.MANAGE, Scope.READ]))
    post({"name": "Search"}, headers=theirs)
    post({"name": "Search"}, key="old")
    post({"name": "Ranking"}, key="new")
    old = timezone.now() - timedelta(hours=25)
    with org_scope(globex.pk):
        ApiAnswer.objects.update(created_at=old)
    with org_scope(acme.pk):
        ApiAnswer.objects.filter(pk=ApiAnswer.objects.earliest("created_at").pk).update(created_at=old)

    tasks.retention()

    assert kept(globex) == []
    assert len(kept(acme)) == 1
    assert idempotency.delete_old_answers(now=timezone.now()) == 0


def test_a_form_with_a_key_is_no_json_and_no_failure(owner, acme):
    answer = owner.post(f"{URL}?organization=acme", {"name": "Search"}, headers={"Idempotency-Key": "one"})

    assert answer.status_code == 415
    assert team_names(acme) == []


def test_a_body_that_is_too_large_is_refused(post, acme, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100

    answer = post({"name": "x" * 200})

    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": "", "message": idempotency.TOO_LARGE}]


def test_a_write_that_fails_half_way_leaves_neither_change_nor_answer(post, acme, monkeypatch):
    def broken(*_args, **_options):
        raise RuntimeError

    monkeypatch.setattr(idempotency, "_keep", broken)

    with pytest.raises(RuntimeError):
        post({"name": "Search"})

    assert team_names(acme) == []
    assert kept(acme) == []


def test_while_the_first_request_runs_a_second_one_is_told_to_come_back(committed_db, monkeypatch):
    """Two requests at once, on connections of their own; the first waits inside its write for the second's answer."""
    acme = make_organization("Acme")
    headers = bearer(issue_key(acme, scopes=[Scope.MANAGE, Scope.READ])) | {"Idempotency-Key": "one"}
    entered, answered, create = threading.Event(), threading.Event(), teams.create_team
    first = []

    def slowly(**options):
        entered.set()
        assert answered.wait(20)
        return create(**options)

    def send_first():
        first.append(Client().post(URL, {"name": "Search"}, headers=headers, **JSON))
        connection.close()

    monkeypatch.setattr(teams, "create_team", slowly)
    thread = threading.Thread(target=send_first)
    thread.start()
    assert entered.wait(20)

    second = Client().post(URL, {"name": "Search"}, headers=headers, **JSON)
    answered.set()
    thread.join(20)

    assert (second.status_code, second["Retry-After"]) == (409, "1")
    assert second.json()["type"] == PROBLEMS + "idempotency-key-in-use"
    assert first[0].status_code == 201
    third = Client().post(URL, {"name": "Search"}, headers=headers, **JSON)
    assert json.loads(third.content) == first[0].json()
    assert third["Idempotent-Replayed"] == "true"
    assert team_names(Organization.objects.get()) == ["Search"]
