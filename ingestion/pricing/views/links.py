"""Addresses the pages about prices lead to."""

from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse

from core.fields import instant_text
from tenants.models import Organization


def model_url(organization: Organization, *, provider: str, model: str, **more: object) -> str:
    """The page of one model."""
    query = urlencode({"provider": provider, "model": model, **more})
    return f"{reverse('pricing:model', args=[organization.slug])}?{query}"


def reprice_url(
    organization: Organization, *, provider: str, model: str, since: datetime | None, until: datetime | None
) -> str:
    """The page that prices stored calls again."""
    given = {"provider": provider, "model": model, "from": since, "to": until}
    asked = {
        name: instant_text(value) if isinstance(value, datetime) else value for name, value in given.items() if value
    }
    return f"{reverse('pricing:reprice-create', args=[organization.slug])}?{urlencode(asked)}"
