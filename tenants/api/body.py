"""Bodies of the API's writes about tenants, and how a service's refusal is said."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError as ServiceError
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from tenants.api_access import ApiRequest


class Body(serializers.Serializer[Any]):
    """A body that says what it means: an unknown member is refused by name."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := data.keys() - self.fields.keys()):
            raise serializers.ValidationError({name: ["There is no such member."] for name in sorted(unknown)})
        return super().to_internal_value(data)


def read(serializer_class: type[Body], request: ApiRequest, *, partial: bool = False) -> dict[str, Any]:
    """The members of a valid body; with ``partial`` those that are there.

    :raises ValidationError: a member is unknown, missing or not usable.
    """
    serializer = serializer_class(data=request.data, partial=partial)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def refusal(error: ServiceError, names: Mapping[str, str] | None = None) -> ValidationError:
    """What a service says, by the names of the body's members where ``names`` translate them."""
    if not hasattr(error, "error_dict"):
        return ValidationError(error.messages)
    renamed = names or {}
    return ValidationError({renamed.get(name, name): messages for name, messages in error.message_dict.items()})
