"""What people call the values that calls are grouped by, and which filters keep them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from dashboards.charts import model_names
from dashboards.explore.answer import Name, Stored
from dashboards.filters import NONE, STATUSES
from dashboards.numbers import ModelName
from tenants.models import ApiKey, Organization, Project

type Names = Mapping[Stored, Name]


def named(*, organization: Organization, by: Sequence[str], stored: Mapping[str, Sequence[Stored]]) -> dict[str, Names]:
    """The names of stored values, by dimension. Projects and keys are looked up, deleted ones have no filter."""
    return {
        dimension: _NAMERS.get(dimension, _plain)(organization, dimension, list(stored[dimension])) for dimension in by
    }


def _plain(_: Organization, dimension: str, stored: Sequence[Stored]) -> dict[Stored, Name]:
    return {value: Name(dimension, value, value[0] or NONE, {dimension: value[0]}) for value in stored}


def _statuses(_: Organization, dimension: str, stored: Sequence[Stored]) -> dict[Stored, Name]:
    return {value: Name(dimension, value, STATUSES.get(value[0], value[0]), {dimension: value[0]}) for value in stored}


def _models(_: Organization, dimension: str, stored: Sequence[Stored]) -> dict[Stored, Name]:
    labels = model_names(ModelName(*value) for value in stored)
    return {
        value: Name(dimension, value, labels[ModelName(*value)] or NONE, {"provider": value[0], "model": value[1]})
        for value in stored
    }


def _projects(organization: Organization, dimension: str, stored: Sequence[Stored]) -> dict[Stored, Name]:
    found = Project.objects.filter(organization=organization).in_bulk([int(value[0]) for value in stored])
    return {
        value: Name(dimension, value, project.name, {"project": project.slug})
        if (project := found.get(int(value[0])))
        else Name(dimension, value, f"Deleted project {value[0]}", None)
        for value in stored
    }


def _keys(organization: Organization, dimension: str, stored: Sequence[Stored]) -> dict[Stored, Name]:
    ids = [int(value[0]) for value in stored]
    found = ApiKey.objects.filter(organization=organization).in_bulk(ids)
    return {
        value: Name(dimension, value, f"{key.name} ({key.prefix})", {"key": key.prefix})
        if (key := found.get(int(value[0])))
        else Name(dimension, value, f"Deleted key {value[0]}", None)
        for value in stored
    }


type _Namer = Callable[[Organization, str, Sequence[Stored]], Names]
_NAMERS: Final[Mapping[str, _Namer]] = {
    "status": _statuses,
    "model": _models,
    "project": _projects,
    "key": _keys,
}
