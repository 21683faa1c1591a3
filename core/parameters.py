"""Query parameters and bodies of the API: what is not understood is refused by name, and no message repeats a value."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

from django.http import QueryDict
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

_FIRST_YEAR, _LAST_YEAR = 1970, 9998  # offsets lead out of no calendar
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_LOST_PLUS: Final = re.compile(r" (\d\d:\d\d)\Z", re.ASCII)  # a plus sign that was not percent-encoded


class Values(serializers.ListField):
    """A parameter that may be repeated: any of the values will do. What is wrong is said of the parameter."""

    def to_internal_value(self, data: Any) -> list[Any]:
        try:
            return super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not isinstance(error.detail, dict):
                raise
            messages = [message for of_one in error.detail.values() for message in of_one]
            raise serializers.ValidationError(sorted(set(map(str, messages)))) from error


class Choice(serializers.ChoiceField):
    """A choice whose refusal names the choices instead of what was sent."""

    def __init__(self, choices: tuple[str, ...], **options: Any) -> None:
        super().__init__(choices, **options)
        self.error_messages["invalid_choice"] = f"Must be one of: {', '.join(choices)}."


class Names(Values):
    """Some of ``choices``, repeated or with commas between them; each once."""

    def __init__(self, choices: tuple[str, ...], **options: Any) -> None:
        super().__init__(child=Choice(choices), required=False, **options)

    def to_internal_value(self, data: Any) -> list[Any]:
        given = [name.strip() for value in data for name in str(value).split(",")]
        names = super().to_internal_value(given)
        if len(set(names)) < len(names):
            raise serializers.ValidationError("Give each once.")
        return names


@extend_schema_field({"type": "string", "format": "date-time"})
class Moment(serializers.Field[datetime, str, str, Any]):
    """A moment in RFC 3339, with its offset."""

    def to_internal_value(self, data: object) -> datetime:
        text = _LOST_PLUS.sub(r"+\1", data) if isinstance(data, str) else ""
        try:
            moment = datetime.fromisoformat(text.upper()) if _MOMENT.fullmatch(text) else None
        except ValueError:  # 2027-02-30
            moment = None
        if moment is None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            raise serializers.ValidationError("Write a moment with its offset, such as 2027-01-31T18:00:00Z.")
        return moment


class Parameters(serializers.Serializer[Any]):
    """The parameters of one endpoint; ``ALIASES`` maps other accepted names to the field's own."""

    ALIASES: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def read(cls, query: QueryDict) -> dict[str, Any]:
        """The validated values, defaults included.

        :raises ValidationError: an unknown parameter, one given under two names, or a bad value.
        """
        given, errors = cls()._by_field(query)
        serializer = cls(data=given)
        serializer.is_valid()
        if errors or serializer.errors:
            raise serializers.ValidationError(errors | dict(serializer.errors))
        return dict(serializer.validated_data)

    def _by_field(self, query: QueryDict) -> tuple[dict[str, Any], dict[str, Any]]:
        given, errors = dict[str, Any](), dict[str, Any]()
        for name, values in query.lists():
            field = self.ALIASES.get(name, name)
            if field not in self.fields:
                errors[name] = ["There is no such parameter."]
            elif field in given:
                errors[name] = [f"This is another name of {field}; give only one of them."]
            elif isinstance(self.fields[field], Values):
                given[field] = values
            elif len(values) > 1:
                errors[name] = ["Give this once."]
            else:
                given[field] = values[0]
        return given, errors


class OrganizationParameters(Parameters):
    """What the door of every organization's endpoint reads (tenants.api_access)."""

    organization = serializers.CharField(
        required=False, max_length=50, help_text="Slug of the organization. People must name it; a key has its own."
    )


class Body(serializers.Serializer[Any]):
    """A body that says what it means: an unknown member is refused by name."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := data.keys() - self.fields.keys()):
            raise serializers.ValidationError({name: ["There is no such member."] for name in sorted(unknown)})
        return super().to_internal_value(data)
