"""Writes of saved views: what is kept, whose it is, what is recorded, and what becomes of it when people leave."""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError

from conftest import make_user
from core.scope import org_scope
from dashboards import saved_views
from dashboards.models import DefaultView, SavedView
from dashboards.saved_views import Wanted
from tenants import accounts, members
from tenants.audit import KeyActor
from tenants.models import AuditEntry, Membership, User
from tenants.permissions import Role

NOW = datetime(2026, 7, 14, 10, 20, tzinfo=UTC)
LATER = datetime(2026, 7, 15, 8, 0, tzinfo=UTC)
QUERY = [("range", "30d"), ("team", "red")]


@pytest.fixture
def ada(acme):
    return join(acme, "ada")


@pytest.fixture
def bob(acme):
    return join(acme, "bob")


def join(organization, name, role=Role.MEMBER):
    user = make_user(f"{name}@acme.test")
    Membership.objects.create(user=user, organization=organization, role=role)
    return user


def save(acme, actor, **columns):
    wanted = {"name": "Red", "page": "overview", "project": None, "query": QUERY} | columns
    return saved_views.create_view(organization=acme, actor=actor, wanted=Wanted(**wanted), now=NOW)


def change(acme, actor, view, **changes):
    return saved_views.change_view(organization=acme, actor=actor, view=view, now=LATER, **changes)


def names(acme, user):
    with org_scope(acme.pk):
        return [view.name for view in saved_views.views(organization=acme, user=user)]


def recorded(acme):
    with org_scope(acme.pk):
        return [
            (entry.action, entry.facts)
            for entry in AuditEntry.objects.filter(action__startswith="saved_").order_by("pk")
        ]


def owner_of(acme):
    return User.objects.get(memberships__organization=acme, memberships__role=Role.OWNER)


def test_a_view_keeps_what_a_page_is_asked(acme, ada, acme_project):
    view = save(acme, ada, name="  Red \n team ", project=acme_project, options=[("metric", "cost")])

    with org_scope(acme.pk):
        view.refresh_from_db()
        assert (view.name, view.page, view.project) == ("Red team", "overview", acme_project)
        assert (view.query, view.options) == ([["range", "30d"], ["team", "red"]], [["metric", "cost"]])
        assert (view.owner.user, view.shared_by, view.created_at, view.changed_at) == (ada, None, NOW, NOW)


def test_a_private_view_is_seen_and_recorded_by_nobody_else(acme, ada, bob):
    save(acme, ada)

    assert names(acme, ada) == ["Red"]
    assert names(acme, bob) == names(acme, None) == names(acme, owner_of(acme)) == []
    assert recorded(acme) == []


def test_a_shared_view_is_everybodys_and_recorded_without_its_values(acme, ada, bob):
    save(acme, ada, is_shared=True, query=[("user", "u-7"), ("range", "30d")])

    assert names(acme, bob) == names(acme, None) == ["Red"]
    assert recorded(acme) == [
        (
            "saved_view.created",
            {"page": "overview", "name": "Red", "shared": True, "filters": ["range", "user"]},
        )
    ]


def test_what_a_key_saves_is_shared(acme):
    view = save(acme, KeyActor(7, "ci"))

    assert (view.is_shared, view.shared_by_id) == (True, None)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"name": " "}, {"name": ["Give the view a name."]}),
        ({"name": "a\0b"}, {"name": ["Give the view a name."]}),
        ({"name": "x" * 101}, {"name": ["A name has at most 100 characters."]}),
        ({"page": "settings"}, {"page": ["There is no such page."]}),
        ({"options": [("metric", "x" * 256)]}, {"options": ["These options cannot be kept."]}),
        ({"options": [("metric", "x")] * 21}, {"options": ["These options cannot be kept."]}),
    ],
)
def test_a_view_that_cannot_be_is_refused(acme, ada, columns, said):
    with pytest.raises(ValidationError) as refused:
        save(acme, ada, **columns)

    assert refused.value.message_dict == said
    assert names(acme, ada) == []


def test_names_are_told_apart_by_page_project_and_owner(acme, ada, bob, acme_project):
    save(acme, ada)
    save(acme, ada, page="calls")
    save(acme, ada, project=acme_project)
    save(acme, bob)
    save(acme, bob, is_shared=True)
    save(acme, ada, name="red")

    for wanted in ({}, {"project": acme_project}, {"is_shared": True}):
        with pytest.raises(ValidationError) as refused:
            save(acme, ada, **wanted)
        assert refused.value.message_dict == {"name": ["Another view of this page has this name."]}


def test_there_is_room_for_so_many(acme, ada, bob, monkeypatch):
    monkeypatch.setattr(saved_views, "MOST_OWN", 1)
    monkeypatch.setattr(saved_views, "MOST_SHARED", 1)
    save(acme, ada)
    save(acme, bob)
    save(acme, ada, is_shared=True)

    for shared, said in (
        (False, "There can be 1 private views at most."),
        (True, "There can be 1 shared views at most."),
    ):
        with pytest.raises(ValidationError, match=said):
            save(acme, ada, name="More", is_shared=shared)


def test_a_view_is_renamed_and_overwritten(acme, ada):
    view = save(acme, ada, is_shared=True)

    changed = change(acme, ada, view, name="Blue", query=[("team", "blue")], options=[("by", "model")])

    assert (changed.name, changed.query, changed.options) == ("Blue", [["team", "blue"]], [["by", "model"]])
    assert changed.changed_at == LATER
    assert recorded(acme)[1] == (
        "saved_view.changed",
        {
            "page": "overview",
            "before": {"name": "Red", "shared": True, "filters": ["range", "team"]},
            "after": {"name": "Blue", "shared": True, "filters": ["team"]},
        },
    )


