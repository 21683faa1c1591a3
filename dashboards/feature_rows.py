"""Features as rows: by the names people gave them, those of one group as one. Pure."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from dashboards.groups.selectors import Group
from dashboards.groups.table import Entry
from dashboards.groups.totals import Totals
from dashboards.numbers import NOTHING

type Address = Callable[[Sequence[str]], str]
type Toggle = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Names:
    """Labels and groups by the name on the wire; an absent feature has neither."""

    labels: Mapping[str, str]
    groups: Mapping[str, str]

    def shown(self, feature: str) -> str:
        """What to call a feature."""
        return self.labels.get(feature) or feature

    def with_text(self, text: str) -> list[str]:
        """Features whose label or group has ``text``, and all of a group that has one with it in its name.

        A group's row is the sum of all its features, whichever of them was looked for.
        """
        wanted = text.lower()
        if not wanted:
            return []
        known = {*self.labels, *self.groups}
        named = {
            one for one in known if wanted in f"{one}\n{self.labels.get(one, '')}\n{self.groups.get(one, '')}".lower()
        }
        groups = {self.groups[one] for one in named if one in self.groups}
        return sorted(named | {one for one, group in self.groups.items() if group in groups})


def entries(
    found: Sequence[Group], names: Names, *, opened: Collection[str], url: Address, toggle: Toggle
) -> list[Entry]:
    """One entry a feature without a group, and one a group, with its features where it is ``opened``."""
    alone: list[Entry] = []
    grouped: dict[str, list[Entry]] = {}
    for group in found:
        entry = _entry(group, names, url)
        if group.name in names.groups:
            grouped.setdefault(names.groups[group.name], []).append(entry)
        else:
            alone.append(entry)
    together = [_together(name, members, url) for name, members in grouped.items()]
    return alone + [
        replace(one, toggle_url=toggle(one.group), parts=one.parts if one.group in opened else ()) for one in together
    ]


def _entry(group: Group, names: Names, url: Address) -> Entry:
    shown = names.shown(group.name)
    return Entry(
        name=shown or "None",
        wire_name=group.name,
        note=f"mostly {group.main_model.model_key}" if group.main_model else "",
        totals=group.totals,
        url=url([group.name]),
        costs=group.costs,
        counts=group.counts,
        before_cost_usd=group.before_cost_usd,
    )


def _together(name: str, members: Sequence[Entry], url: Address) -> Entry:
    totals = Totals()
    for one in members:
        totals += one.totals
    return Entry(
        name=name,
        group=name,
        note=f"{len(members)} feature{'' if len(members) == 1 else 's'}",
        totals=totals,
        url=url([one.wire_name for one in members]),
        costs=_added([one.costs for one in members]),
        counts={bucket: int(count) for bucket, count in _added([one.counts for one in members]).items()},
        before_cost_usd=sum((one.before_cost_usd for one in members), NOTHING),
        parts=[replace(one, group=name) for one in members],
    )


def _added(series: Sequence[Mapping[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for one in series:
        for bucket, value in one.items():
            found[bucket] = found.get(bucket, 0) + value
    return found
