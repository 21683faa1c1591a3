"""One end user: what is stored about them, all of it to take away, and everything that leads to them gone."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus

import psycopg
import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from core.databases import OWNER
from core.models import WorkDue
from core.scope import ScopeError, current_organization_id, org_scope
from dashboards.tests.factories import record_calls
from ingestion import end_users, erasure, tasks
from ingestion.models import Call, DailyRollup, Erasure, HourlyRollup, PromptRollup, SizeRollup, UserRollup
from ingestion.rebuild import differences
from tenants import key_services, services
from tenants.models import AuditEntry, Project, User

URL = "/o/acme/settings/end-users/"
EXPORT, ERASE = URL + "export/", URL + "erase/"
MAIL = "jane@example.org"
NOW = timezone.now()
PERSONAL = {
    "session_id": "session-of-jane",
    "trace_id": "trace-of-jane",
    "span_id": "span-of-jane",
    "parent_span_id": "parent-of-jane",
    "response_id": "response-of-jane",
    "upstream_request_id": "request-of-jane",
    "prompt_hash": "hash-of-jane",
    "prompt_prefix_hash": "prefix-of-jane",
    "tags": {"customer": "jane"},
}


@pytest.fixture
def acme_calls(acme, acme_project, globex):
    """Calls of jane (as sent, and hashed) on three days in two projects, of joe, of nobody, and of another tenant."""
    shop = services.create_project(organization=acme, actor=User.objects.get(email="owner@acme.test"), name="Shop")
    with org_scope(acme.pk):
        hashed = end_users.as_stored(organization=acme, user_ids=[MAIL])[1]
    days = [NOW - timedelta(days=day, minutes=5) for day in range(3)]
    record_calls(
        acme_project,
        [{"started_at": at, "call_id": f"jane-{n}", "user_id": hashed} | PERSONAL for n, at in enumerate(days)]
        + [{"started_at": days[0], "call_id": "joe", "user_id": "joe", "session_id": "session-of-joe"}]
        + [{"started_at": days[0], "call_id": "nobody"}],
    )
    record_calls(shop, [{"started_at": days[1], "call_id": "jane-shop", "user_id": MAIL, "cost_usd": None}])
    with org_scope(globex.pk):
        record_calls(Project.objects.get(), [{"started_at": days[0], "call_id": "theirs", "user_id": MAIL}])
    return acme


def calls(organization, **filters):
    with org_scope(organization.pk):
        return list(Call.objects.filter(**filters).order_by("call_id").values())


def actor():
    return User.objects.get(email="owner@acme.test")


def erase(organization, user_id=MAIL, **options):
    given = {"actor": actor(), "user_id": user_id, "confirmation": user_id, "now": NOW} | options
    return erasure.start_erasure(organization=organization, **given)


def erase_all(organization, started):
    for _ in range(50):
        erasure.erase_slice(organization_id=organization.pk, erasure_id=started.pk, now=NOW)
        if not WorkDue.objects.filter(task=erasure.TASK).exists():
            return
    raise AssertionError("it never ends")


def audits(organization, action):
    with org_scope(organization.pk):
        return list(AuditEntry.objects.filter(action=action).order_by("pk"))


# --- What is stored ---


def test_a_person_is_found_as_sent_and_as_hashed(admin, acme_calls):
    page = admin.post(URL, {"user_id": MAIL}).text

    assert "4 calls of" in page
    assert "Erase this end user" in page
    with org_scope(acme_calls.pk):
        projects = list(Project.objects.order_by("slug"))
        found = erasure.stored(organization=acme_calls, user_id=MAIL, projects=projects)
    assert [(one.project.slug, one.calls, one.cost_usd, one.unpriced_calls) for one in found] == [
        ("web", 3, Decimal("0.0225"), 0),
        ("shop", 1, None, 1),
    ]
    assert (found[0].first_at, found[0].last_at) == (NOW - timedelta(days=2, minutes=5), NOW - timedelta(minutes=5))


def test_the_hash_itself_finds_the_hashed_calls(admin, acme_calls):
    with org_scope(acme_calls.pk):
        hashed = end_users.as_stored(organization=acme_calls, user_ids=[MAIL])[1]

    assert "3 calls of" in admin.post(URL, {"user_id": hashed}).text


@pytest.mark.parametrize("user_id", ["nobody", "JOE", "joe ", "session-of-joe", "%"])
def test_who_is_not_stored_is_not_found_and_the_page_says_what_to_check(admin, acme_calls, user_id):
    page = admin.post(URL, {"user_id": user_id}).text

    assert "Nothing is stored about this id" in page
    assert "Erase this end user" not in page


def test_calls_without_a_user_are_nobodys(acme_calls):
    with org_scope(acme_calls.pk):
        assert erasure.stored(organization=acme_calls, user_id="", projects=list(Project.objects.all())) == []


@pytest.mark.parametrize("user_id", ["", "x" * 256, "a\0b"])
def test_an_id_that_no_call_can_have_is_refused_beside_the_field(admin, acme_calls, user_id):
    answers = [admin.post(url, {"user_id": user_id, "confirmation": user_id}) for url in (URL, EXPORT)]

    assert [answer.status_code for answer in answers] == [HTTPStatus.UNPROCESSABLE_ENTITY] * 2
    assert all("field-error" in answer.text for answer in answers)


def test_the_page_without_a_question_reads_no_calls(admin, acme_calls):
    page = admin.get(URL)

    assert page.status_code == HTTPStatus.OK
    assert "no-store" in page["Cache-Control"]
    assert "Erasures" not in page.text


# --- Export ---


def lines(answer):
    return [json.loads(line) for line in b"".join(answer.streaming_content).decode().splitlines()]


def test_an_export_is_every_call_as_the_api_shows_it_newest_first(admin, acme_calls, client):
    answer = admin.post(EXPORT, {"user_id": MAIL})

    assert answer["Content-Type"] == "application/x-ndjson"
    assert answer["Content-Disposition"].startswith('attachment; filename="end-user-')
    assert "jane" not in answer["Content-Disposition"]
    documents = lines(answer)
    assert [(one["project"], one["id"]) for one in documents] == [
        ("web", "jane-0"),
        ("shop", "jane-shop"),
        ("web", "jane-1"),
        ("web", "jane-2"),
    ]
    shown = admin.get("/api/v1/calls", {"organization": "acme", "user_id": MAIL}).json()["results"]
    assert documents[0] == shown[0]
    assert documents[1]["cost_usd"] is None
    (entry,) = audits(acme_calls, "end_user.exported")
    assert MAIL not in json.dumps(entry.facts)


def test_an_export_reads_page_by_page_and_holds_no_scope_in_between(acme_calls, monkeypatch):
    monkeypatch.setattr(erasure, "PAGE", 3)
    pages = erasure.export_pages(organization=acme_calls, user_id=MAIL, now=NOW)

    first = next(pages)

    with pytest.raises(ScopeError):
        current_organization_id()
    assert [call.call_id for call in first] == ["jane-0", "jane-shop", "jane-1"]
    assert [[call.call_id for call in page] for page in pages] == [["jane-2"]]


def test_pages_that_are_exactly_full_end(acme_calls, monkeypatch):
    monkeypatch.setattr(erasure, "PAGE", 2)

    pages = list(erasure.export_pages(organization=acme_calls, user_id=MAIL, now=NOW))

    assert [len(page) for page in pages] == [2, 2]


def test_an_export_of_nobody_is_empty(admin, acme_calls):
    assert lines(admin.post(EXPORT, {"user_id": "nobody"})) == []


# --- Erasing ---


def test_an_admin_erases_by_typing_the_id_again(admin, acme_calls):
    answer = admin.post(ERASE, {"user_id": MAIL, "confirmation": MAIL})

    assert answer.url == URL
    assert "Running" in admin.get(URL).text
    with org_scope(acme_calls.pk):
        started = Erasure.objects.get()
    assert str(started.created_by) == "admin@acme.test"
    tasks.erase(organization_id=acme_calls.pk, object_id=started.pk)
    page = admin.get(URL).text
    assert "Done" in page
    assert MAIL not in page
    assert "Nothing is stored about this id" in admin.post(URL, {"user_id": MAIL}).text


@pytest.mark.parametrize("typed", ["", "jane", MAIL + " ", MAIL.upper()])
def test_another_word_erases_nobody(admin, acme_calls, typed):
    answer = admin.post(ERASE, {"user_id": MAIL, "confirmation": typed})

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "4 calls of" in answer.text
    with org_scope(acme_calls.pk):
        assert not Erasure.objects.exists()
    assert not WorkDue.objects.filter(task=erasure.TASK).exists()


def test_what_leads_to_the_person_goes_and_everything_else_stays(acme_calls, globex):
    before = {call["call_id"]: call for call in calls(acme_calls)}

    erase_all(acme_calls, erase(acme_calls))

    after = {call["call_id"]: call for call in calls(acme_calls)}
    emptied = dict.fromkeys(erasure.ERASED, "") | {"tags": {}}
    for call_id, call in before.items():
        assert after[call_id] == (call | emptied if call_id.startswith("jane") else call)
    assert "jane" not in json.dumps([call | {"call_id": ""} for call in after.values()], default=str)
    assert [call["user_id"] for call in calls(globex)] == [MAIL]


def test_sums_do_not_change(acme_calls):
    def sums():
        with org_scope(acme_calls.pk):
            return [list(model.objects.order_by("pk").values()) for model in (HourlyRollup, DailyRollup, SizeRollup)]

    before = sums()

    erase_all(acme_calls, erase(acme_calls))

    assert sums() == before


def test_the_sums_of_an_end_user_are_gone_with_the_person(acme_calls, acme_project):
    record_calls(acme_project, [{"call_id": "joe-too", "user_id": "joe", "started_at": NOW - timedelta(minutes=6)}])
    with org_scope(acme_calls.pk):
        others = set(UserRollup.objects.filter(user_id="joe").values_list("bucket_date", "calls", "cost_usd"))
        stored_as = set(UserRollup.objects.values_list("user_id", flat=True)) - {"joe"}
        # A day whose calls are gone.
        old = UserRollup.objects.filter(user_id__in=stored_as).first()
        old.bucket_date -= timedelta(days=300)
        old._state.adding = True
        old.save(force_insert=True)

    erase_all(acme_calls, erase(acme_calls))

    with org_scope(acme_calls.pk):
        kept = set(UserRollup.objects.values_list("user_id", "bucket_date", "calls", "cost_usd"))
    assert others
    assert kept == {("joe", *sums) for sums in others}


def test_sums_by_prompt_lose_what_the_calls_no_longer_say(acme_calls, acme_project):
    shared = {"started_at": NOW - timedelta(minutes=6), "prompt_hash": "hash-of-jane", "source": "sdk"}
    record_calls(acme_project, [{"call_id": "joe-too", "user_id": "joe"} | shared])
    record_calls(acme_project, [{"call_id": "jane-too", "user_id": MAIL} | shared])

    def prompts():
        with org_scope(acme_calls.pk):
            rows = PromptRollup.objects.order_by("bucket_date", "kind", "source")
            return list(rows.values_list("source", "kind", "hash", "calls", "input_tokens", "cost_usd"))

    # Two days' calls of jane came in time; the third day's only with what its test says of its arrival.
    assert ("sdk", "full", "hash-of-jane", 2, 2000, Decimal("0.0150")) in prompts()
    assert {kind for _, kind, *_ in prompts()} == {"full", "prefix"}

    erase_all(acme_calls, erase(acme_calls))

    assert prompts() == [("sdk", "full", "hash-of-jane", 1, 1000, Decimal("0.0075"))]
    days = {"first_date": NOW.date() - timedelta(days=4), "end_date": NOW.date() + timedelta(days=1)}
    found = [found for _, found in differences(organization=acme_calls, now=timezone.now(), **days)]
    assert found == [[]] * 5


def test_the_audit_log_and_the_row_name_nobody(acme_calls):
    started = erase(acme_calls)

    assert MAIL.encode() not in bytes(started.sealed_ids)
    erase_all(acme_calls, started)
    entries = audits(acme_calls, "end_user.erasure_started") + audits(acme_calls, "end_user.erased")
    assert [entry.facts for entry in entries] == [
        {"person": started.person},
        {"person": started.person, "calls": 4},
    ]
    assert [entry.actor_name for entry in entries] == ["owner@acme.test", ""]
    with org_scope(acme_calls.pk):
        done = Erasure.objects.get()
        stored_as = end_users.as_stored(organization=acme_calls, user_ids=[MAIL])
    assert (bytes(done.sealed_ids), done.calls, done.finished_at) == (b"", 4, NOW)
    assert all(done.person not in form for form in stored_as)


def test_asking_twice_is_one_erasure_and_asking_later_another(acme_calls):
    first = erase(acme_calls)

    assert erase(acme_calls).pk == first.pk
    assert len(audits(acme_calls, "end_user.erasure_started")) == 1

    erase_all(acme_calls, first)
    second = erase(acme_calls)
    assert (second.pk != first.pk, second.person == first.person) == (True, True)


def test_many_calls_are_erased_slice_by_slice(acme_calls, monkeypatch):
    monkeypatch.setattr(erasure, "_ROWS", 1)
    monkeypatch.setattr(erasure, "_BATCHES", 2)
    started = erase(acme_calls)

    erasure.erase_slice(organization_id=acme_calls.pk, erasure_id=started.pk, now=NOW)

    assert len(calls(acme_calls, user_id="")) == 3  # nobody's, and two of four
    with org_scope(acme_calls.pk):
        assert (Erasure.objects.get().calls, Erasure.objects.get().finished_at) == (2, None)
    erase_all(acme_calls, started)
    assert len(calls(acme_calls, user_id="")) == 5


def test_a_call_that_comes_while_erasing_is_erased_too(acme_calls, acme_project, monkeypatch):
    monkeypatch.setattr(erasure, "_BATCHES", 1)
    started = erase(acme_calls)
    erasure.erase_slice(organization_id=acme_calls.pk, erasure_id=started.pk, now=NOW)

    record_calls(acme_project, [{"started_at": NOW - timedelta(days=4), "user_id": MAIL}])
    erase_all(acme_calls, started)

    assert calls(acme_calls, user_id=MAIL) == []


def test_the_task_may_run_once_too_often_and_for_what_is_not_there(acme_calls):
    started = erase(acme_calls)
    erase_all(acme_calls, started)
    before = calls(acme_calls)

    tasks.erase(organization_id=acme_calls.pk, object_id=started.pk)
    tasks.erase(organization_id=acme_calls.pk, object_id=10**9)

    assert calls(acme_calls) == before
    assert len(audits(acme_calls, "end_user.erased")) == 1


def test_somebody_without_calls_is_erased_in_no_time(acme_calls):
    erase_all(acme_calls, erase(acme_calls, "nobody"))

    assert audits(acme_calls, "end_user.erased")[0].facts["calls"] == 0


@pytest.mark.parametrize("user_id", ["", "x" * 256, "a\0b"])
def test_the_service_refuses_an_id_that_no_call_can_have(acme_calls, user_id):
    with pytest.raises(ValidationError, match="Give an id"):
        erase(acme_calls, user_id)


@pytest.mark.parametrize(("who", "status"), [("member", 403), ("viewer", 403), ("outsider", 404), ("anonymous", 302)])
def test_others_neither_find_nor_export_nor_erase(request, acme_calls, who, status):
    client = request.getfixturevalue(who)

    answers = [client.post(url, {"user_id": MAIL, "confirmation": MAIL}).status_code for url in (URL, EXPORT, ERASE)]

    assert answers == [status] * 3
    with org_scope(acme_calls.pk):
        assert not Erasure.objects.exists()


# --- Whoever adds a table with end users must say how it is erased ---


def test_calls_and_their_sums_are_the_only_tables_that_name_end_users(db):
    known = {"calls", "calls_stage", "user_rollups_daily"}  # the stage is an empty shape
    with psycopg.connect(settings.DATABASE.conninfo(OWNER)) as owner:
        found = owner.execute(
            "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'user_id'"
            " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition"
            " and a.atttypid = 'text'::regtype"
        ).fetchall()

    assert {name for (name,) in found} == known


# --- Over the API ---


def path(user_id=MAIL):
    return f"/api/v1/end-users/{user_id}?organization=acme"


def test_the_api_says_what_is_stored(viewer, acme_calls):
    answer = viewer.get(path())

    assert answer.status_code == HTTPStatus.OK
    first = (NOW - timedelta(days=2, minutes=5)).astimezone(UTC)
    assert answer.json()["next"] is None
    assert [(one["project"], one["calls"], one["cost_usd"]) for one in answer.json()["results"]] == [
        ("web", 3, "0.0225"),
        ("shop", 1, None),
    ]
    assert datetime.fromisoformat(answer.json()["results"][0]["first_at"]) == first
    assert viewer.get(path("nobody")).json()["results"] == []


def test_a_key_of_a_project_sees_what_its_project_stores(client, acme_calls, acme_project):
    key = key_services.create_key(organization=acme_calls, actor=None, name="k", scopes=["read"], project=acme_project)

    answer = client.get(f"/api/v1/end-users/{MAIL}", headers={"X-API-Key": key.text})

    assert [one["project"] for one in answer.json()["results"]] == ["web"]


def test_admins_erase_over_the_api(admin, acme_calls):
    answer = admin.delete(path())

    assert answer.status_code == HTTPStatus.ACCEPTED
    with org_scope(acme_calls.pk):
        started = Erasure.objects.get()
    assert answer.json()["person"] == started.person
    erase_all(acme_calls, started)
    assert admin.get(path()).json()["results"] == []


@pytest.mark.parametrize(("who", "status"), [("member", 403), ("viewer", 403), ("outsider", 404), ("anonymous", 401)])
def test_others_erase_nobody_over_the_api(request, acme_calls, who, status):
    assert request.getfixturevalue(who).delete(path()).status_code == status
    with org_scope(acme_calls.pk):
        assert not Erasure.objects.exists()


def test_keys_erase_nobody(client, acme_calls):
    key = key_services.create_key(organization=acme_calls, actor=None, name="k", scopes=["read"], project=None)

    answer = client.delete(f"/api/v1/end-users/{MAIL}", headers={"X-API-Key": key.text})

    assert answer.status_code == HTTPStatus.FORBIDDEN
    with org_scope(acme_calls.pk):
        assert not Erasure.objects.exists()


@pytest.mark.parametrize("user_id", ["x" * 256, "a%00b"])
def test_an_id_that_no_call_can_have_is_404(admin, acme_calls, user_id):
    assert admin.get(path(user_id)).status_code == HTTPStatus.NOT_FOUND
    assert admin.delete(path(user_id)).status_code == HTTPStatus.NOT_FOUND