def test_a_change_of_nothing_is_none(acme, ada):
    view = save(acme, ada, is_shared=True)

    unchanged = change(acme, ada, view, name="Red", query=QUERY, is_shared=True)

    assert unchanged.changed_at == NOW
    assert len(recorded(acme)) == 1


def test_a_taken_name_changes_nothing(acme, ada):
    view, _ = save(acme, ada), save(acme, ada, name="Blue")

    with pytest.raises(ValidationError) as refused:
        change(acme, ada, view, name="Blue", query=[])

    assert refused.value.message_dict == {"name": ["Another view of this page has this name."]}
    with org_scope(acme.pk):
        view.refresh_from_db()
    assert (view.name, view.query) == ("Red", [["range", "30d"], ["team", "red"]])


def test_sharing_and_taking_back(acme, ada, bob):
    view = save(acme, ada)
    shared = change(acme, ada, view, is_shared=True)
    with org_scope(acme.pk):
        assert shared.shared_by.user == ada
    for user in (ada, bob):
        saved_views.set_default(organization=acme, user=user, view=shared)

    private = change(acme, owner_of(acme), shared, is_shared=False)

    with org_scope(acme.pk):
        assert (private.owner.user, private.shared_by) == (ada, None)
        assert [default.membership.user for default in DefaultView.objects.all()] == [ada]
    assert [(action, facts["after"]["shared"]) for action, facts in recorded(acme)] == [
        ("saved_view.changed", True),
        ("saved_view.changed", False),
    ]


def test_what_nobody_is_left_to_own_goes_to_whoever_stops_sharing_it(acme, ada):
    view = save(acme, KeyActor(7, "ci"))

    with pytest.raises(ValidationError) as refused:
        change(acme, KeyActor(7, "ci"), view, is_shared=False)
    taken = change(acme, ada, view, is_shared=False)

    assert refused.value.message_dict == {"shared": ["A view that a key saved is shared."]}
    with org_scope(acme.pk):
        assert taken.owner.user == ada


def test_deleting_is_recorded_once(acme, ada):
    view, own = save(acme, ada, is_shared=True), save(acme, ada)
    saved_views.set_default(organization=acme, user=ada, view=view)

    for doomed in (view, own, view):
        saved_views.delete_view(organization=acme, actor=ada, view=doomed)

    assert names(acme, ada) == []
    assert [action for action, _ in recorded(acme)] == ["saved_view.created", "saved_view.deleted"]
    with org_scope(acme.pk):
        assert not DefaultView.objects.exists()


def test_a_page_has_one_default_for_each(acme, ada, bob, acme_project):
    first, second = save(acme, ada), save(acme, ada, name="Blue")
    elsewhere = save(acme, ada, project=acme_project)

    def default(user, project=None, page="overview"):
        with org_scope(acme.pk):
            found = saved_views.default_view(organization=acme, user=user, page=page, project=project)
            return found.name if found else None

    for view in (first, second, elsewhere):
        saved_views.set_default(organization=acme, user=ada, view=view)

    assert (default(ada), default(ada, acme_project)) == ("Blue", "Red")
    assert (default(bob), default(ada, page="calls")) == (None, None)
    saved_views.clear_default(organization=acme, user=bob, view=second)
    assert default(ada) == "Blue"
    saved_views.clear_default(organization=acme, user=ada, view=second)
    assert default(ada) is None


@pytest.mark.parametrize("leaving", ["removed", "account deleted"])
def test_private_views_go_with_their_owner_and_shared_ones_stay(acme, ada, bob, leaving):
    save(acme, ada)
    shared = save(acme, ada, name="Ours", is_shared=True)
    saved_views.set_default(organization=acme, user=ada, view=shared)
    saved_views.set_default(organization=acme, user=bob, view=shared)

    if leaving == "removed":
        members.remove(organization=acme, actor=owner_of(acme), user=ada)
    else:
        accounts.delete_account(actor=ada, confirmation=ada.email, now=NOW)

    with org_scope(acme.pk):
        (view,) = SavedView.objects.all()
        assert (view.name, view.owner_id, view.shared_by_id) == ("Ours", None, None)
        assert [default.membership.user for default in DefaultView.objects.all()] == [bob]


def test_an_erased_end_user_is_in_no_view(acme, globex, ada):
    view = save(acme, ada, query=[("user", "u-7"), ("team", "red")])
    other = save(acme, ada, name="Other", query=[("user", "u-8"), ("tag", "user:u-7")])

    saved_views.erase_end_user(organization=globex, user_ids=["u-7"])
    with org_scope(acme.pk):
        view.refresh_from_db()
        assert view.query == [["user", "u-7"], ["team", "red"]]
    saved_views.erase_end_user(organization=acme, user_ids=["u-7", "hashed"])

    with org_scope(acme.pk):
        view.refresh_from_db()
        other.refresh_from_db()
    assert view.query == [["team", "red"]]
    assert other.query == [["user", "u-8"], ["tag", "user:u-7"]]


@pytest.mark.parametrize(
    ("whose", "user", "role", "may"),
    [
        ("private", "ada", "viewer", True),
        ("private", "bob", "admin", False),
        ("shared", "ada", "member", True),
        ("shared", "ada", "viewer", False),
        ("shared", "bob", "member", False),
        ("shared", "bob", "admin", True),
        ("nobody's", "ada", "member", False),
        ("nobody's", "bob", "owner", True),
    ],
)
def test_who_may_change_a_view(acme, ada, bob, whose, user, role, may):
    actor = KeyActor(7, "ci") if whose == "nobody's" else ada
    view = save(acme, actor, is_shared=whose != "private")

    with org_scope(acme.pk):
        assert saved_views.may_change(view, user={"ada": ada, "bob": bob}[user], role=role) is may
