"""A destination that leads nowhere, for tests that send nothing."""

from datetime import UTC, datetime
from typing import Any, Final

from core.scope import org_scope
from dashboards.exports.destinations import services
from dashboards.exports.destinations.models import Destination
from dashboards.exports.destinations.terms import Wanted
from tenants.models import Organization

NOW: Final = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)
NOWHERE: Final = "https://127.0.0.1:1"


def make_destination(organization: Organization, **given: Any) -> Destination:
    """Its address is one that nobody is ever connected to, so trying it asks no network."""
    known: dict[str, Any] = {
        "name": "Data lake",
        "endpoint": "https://s3.example.com",
        "region": "us-east-1",
        "bucket": "telemetry",
        "key_id": "AKIAEXAMPLE",
        "secret": "a-very-secret-secret",
        "cadence": "hourly",
    }
    made = services.create_destination(
        organization=organization, actor=None, wanted=Wanted(**known | given), is_conditional=True, now=NOW
    )
    with org_scope(organization.pk):
        Destination.objects.filter(pk=made.pk).update(endpoint=NOWHERE)
        made.refresh_from_db()
    return made
