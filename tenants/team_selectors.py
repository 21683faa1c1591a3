"""Reads about teams, inside the organization's scope."""

from django.db.models import Count, QuerySet

from tenants.models import Membership, Organization, Project, Team, TeamAlias, TeamMove


def teams(*, organization: Organization) -> QuerySet[Team]:
    """Teams by name, each with the number of its ``member_count``."""
    counted = Team.objects.filter(organization=organization).annotate(member_count=Count("members"))
    return counted.order_by("name", "pk")


def team(*, organization: Organization, slug: str) -> Team | None:
    return Team.objects.filter(organization=organization, slug=slug).first()


def slugs_by_name(*, organization: Organization) -> dict[str, str]:
    """The slug of each team by every folded name it has, its slug included."""
    names = TeamAlias.objects.filter(organization=organization)
    return dict(names.values_list("folded", "team__slug"))


def aliases(*, team: Team) -> list[str]:
    """The aliases of a team, without its slug, by name."""
    names = TeamAlias.objects.filter(team=team, is_slug=False)
    return list(names.order_by("folded").values_list("alias", flat=True))


def aliases_by_team(*, organization: Organization) -> dict[int, list[str]]:
    """What ``aliases`` says, for every team that has some, in one query."""
    names = TeamAlias.objects.filter(organization=organization, is_slug=False).order_by("folded")
    found: dict[int, list[str]] = {}
    for team_id, alias in names.values_list("team_id", "alias"):
        found.setdefault(team_id, []).append(alias)
    return found


def members(*, team: Team) -> QuerySet[Membership]:
    """Memberships of the people in a team, by e-mail address."""
    found = Membership.objects.select_related("user").filter(pk__in=team.members.values("membership_id"))
    return found.order_by("user__email")


def others(*, team: Team) -> QuerySet[Membership]:
    """Memberships of the organization's people who are not in the team, by e-mail address."""
    everybody = Membership.objects.select_related("user").filter(organization_id=team.organization_id)
    return everybody.exclude(pk__in=team.members.values("membership_id")).order_by("user__email")


def projects(*, team: Team) -> QuerySet[Project]:
    """The projects whose calls are the team's unless they name another one, by name."""
    return Project.objects.filter(team=team).order_by("name", "pk")


def moves(*, team: Team) -> list[TeamMove]:
    """Stored calls on their way to the team, oldest first."""
    return list(TeamMove.objects.filter(team=team, finished_at=None).order_by("pk"))


def last_move(*, team: Team) -> TeamMove | None:
    """The move that ended last of those that found calls."""
    return TeamMove.objects.filter(team=team, finished_at__isnull=False, calls__gt=0).order_by("-finished_at").first()
