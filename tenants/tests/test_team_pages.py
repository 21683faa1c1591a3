"""Pages of teams."""

from http import HTTPStatus

import pytest

from core.scope import org_scope
from tenants import project_data, team_selectors, teams
from tenants.models import AuditEntry, Membership, Team, TeamAlias, TeamMember

TEAMS = "/o/acme/teams/"
SEARCH = TEAMS + "search/"


@pytest.fixture
def search(acme):
    return teams.create_team(organization=acme, actor=None, name="Search", aliases=["find"])


def aliases(organization, team):
    with org_scope(organization.pk):
        return team_selectors.aliases(team=team)


def test_an_admin_creates_a_team_and_comes_to_its_page(admin, acme, scope):
    answer = admin.post(TEAMS + "new/", {"name": "Data & Science"})

    assert answer.url == TEAMS + "data-science/"
    page = admin.get(answer.url)
    assert page.status_code == 200
    assert "Data &amp; Science" in page.text
    with scope(acme):
        entry = AuditEntry.objects.get(action="team.created")
        assert (entry.actor_name, entry.facts["slug"]) == ("admin@acme.test", "data-science")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"name": "日本"}, "Choose a slug"),
        ({"name": "Other", "slug": "SEARCH"}, "lower-case letters"),
        ({"name": "Other", "slug": "search"}, "a name of the team Search already"),
        ({"name": "Other", "slug": "find"}, "a name of the team Search already"),
        ({"name": "Other", "slug": "adopt"}, "cannot be used"),
        ({"name": "Other", "alias": "FIND"}, "a name of the team Search already"),
    ],
)
def test_a_team_that_cannot_be_is_refused_and_what_was_typed_stays(admin, acme, search, scope, data, says):
    answer = admin.post(TEAMS + "new/", data)

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert says in answer.text
    assert f'value="{data["name"]}"' in answer.text or not data["name"]
    with scope(acme):
        assert Team.objects.count() == 1


def test_one_click_makes_a_team_of_a_value(admin, acme, scope):
    answer = admin.post(TEAMS + "adopt/", {"value": "Ads_EU"})

    assert answer.url == TEAMS
    with scope(acme):
        team = Team.objects.get()
        assert (team.slug, team.name) == ("ads-eu", "Ads_EU")
        assert team_selectors.slugs_by_name(organization=acme) == {"ads-eu": "ads-eu", "ads_eu": "ads-eu"}


def test_a_value_that_gives_no_slug_asks_for_one(admin, acme, scope):
    answer = admin.post(TEAMS + "adopt/", {"value": "検索"})

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Choose a slug" in answer.text

    admin.post(TEAMS + "new/", {"name": "検索", "slug": "kensaku", "alias": "検索"})
    with scope(acme):
        assert team_selectors.slugs_by_name(organization=acme) == {"kensaku": "kensaku", "検索": "kensaku"}


def test_one_click_makes_a_value_another_name_of_a_team(admin, acme, search):
    admin.post(TEAMS + "adopt/", {"value": "Searchers", "team": "search"})

    assert aliases(acme, search) == ["find", "Searchers"]


def test_adopting_into_a_foreign_team_is_not_found(admin, acme, globex, scope):
    teams.create_team(organization=globex, actor=None, name="Theirs")

    assert admin.post(TEAMS + "adopt/", {"value": "x", "team": "theirs"}).status_code == 404
    with scope(globex):
        assert TeamAlias.objects.count() == 1


def test_a_value_that_another_team_has_is_said_on_the_list(admin, acme, search):
    teams.create_team(organization=acme, actor=None, name="Ads")

    answer = admin.post(TEAMS + "adopt/", {"value": "FIND", "team": "ads"}, follow=True)

    assert "This is a name of the team Search already." in answer.text


