"""Bodies of the API's writes about rules and budgets, and how a service's refusal is said."""

from typing import Any

from django.core.exceptions import ValidationError as ServiceError
from rest_framework.exceptions import ValidationError

from core.parameters import Body
from tenants.api_access import ApiRequest


def read(serializer_class: type[Body], request: ApiRequest, *, partial: bool = False) -> dict[str, Any]:
    """The members of a valid body; with ``partial`` those that are there.

    :raises ValidationError: a member is unknown, missing or not usable.
    """
    serializer = serializer_class(data=request.data, partial=partial)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def refusal(error: ServiceError) -> ValidationError:
    """What a service says, by the names of the body's members."""
    return ValidationError(error.message_dict if hasattr(error, "error_dict") else error.messages)
