"""Opening pages with saved views, and the pages that keep them."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from core.scope import org_scope
from dashboards.models import DefaultView, SavedView
from dashboards.tests.factories import record_calls
from tenants import deletion, services
from tenants.models import Membership, ProjectRole, User
from tenants.permissions import Role

LIST = "/o/acme/views/"
HTMX = {"HX-Request": "true"}
FILTERS = {"range": "30d", "team": "red"}


@pytest.fixture
def web(acme_project):
    return acme_project


def user_of(client):
    return User.objects.get(pk=client.session["_auth_user_id"])


def save(client, path=LIST, **data):
    given = {"view_name": "Red", "view_page": "overview"} | FILTERS | data
    return client.post(path, given)


def only(acme):
    with org_scope(acme.pk):
        return SavedView.objects.select_related("owner__user", "shared_by__user").get()


def has_calls(web):
    record_calls(web, [{"started_at": timezone.now() - timedelta(hours=1), "team": "red"}])


def opened(response):
    return response.context["chosen"].opened


def test_saving_leads_to_the_page_as_it_was(member, acme, web):
    has_calls(web)
    response = save(member, metric="cost", compare="year")

    view = only(acme)
    assert (response.status_code, response["Location"]) == (302, f"/o/acme/?view={view.pk}")
    assert view.query == [["range", "30d"], ["compare", "year"], ["team", "red"]]
    assert view.options == [["metric", "cost"]]
    page = member.get(response["Location"])
    assert page.context["chosen"].query() == "range=30d&compare=year&team=red"
    assert (opened(page).name, opened(page).is_default) == ("Red", False)
    assert "Open without the view Red" in page.text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"view_name": ""}, "This field is required."),
        ({"view_name": "x" * 101}, "at most 100 characters"),
        ({"view_page": "settings"}, "Select a valid choice"),
    ],
)
def test_a_view_that_cannot_be_says_why_and_keeps_what_was_typed(member, acme, data, said):
    response = save(member, **data)

    assert response.status_code == 422
    assert said in response.text
    with org_scope(acme.pk):
        assert not SavedView.objects.exists()


def test_a_taken_name_is_said_beside_it(member, acme):
    save(member)

    response = save(member)

    assert response.status_code == 422
    assert response.context["form"].errors == {"view_name": ["Another view of this page has this name."]}
    assert 'value="red"' in response.text


def test_viewers_save_for_themselves(viewer, acme):
    save(viewer, view_shared="on")

    assert only(acme).is_shared is False
    assert "Share with the organization" not in viewer.get(LIST, {"view_page": "overview"}).text


def test_members_share(member, viewer, acme):
    save(member, view_shared="on")

    view = only(acme)
    assert (view.is_shared, view.shared_by.user) == (True, user_of(member))
    assert viewer.get("/o/acme/", {"view": view.pk}).context["chosen"].query() == "range=30d&team=red"
    assert "Shared by member@acme.test" in viewer.get(LIST).text


def test_names_in_the_address_win_over_the_view(member, acme):
    save(member)

    chosen = member.get("/o/acme/", {"view": only(acme).pk, "from": "2026-07-01", "to": "2026-07-02"}).context["chosen"]

    assert chosen.query() == "from=2026-07-01&to=2026-07-02&team=red"


def test_a_page_asked_for_nothing_opens_with_the_default(member, acme, web):
    has_calls(web)
    save(member)
    member.post(f"{LIST}{only(acme).pk}/", {"view_step": "default"})

    page = member.get("/o/acme/")

    assert page.context["chosen"].query() == "range=30d&team=red"
    assert opened(page).is_default
    assert "Default view" in page.text
    assert 'href="/o/acme/?range=7d" aria-label="Open without the view Red"' in page.text
    assert opened(member.get("/o/acme/?range=7d")) is None
    assert member.get("/o/acme/?range=7d").context["chosen"].query() == ""
    assert opened(member.get("/o/acme/calls/")) is None
    assert opened(member.get("/o/acme/p/web/")) is None


def test_a_default_is_one_persons(member, admin, acme):
    save(member, view_shared="on")
    member.post(f"{LIST}{only(acme).pk}/", {"view_step": "default"})

    assert opened(admin.get("/o/acme/")) is None
    assert "Your default" in member.get(LIST).text
    member.post(f"{LIST}{only(acme).pk}/", {"view_step": "no-default"})
    assert opened(member.get("/o/acme/")) is None


@pytest.mark.parametrize("view_id", ["999999", "0", "-1", "x", "", "٣", "9" * 30, "1 or 1=1", "a\0b"])
def test_a_link_to_a_view_that_is_not_there_shows_the_page_and_says_so(member, acme, web, view_id):
    has_calls(web)

    for path in ("/o/acme/", "/o/acme/calls/", "/o/acme/p/web/"):
        response = member.get(path, {"view": view_id})
        assert response.status_code == 200
        assert "The saved view of this link was deleted, or is not shared with you." in response.text
        assert response.context["chosen"].query() == ""


def test_somebody_elses_private_view_is_not_there(member, admin, acme):
    save(member)
    view = only(acme)

    assert opened(admin.get("/o/acme/", {"view": view.pk})) is None
    assert "Red" not in admin.get(LIST).text
    assert admin.post(f"{LIST}{view.pk}/", {"view_step": "default"}).status_code == 404
    assert admin.post(f"{LIST}{view.pk}/delete/").status_code == 404
    with org_scope(acme.pk):
        assert SavedView.objects.count() == 1
        assert not DefaultView.objects.exists()


def test_a_view_belongs_to_its_page_and_project(member, acme, web):
    other = services.create_project(organization=acme, actor=None, name="Other")
    save(member, "/o/acme/p/web/views/")
    view = only(acme)

    assert view.project_id == web.pk
    assert opened(member.get("/o/acme/p/web/", {"view": view.pk})).name == "Red"
    for path in ("/o/acme/", "/o/acme/p/web/calls/", f"/o/acme/p/{other.slug}/"):
        assert opened(member.get(path, {"view": view.pk})) is None
    assert member.post(f"{LIST}{view.pk}/", {"view_step": "default"}).status_code == 404
    assert "Red" not in member.get(LIST).text


def test_a_view_of_a_deleted_project_opens_with_a_notice(member, acme, web):
    save(member, project=["web", "gone"])

    page = member.get("/o/acme/", {"view": only(acme).pk})

    assert page.status_code == 200
    assert page.context["chosen"].query() == "range=30d&project=web&team=red"
    assert "A project of the view was deleted, or is not yours to see" in page.text


def test_a_view_names_no_project_that_is_hidden_from_its_reader(member, viewer, acme, web):
    save(member, project="web", view_shared="on")
    with org_scope(acme.pk):
        ProjectRole.objects.create(organization=acme, project=web, user=user_of(viewer), role=Role.NONE)

    page = viewer.get("/o/acme/", {"view": only(acme).pk})

    assert page.context["chosen"].values("project") == ()
    assert "is not yours to see" in page.text
    assert "project=web" not in page.text


def test_a_view_with_a_filter_of_another_time_opens_with_a_notice(member, acme):
    save(member)
    with org_scope(acme.pk):
        SavedView.objects.update(query=[["galaxy", "m31"], ["team", "red"], ["range", "5y"], ["model", "a\\0b"]])

    page = member.get("/o/acme/", {"view": only(acme).pk})

    assert page.status_code == 200
    assert page.context["chosen"].values("team") == ("red",)
    assert "The view has a filter that is not known any more" in page.text
    assert "The range must be one of" in page.text


def test_a_project_takes_its_views_along(owner, acme, web):
    save(owner, "/o/acme/p/web/views/")
    services.create_project(organization=acme, actor=None, name="Other")
    with org_scope(acme.pk):
        web.delete_at = timezone.now() - timedelta(hours=1)
        web.save(update_fields=["delete_at"])
    deletion.purge_project(organization_id=acme.pk, project_id=web.pk)

    with org_scope(acme.pk):
        assert not SavedView.objects.exists()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"view_step": "rename", "view_name": "Blue"}, {"name": "Blue"}),
        ({"view_step": "overwrite"}, {"query": [["range", "90d"], ["model", "m"]], "options": [["by", "day"]]}),
        ({"view_step": "share"}, {"is_shared": True}),
    ],
)
def test_a_view_is_changed_from_the_list_which_keeps_the_filters(member, acme, data, expected):
    save(member)
    back = "?range=90d&model=m&by=day&view_page=overview"

    response = member.post(f"{LIST}{only(acme).pk}/{back}", data)

    assert (response.status_code, response["Location"]) == (302, LIST + back)
    assert {name: getattr(only(acme), name) for name in expected} == expected


@pytest.mark.parametrize(
    "data", [{}, {"view_step": "explode"}, {"view_step": "rename"}, {"view_step": "rename", "view_name": "x" * 101}]
)
def test_a_change_that_cannot_be_comes_back(member, acme, data):
    save(member)

    response = member.post(f"{LIST}{only(acme).pk}/", data)

    assert response.status_code == 422
    assert only(acme).name == "Red"


@pytest.mark.parametrize(
    "data", [{"view_step": "rename", "view_name": "Mine"}, {"view_step": "unshare"}, {"view_step": "overwrite"}]
)
def test_only_who_shared_it_or_an_admin_changes_a_shared_view(member, viewer, admin, acme, data):
    save(member, view_shared="on")
    view = only(acme)

    assert viewer.post(f"{LIST}{view.pk}/", data).status_code == 403
    assert viewer.post(f"{LIST}{view.pk}/delete/").status_code == 403
    assert viewer.get(f"{LIST}{view.pk}/delete/").status_code == 403
    assert only(acme).changed_at == view.changed_at
    assert admin.post(f"{LIST}{view.pk}/", data).status_code == 302


def test_a_viewer_does_not_share_what_is_theirs(viewer, acme):
    save(viewer)

    assert viewer.post(f"{LIST}{only(acme).pk}/", {"view_step": "share"}).status_code == 403
    assert only(acme).is_shared is False


def test_deleting_asks_first(member, acme):
    save(member, view_shared="on")
    path = f"{LIST}{only(acme).pk}/delete/"

    page = member.get(path)

    assert "It is gone for everybody it is shared with." in page.text
    assert only(acme).name == "Red"
    assert member.post(path)["Location"] == LIST
    with org_scope(acme.pk):
        assert not SavedView.objects.exists()


def test_the_menu_of_a_page_lists_its_views_and_offers_to_save(member, acme):
    save(member)
    save(member, view_page="calls", view_name="Of calls")

    menu = member.get(LIST, FILTERS | {"view_page": "overview", "metric": "cost"}, headers=HTMX)

    assert "<html" not in menu.text
    assert "Red" in menu.text
    assert "Of calls" not in menu.text
    assert '<input type="hidden" name="team" value="red">' in menu.text
    assert '<input type="hidden" name="metric" value="cost">' in menu.text
    assert 'name="view_page" value="overview"' in menu.text


def test_the_bar_leads_to_the_views_of_its_page(member, acme, web):
    has_calls(web)

    page = member.get("/o/acme/p/web/calls/", {"team": "red"})

    assert 'hx-get="/o/acme/p/web/views/?team=red&amp;view_page=calls"' in page.text


def test_without_views_the_list_says_how_to_get_one(viewer, acme):
    assert "No saved views yet" in viewer.get(LIST).text


def test_names_of_views_are_text(member, viewer, acme, web):
    has_calls(web)
    hostile = "<script>alert(1)</script>"
    save(member, view_name=hostile, view_shared="on")
    view = only(acme)

    for response in (
        viewer.get(LIST),
        viewer.get("/o/acme/", {"view": view.pk}),
        member.get(f"{LIST}{view.pk}/delete/"),
    ):
        assert hostile not in response.text
        assert "&lt;script&gt;alert(1)" in response.text


def test_a_default_costs_one_question_and_a_page_with_a_query_none(member, acme, web, django_assert_max_num_queries):
    has_calls(web)
    save(member)
    member.post(f"{LIST}{only(acme).pk}/", {"view_step": "default"})
    view = only(acme)
    member.get("/o/acme/")

    with django_assert_max_num_queries(200) as plain:
        member.get("/o/acme/", FILTERS)
    with django_assert_max_num_queries(200) as bare:
        member.get("/o/acme/")
    with django_assert_max_num_queries(200) as named:
        member.get("/o/acme/", {"view": view.pk})

    assert len(bare) == len(named) == len(plain) + 1
    assert not any("saved_views" in query["sql"] for query in plain.captured_queries)


def test_the_list_asks_as_much_for_many_views_as_for_one(member, acme, django_assert_num_queries):
    save(member)
    member.get(LIST)
    with django_assert_num_queries(LIST_QUERIES):
        member.get(LIST)
    for number in range(10):
        save(member, view_name=f"More {number}", view_shared="on" if number % 2 else "")

    with django_assert_num_queries(LIST_QUERIES):
        member.get(LIST)


LIST_QUERIES = 12


def test_people_who_only_see_a_project_keep_its_views(nobody, acme, web):
    with org_scope(acme.pk):
        ProjectRole.objects.create(organization=acme, project=web, user=user_of(nobody), role=Role.MEMBER)

    assert nobody.get(LIST).status_code == 403
    assert save(nobody, "/o/acme/p/web/views/", view_shared="on")["Location"].startswith("/o/acme/p/web/?view=")
    assert Membership.objects.get(user=user_of(nobody)).role == Role.NONE
    assert only(acme).is_shared
    assert reverse("dashboards:project-views", args=["acme", "web"]) == "/o/acme/p/web/views/"
