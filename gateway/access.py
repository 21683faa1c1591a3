"""The door of the gateway's pages: that of every page, while there is a gateway."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseBase

from tenants.access import OrgView, P, org_view
from tenants.permissions import Permission


def gateway_view(permission: Permission) -> Callable[[OrgView[P]], Callable[..., HttpResponseBase]]:
    """``org_view`` for pages that are not there where the operator turned the gateway off."""

    def decorate(view: OrgView[P]) -> Callable[..., HttpResponseBase]:
        door = org_view(permission)(view)

        @wraps(door)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not settings.GATEWAY_ENABLED:
                raise Http404
            return door(request, *args, **kwargs)

        return guarded

    return decorate
