"""``/api/v1/keys``: what a key may make of keys, and what it may not."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from core.scope import org_scope
from tenants import key_services, services
from tenants.models import ApiKey, AuditEntry, ProjectRole, User
from tenants.permissions import Role, Scope
from tenants.tests.keys import bearer, issue_key

URL = "/api/v1/keys"
ME = "/api/v1/me"
JSON = {"content_type": "application/json"}
OF_ACME = "?organization=acme"
EVERY = list(Scope)
BEYOND = "https://tokenops.dev/problems/beyond-own-rights"


@pytest.fixture
def manager(acme):
    """Headers of a key of the whole organization that may do everything."""
    return bearer(issue_key(acme, scopes=EVERY))


@pytest.fixture
def bound(acme, acme_project):
    """Headers of a key of one project."""
    return bearer(issue_key(acme, project=acme_project, scopes=[Scope.MANAGE, Scope.INGEST]))


@pytest.fixture
def mobile(acme):
    return services.create_project(organization=acme, actor=None, name="Mobile")


@pytest.fixture
def post(anonymous):
    def send(body, headers, url=URL, **more):
        return anonymous.post(url, body, headers=headers | more, **JSON)

    return send


def made(organization, **fields):
    with org_scope(organization.pk):
        return ApiKey.objects.filter(**fields).count()


def names(answer):
    assert answer.status_code == 200
    return [key["name"] for key in answer.json()["results"]]


def named(organization, name, *, project=None, scopes=(Scope.READ,), **more):
    return key_services.create_key(
        organization=organization, actor=None, name=name, scopes=list(scopes), project=project, **more
    )


# --- Making ---


def test_a_key_is_made_by_a_key_and_its_secret_works_and_is_shown_once(post, anonymous, acme, acme_project, manager):
    body = {"name": "CI", "scopes": ["read"], "project": "web", "allowed_ranges": ["127.0.0.0/8"], "expires_at": "24h"}

    before = timezone.now()
    answer = post(body, manager)

    assert answer.status_code == 201
    assert "no-store" in answer["Cache-Control"]
    shown = answer.json()
    secret, key_id, expires_at = shown.pop("secret"), shown["id"], shown["expires_at"]
    assert timedelta(hours=24) <= datetime.fromisoformat(expires_at) - before < timedelta(hours=24, minutes=1)
    assert {name: shown[name] for name in ("name", "scopes", "project", "allowed_ranges", "state", "replaced_by")} == {
        "name": "CI",
        "scopes": ["read"],
        "project": "web",
        "allowed_ranges": ["127.0.0.0/8"],
        "state": "active",
        "replaced_by": None,
    }
    assert (shown["created_by_kind"], shown["created_by"]) == ("key", None)
    assert anonymous.get(ME, headers={"Authorization": f"Bearer {secret}"}).json()["key"]["name"] == "CI"
    detail = anonymous.get(f"{URL}/{key_id}", headers=manager)
    assert detail.json() == shown | {"last_used_at": detail.json()["last_used_at"], "last_address": "127.0.0.1"}
    assert secret not in detail.content.decode()
    with org_scope(acme.pk):
        entry = AuditEntry.objects.get(action="key.created", target_id=str(key_id))
        assert (entry.actor_kind, entry.actor_name) == ("key", "Test")


def test_an_idempotent_creation_shows_the_same_secret_again_and_makes_one_key(post, acme, manager):
    sent = [post({"name": "CI", "scopes": ["read"]}, manager, **{"Idempotency-Key": "deploy-1"}) for _ in range(2)]

    assert [answer.status_code for answer in sent] == [201, 201]
    assert sent[0].json() == sent[1].json()
    assert sent[1]["Idempotent-Replayed"] == "true"
    assert "no-store" in sent[1]["Cache-Control"]
    assert made(acme, name="CI") == 1


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("7d", None),
        ("2199-01-31T18:00:00Z", datetime(2199, 1, 31, 18, tzinfo=UTC)),
        ("2199-01-31T18:00:00+02:00", datetime(2199, 1, 31, 16, tzinfo=UTC)),
        (None, None),
    ],
)
def test_an_expiry_is_a_duration_a_moment_or_never(post, manager, written, expected):
    shown = post({"name": "CI", "scopes": ["read"], "expires_at": written}, manager).json()["expires_at"]

    if written == "7d":
        assert datetime.fromisoformat(shown) - timezone.now() > timedelta(days=6, hours=23)
    else:
        assert (datetime.fromisoformat(shown) if shown else None) == expected


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["admin"]}, "scopes.0"),
        ({"scopes": "read"}, "scopes"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"expires_at": "2199-01-31"}, "expires_at"),
        ({"expires_at": "2020-01-31T18:00:00Z"}, "expires_at"),
        ({"expires_at": "2199-01-31T18:00"}, "expires_at"),
        ({"allowed_ranges": ["10.0.0.0/33"]}, "allowed_ranges"),
        ({"allowed_ranges": ["10.0.0.0"] * 51}, "allowed_ranges"),
        ({"project": "nothing"}, "project"),
        ({"project": "theirs"}, "project"),
        ({"created_by": "me"}, "created_by"),
    ],
)
def test_a_key_that_cannot_be_is_refused_by_the_member_that_is_wrong(post, acme, globex, manager, body, field):
    services.create_project(organization=globex, actor=None, name="Theirs")

    answer = post({"name": "CI", "scopes": ["read"]} | body, manager)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert "tomorrow" not in answer.content.decode()
    assert made(acme) == 1


# --- No more than one has oneself ---


@pytest.mark.parametrize("lacking", ["ingest", "read", "gateway"])
def test_a_key_does_not_give_a_scope_it_lacks(post, acme, lacking):
    manage_only = bearer(issue_key(acme, scopes=[Scope.MANAGE]))

    answer = post({"name": "More", "scopes": ["manage", lacking]}, manage_only)

    assert (answer.status_code, answer.json()["type"]) == (403, BEYOND)
    assert "only keys with scopes and a reach that it has itself" in answer.json()["detail"]
    assert made(acme, name="More") == 0
    assert post({"name": "Same", "scopes": ["manage"]}, manage_only).status_code == 201


@pytest.mark.parametrize("project", [None, "mobile", "nothing"])
def test_a_key_of_a_project_makes_keys_of_that_project_alone(post, acme, bound, mobile, project):
    answer = post({"name": "More", "scopes": ["ingest"], "project": project}, bound)

    assert (answer.status_code, answer.json()["type"]) == (403, BEYOND)
    assert made(acme, name="More") == 0
    for body in ({}, {"project": "web"}):
        own = post({"name": "Own", "scopes": ["ingest"]} | body, bound)
        assert (own.status_code, own.json()["project"]) == (201, "web")


@pytest.mark.parametrize("scopes", [[Scope.READ], [Scope.INGEST], [Scope.GATEWAY]])
def test_no_other_scope_gives_access_to_keys(post, anonymous, acme, scopes):
    issued = issue_key(acme, scopes=scopes)
    headers = bearer(issued)

    answers = [
        anonymous.get(URL, headers=headers),
        anonymous.get(f"{URL}/{issued.key.pk}", headers=headers),
        post({"name": "More", "scopes": scopes}, headers),
        post({}, headers, url=f"{URL}/{issued.key.pk}/rotate"),
        anonymous.delete(f"{URL}/{issued.key.pk}", headers=headers),
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert {answer.json()["type"] for answer in answers} == {"https://tokenops.dev/problems/missing-scope"}
    assert made(acme, revoked_at=None) == 1


def test_what_a_key_does_not_reach_is_not_there_for_it(post, anonymous, acme, globex, acme_project, bound, mobile):
    others = [named(acme, "all"), named(acme, "mobile", project=mobile), named(globex, "theirs")]

    for issued in others:
        address = f"{URL}/{issued.key.pk}"
        assert anonymous.get(address, headers=bound).status_code == 404
        assert anonymous.delete(address, headers=bound).status_code == 404
        assert post({}, bound, url=f"{address}/rotate").status_code == 404
    assert made(acme, revoked_at=None, replaced_by=None) == 3
    assert made(globex, revoked_at=None, replaced_by=None) == 1


def test_a_key_that_may_do_more_is_seen_and_neither_revoked_nor_rotated(post, anonymous, acme, acme_project):
    able = named(acme, "reports", scopes=[Scope.READ])
    manage_only = bearer(issue_key(acme, scopes=[Scope.MANAGE]))
    address = f"{URL}/{able.key.pk}"

    assert anonymous.get(address, headers=manage_only).status_code == 200
    for answer in (anonymous.delete(address, headers=manage_only), post({}, manage_only, url=f"{address}/rotate")):
        assert (answer.status_code, answer.json()["type"]) == (403, BEYOND)
    assert made(acme, revoked_at=None, replaced_by=None) == 2


def test_people_make_what_their_role_allows(post, admin, member, viewer, nobody, outsider, acme, acme_project):
    def status(client, body):
        return client.post(URL + OF_ACME, {"name": "More", "scopes": ["ingest"]} | body, **JSON).status_code

    assert status(member, {"project": "web"}) == 201
    assert status(member, {"project": "web", "scopes": ["manage"]}) == 403
    assert status(member, {}) == 403
    assert status(admin, {"scopes": ["manage"]}) == 201
    assert status(viewer, {"project": "web"}) == 403
    assert status(nobody, {"project": "web"}) == 403
    assert status(outsider, {"project": "web"}) == 404
    assert made(acme, name="More") == 2


def test_a_role_in_a_project_counts_there(member, viewer, acme, acme_project, mobile):
    with org_scope(acme.pk):
        for email, role in (("viewer@acme.test", Role.ADMIN), ("member@acme.test", Role.VIEWER)):
            user = User.objects.get(email=email)
            ProjectRole.objects.create(organization=acme, project=acme_project, user=user, role=role)

    def status(client, project, scope):
        body = {"name": "More", "scopes": [scope], "project": project}
        return client.post(URL + OF_ACME, body, **JSON).status_code

    assert status(viewer, "web", "manage") == 201
    assert status(viewer, "mobile", "ingest") == 403
    assert status(member, "web", "ingest") == 403
    assert status(member, "mobile", "ingest") == 201


# --- Reading ---


def test_keys_are_listed_newest_first_and_page_by_page(anonymous, acme, acme_project, manager):
    for number in range(5):
        named(acme, f"key {number}", project=acme_project)

    first = anonymous.get(f"{URL}?limit=4", headers=manager)
    second = anonymous.get(first.json()["next"], headers=manager)

    assert names(first) == ["key 4", "key 3", "key 2", "key 1"]
    assert names(second) == ["key 0", "Test"]
    assert second.json()["next"] is None


def test_filters_narrow_the_list(anonymous, acme, acme_project, mobile, manager):
    now = timezone.now()
    named(acme, "web", project=acme_project, scopes=[Scope.INGEST])
    named(acme, "old", project=mobile, expires_at=now - timedelta(1), now=now - timedelta(2))
    gone = named(acme, "gone", project=mobile)
    key_services.revoke_key(organization=acme, actor=None, key=gone.key, now=now)

    def found(query):
        return names(anonymous.get(f"{URL}?{query}", headers=manager))

    assert found("project=mobile") == ["gone", "old"]
    assert found("state=active") == ["web", "Test"]
    assert found("state=expired") == ["old"]
    assert found("state=revoked&project=mobile") == ["gone"]
    assert found("scope=ingest") == ["web", "Test"]
    assert found("project=nothing") == []


def test_a_reader_sees_what_they_reach(anonymous, member, admin, acme, acme_project, mobile, bound):
    named(acme, "all")
    named(acme, "web", project=acme_project)
    named(acme, "mobile", project=mobile)
    with org_scope(acme.pk):
        user = User.objects.get(email="member@acme.test")
        ProjectRole.objects.create(organization=acme, project=mobile, user=user, role=Role.NONE)

    assert names(anonymous.get(URL, headers=bound)) == ["web", "Test"]
    assert names(member.get(URL + OF_ACME)) == ["web", "Test"]
    assert names(admin.get(URL + OF_ACME)) == ["mobile", "web", "all", "Test"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=broken", "state"),
        ("scope=admin", "scope"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("cursor=nonsense", "cursor"),
        ("cursor=MA", "cursor"),  # 0
        ("cursor=LTE", "cursor"),  # -1
        ("cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "cursor"),
        ("cursor=%FF", "cursor"),
        ("name=CI", "name"),
    ],
)
def test_a_bad_parameter_is_named(anonymous, acme, manager, query, field):
    answer = anonymous.get(f"{URL}?{query}", headers=manager)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


# --- Replacing and revoking ---


def test_a_rotation_gives_a_successor_and_both_work_for_the_overlap(post, anonymous, acme, manager):
    old = named(acme, "CI", scopes=[Scope.READ])

    answer = post({}, manager, url=f"{URL}/{old.key.pk}/rotate")

    assert answer.status_code == 201
    assert "no-store" in answer["Cache-Control"]
    new = answer.json()
    assert (new["name"], new["scopes"], new["project"]) == ("CI", ["read"], None)
    assert anonymous.get(ME, headers={"X-API-Key": new["secret"]}).status_code == 200
    assert anonymous.get(ME, headers=bearer(old)).status_code == 200
    replaced = anonymous.get(f"{URL}/{old.key.pk}", headers=manager).json()
    assert replaced["replaced_by"] == new["id"]
    left = datetime.fromisoformat(replaced["expires_at"]) - timezone.now()
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)


def test_a_key_can_rotate_itself(post, anonymous, acme):
    own = issue_key(acme, scopes=[Scope.MANAGE])

    answer = post({"overlap": "1h"}, bearer(own), url=f"{URL}/{own.key.pk}/rotate")

    assert answer.status_code == 201
    assert anonymous.get(URL, headers={"X-API-Key": answer.json()["secret"]}).status_code == 200


@pytest.mark.parametrize("overlap", ["0h", "59m", "31d", "1", ""])
def test_an_overlap_out_of_bounds_is_refused(post, acme, manager, overlap):
    old = named(acme, "CI")

    answer = post({"overlap": overlap}, manager, url=f"{URL}/{old.key.pk}/rotate")

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["overlap"]
    assert made(acme, name="CI") == 1


def test_what_does_not_work_any_more_or_is_being_replaced_is_not_replaced(post, acme, manager):
    old, gone = named(acme, "CI"), named(acme, "CI")
    key_services.revoke_key(organization=acme, actor=None, key=gone.key, now=timezone.now())
    post({}, manager, url=f"{URL}/{old.key.pk}/rotate")

    again = post({}, manager, url=f"{URL}/{old.key.pk}/rotate")
    dead = post({}, manager, url=f"{URL}/{gone.key.pk}/rotate")

    assert again.status_code == dead.status_code == 409
    assert again.json() == {
        "type": "https://tokenops.dev/problems/key-conflict",
        "title": "This cannot be done as things are.",
        "status": 409,
        "detail": "This key is being replaced already.",
    }
    assert dead.json()["detail"] == "This key does not work any more. Create a new one."
    assert made(acme, name="CI") == 3


def test_a_revoked_key_stops_and_stays_in_the_list(anonymous, acme, manager):
    issued = named(acme, "CI")

    answers = [anonymous.delete(f"{URL}/{issued.key.pk}", headers=manager) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 204]
    assert anonymous.get(ME, headers=bearer(issued)).status_code == 401
    shown = anonymous.get(f"{URL}/{issued.key.pk}", headers=manager).json()
    assert (shown["state"], shown["revoked_at"] is None) == ("revoked", False)
    with org_scope(acme.pk):
        assert AuditEntry.objects.filter(action="key.revoked").count() == 1


def test_whose_key_it_is_is_said_and_nothing_of_how_it_is_stored(anonymous, acme, acme_project, manager):
    issued = issue_key(acme, project=acme_project)

    shown = anonymous.get(f"{URL}/{issued.key.pk}", headers=manager).json()

    assert (shown["created_by_kind"], shown["created_by"]) == ("user", "owner@acme.test")
    assert (shown["last_used_at"], shown["last_address"]) == (None, "")
    assert not {"secret", "digest", "pepper_id"} & set(shown)