def test_name_aliases_and_members_change_on_the_teams_page(admin, member, acme, search, scope):
    colleague = Membership.objects.get(organization=acme, user__email="member@acme.test")

    assert admin.post(SEARCH + "name/", {"name": "Search & Find"}).url == SEARCH
    assert admin.post(SEARCH + "aliases/", {"alias": "Lookup"}).url == SEARCH
    assert admin.post(SEARCH + "aliases/remove/", {"alias": "FIND"}).url == SEARCH
    assert admin.post(SEARCH + "members/", {"member": colleague.pk}).url == SEARCH

    page = admin.get(SEARCH).text
    assert "Search &amp; Find" in page
    assert "Lookup" in page
    assert 'value="find"' not in page
    assert "member@acme.test" in page
    assert admin.post(f"{SEARCH}members/{colleague.pk}/remove/").url == SEARCH
    with scope(acme):
        assert TeamMember.objects.count() == 0
        found = AuditEntry.objects.filter(target_kind="team").order_by("pk").values_list("action", flat=True)
        assert list(found)[1:] == [
            "team.renamed",
            "team.alias_added",
            "team.alias_removed",
            "team.member_added",
            "team.member_removed",
        ]
        entry = AuditEntry.objects.get(action="team.member_added")
        assert (entry.personal, entry.facts) == ({"email": "member@acme.test"}, {"slug": "search"})


@pytest.mark.parametrize(
    ("path", "data", "says"),
    [
        ("name/", {"name": " "}, "This field is required."),
        ("aliases/", {"alias": ""}, "This field is required."),
        ("aliases/", {"alias": "a" * 101}, "at most 100 characters"),
        ("aliases/", {"alias": "(other)"}, "visible characters"),
        ("aliases/", {"alias": "ADS"}, "a name of the team Ads already"),
        ("members/", {"member": "0"}, "Choose a member from the list."),
        ("members/", {"member": ""}, "This field is required."),
    ],
)
def test_what_cannot_be_is_said_beside_the_field(admin, acme, search, path, data, says):
    teams.create_team(organization=acme, actor=None, name="Ads")

    answer = admin.post(SEARCH + path, data)

    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert says in answer.text
    assert aliases(acme, search) == ["find"]


def test_a_member_of_another_organization_cannot_be_chosen(admin, acme, globex, search, scope):
    stranger = Membership.objects.get(organization=globex)

    assert admin.post(SEARCH + "members/", {"member": stranger.pk}).status_code == 422
    assert admin.post(f"{SEARCH}members/{stranger.pk}/remove/").status_code == 404
    with scope(acme):
        assert TeamMember.objects.count() == 0


def test_who_leaves_the_organization_leaves_the_team(admin, member, acme, search, scope):
    colleague = Membership.objects.get(organization=acme, user__email="member@acme.test")
    teams.add_member(organization=acme, actor=None, team=search, membership=colleague)

    colleague.delete()

    with scope(acme):
        assert TeamMember.objects.count() == 0
        assert Team.objects.count() == 1


def test_deleting_asks_first(admin, acme, acme_project, search, scope):
    project_data.set_team(organization=acme, actor=None, project=acme_project, team=search)

    assert "will have no team" in admin.get(SEARCH + "delete/").text
    with scope(acme):
        assert Team.objects.count() == 1

    assert admin.post(SEARCH + "delete/").url == TEAMS
    assert admin.get(SEARCH).status_code == 404
    with scope(acme):
        acme_project.refresh_from_db()
        assert (Team.objects.count(), TeamAlias.objects.count(), acme_project.team_id) == (0, 0, None)
        assert AuditEntry.objects.get(action="team.deleted").facts == {
            "slug": "search",
            "name": "Search",
            "projects": ["web"],
        }


def test_viewers_see_a_team_and_change_nothing(viewer, search):
    page = viewer.get(SEARCH)

    assert page.status_code == 200
    assert "find" in page.text
    assert "<button" not in page.text.split('id="name-title"')[1].split("</main>")[0]
    assert viewer.post(SEARCH + "aliases/", {"alias": "x"}).status_code == 403


@pytest.mark.parametrize("path", ["", "delete/"])
def test_foreign_and_unknown_teams_are_not_found(admin, outsider, globex, search, path):
    teams.create_team(organization=globex, actor=None, name="Theirs")

    assert admin.get(TEAMS + "theirs/" + path).status_code == 404
    assert admin.get(TEAMS + "nothing/" + path).status_code == 404
    assert outsider.get(SEARCH + path).status_code == 404
