"""Bodies of the API's writes about tenants, and how a service's refusal is said."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError as ServiceError
from rest_framework.exceptions import APIException, ValidationError

from core.parameters import Body
from core.problems import ConflictError
from tenants.api_access import ApiRequest


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


def conflict(error: ServiceError, kind: str) -> APIException:
    """As ``refusal``, where what a service says of no member in particular is about the state of what is there."""
    return refusal(error) if hasattr(error, "error_dict") else ConflictError(kind, " ".join(error.messages))
