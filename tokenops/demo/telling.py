"""Who is told in the demo: its one person, by a mail a day, which `/dev/mail` shows."""

from datetime import time
from typing import Final

from core.scope import org_scope
from rules.alerts import channel_services, route_services
from rules.alerts.channel_terms import Given
from rules.alerts.models import Channel, Route
from rules.alerts.route_services import Wanted
from tenants.models import Event, Organization

CHANNEL, ROUTE = "E-mail to Demo", "What matters, every morning"
_KINDS: Final = ["insight.opened", "insight.reopened", "insight.resolved", "budget.threshold"]


def tell_by_mail(*, organization: Organization, email: str) -> None:
    """A channel to ``email`` and a route to it; doing it again adds nothing. Nowhere else, as no address is ours."""
    with org_scope(organization.pk):
        if Channel.objects.exists():
            return
        channel = channel_services.create_channel(
            organization=organization,
            actor=None,
            kind=Channel.Kind.EMAIL,
            name=CHANNEL,
            given=Given(recipients=(email,)),
        )
        route_services.create_route(
            organization=organization,
            actor=None,
            wanted=Wanted(
                name=ROUTE,
                channel=channel,
                kinds=_KINDS,
                min_severity=Event.Severity.MEDIUM,
                pace=Route.Pace.DAILY,
                digest_at=time(9),
            ),
        )
