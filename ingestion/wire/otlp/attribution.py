"""Whom a call is for: its feature and team as the span says, else as the resource says it of all its spans."""

from typing import Final, NamedTuple

from ingestion.wire.batch import FieldError
from ingestion.wire.otlp import names
from ingestion.wire.otlp.shapes import Shape, shape_of
from ingestion.wire.otlp.spans import Attributes
from ingestion.wire.otlp.values import first_text, text

_LONGEST: Final = 100


class Own(NamedTuple):
    """One of our own attributes of a resource; ``errors`` say why it cannot be used."""

    text: str
    errors: list[FieldError]

    def repeated(self, errors: list[FieldError]) -> str:
        """The text of every span of the resource, and an error of every one of them."""
        errors += self.errors
        return self.text


class OfResource(NamedTuple):
    """What a resource answers for spans that do not say it themselves; asked once for all of them."""

    shape: Shape
    feature: Own
    feature_named: str  # by somebody who meant this
    feature_otherwise: str  # by what the resource is; "default" in the end
    team: Own
    team_otherwise: str
    project: Own
    environment: str


def resource_answers(resource: Attributes) -> OfResource:
    shape = shape_of(resource)
    service = text(resource.get(names.SERVICE), _LONGEST)
    return OfResource(
        shape=shape,
        feature=_own_of_resource(resource, names.FEATURE, "feature"),
        feature_named=first_text(resource, (*shape.feature_of_span, *shape.feature_of_resource), _LONGEST),
        feature_otherwise=first_text(resource, shape.feature_otherwise, _LONGEST)
        or ("" if service.startswith(names.UNKNOWN_SERVICE) else service)
        or "default",
        team=_own_of_resource(resource, names.TEAM, "team"),
        team_otherwise=first_text(resource, shape.team_otherwise, _LONGEST),
        project=_own_of_resource(resource, names.PROJECT, "project"),
        environment=first_text(resource, shape.environment, _LONGEST) or "default",
    )


def _own_of_resource(resource: Attributes, name: str, field: str) -> Own:
    errors: list[FieldError] = []
    return Own(_own(resource, name, field, errors), errors)


def _own(attributes: Attributes, name: str, field: str, errors: list[FieldError]) -> str:
    """One of our own attributes: who sets it wants to know when it cannot be used."""
    value = attributes.get(name)
    if value is None or value == "":
        return ""
    found = text(value, _LONGEST)
    if not found:
        errors.append(FieldError(field, f"must be a text of at most {_LONGEST} characters"))
    return found


def feature_of(attributes: Attributes, shape: Shape, of_resource: OfResource, errors: list[FieldError]) -> str:
    """The span's feature."""
    return (
        _own(attributes, names.FEATURE, "feature", errors)
        or of_resource.feature.repeated(errors)
        or first_text(attributes, shape.feature_of_span, _LONGEST)
        or of_resource.feature_named
        or first_text(attributes, shape.feature_otherwise, _LONGEST)
        or of_resource.feature_otherwise
    )


def team_of(attributes: Attributes, shape: Shape, of_resource: OfResource, errors: list[FieldError]) -> str:
    """The span's team, ``''`` for the project's."""
    return (
        _own(attributes, names.TEAM, "team", errors)
        or of_resource.team.repeated(errors)
        or first_text(attributes, shape.team_otherwise, _LONGEST)
        or of_resource.team_otherwise
    )
