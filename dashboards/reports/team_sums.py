"""What each team cost in a period, whichever of its names its calls gave."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import connection

from dashboards.reports.numbers import Group, Ranking, Sums
from dashboards.reports.spans import Days
from tenants import team_selectors
from tenants.models import Organization, Project
from tenants.team_names import folded

_MOST: Final = 50
_COUNTED: Final = (
    *("calls", "errors", "unpriced_calls", "estimated_calls", "input_tokens", "output_tokens"),
    "cost_usd",
)
_BY_TEAM: Final = f"""
    select team, {", ".join(f"sum({name})" for name in _COUNTED)}
    from call_rollups_daily
    where organization_id = %(organization)s and bucket_date between %(first)s and %(last)s
      and (%(project)s::bigint is null or project_id = %(project)s) and project_id <> all(%(hidden)s::bigint[])
    group by team"""


def teams_of(organization: Organization, project: Project | None, days: Days, *, hidden: Sequence[int]) -> Ranking:
    """Teams by what is known of their cost, '' for none; names that are no team's are listed as they were sent."""
    names = {team.slug: team.name for team in team_selectors.teams(organization=organization)}
    slugs = team_selectors.slugs_by_name(organization=organization)
    by_name: dict[str, Sums] = {}
    for value, sums in _rows(organization, project, days, hidden):
        name = _name(value, slugs, names)
        by_name[name] = _plus(by_name.get(name, Sums()), sums)
    ranked = sorted(by_name.items(), key=lambda row: (-row[1].cost_usd, -row[1].calls, row[0]))
    return Ranking(groups=tuple(Group(name=name, sums=sums) for name, sums in ranked[:_MOST]), count=len(ranked))


def _name(value: str, slugs: Mapping[str, str], names: Mapping[str, str]) -> str:
    slug = slugs.get(folded(value), "") if value else ""
    return names.get(slug, value)


def _rows(
    organization: Organization, project: Project | None, days: Days, hidden: Sequence[int]
) -> list[tuple[str, Sums]]:
    asked: dict[str, Any] = {
        "organization": organization.pk,
        "project": project.pk if project else None,
        "first": days.first,
        "last": days.last,
        "hidden": list(hidden),
    }
    with connection.cursor() as cursor:
        cursor.execute(_BY_TEAM, asked)
        return [(row[0], _sums(row[1:])) for row in cursor.fetchall()]


def _sums(row: Sequence[Any]) -> Sums:
    *counts, cost = row
    return Sums(**dict(zip(_COUNTED, [*map(int, counts), cost], strict=True)))


def _plus(one: Sums, other: Sums) -> Sums:
    return Sums(**{name: getattr(one, name) + getattr(other, name) for name in _COUNTED})
