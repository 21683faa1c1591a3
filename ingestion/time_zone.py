"""The organization's time zone as far as telemetry depends on it: rollups are stored by local hour and day."""

from django.core.exceptions import ValidationError
from django.db import transaction

from core.scope import org_scope
from ingestion import activity
from tenants import services
from tenants.models import Organization, User


@transaction.atomic
def change(*, organization: Organization, actor: User, time_zone: str) -> None:
    """Set the zone of an organization without calls.

    :raises ValidationError: calls were counted in the present zone already, or ``time_zone`` is not an IANA name.
    """
    with org_scope(organization.pk):
        if activity.has_calls(organization=organization):
            raise ValidationError({"time_zone": "Calls were counted in the present time zone already."})
        services.set_time_zone(organization=organization, actor=actor, time_zone=time_zone)
