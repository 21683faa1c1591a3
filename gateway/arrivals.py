"""Whether a proxied call has arrived, for the page that waits for the first one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.models import GatewayTraffic
from gateway.types import Provider
from ingestion import call_log
from ingestion.models import Call
from tenants.models import Organization

_LONGEST_HOUR: Final = timedelta(
    hours=2
)  # a call counted in an hour may have begun in it at any time, whatever clocks do


@dataclass(frozen=True, slots=True)
class Arrived:
    """The hour in which a call was last written, and the call; None where it is not kept any more."""

    hour: datetime
    call: Call | None

    @property
    def tokens(self) -> int:
        return self.call.input_tokens + self.call.output_tokens if self.call else 0


def latest(
    *, organization: Organization, project_ids: Sequence[int], provider: Provider, source: str, now: datetime
) -> Arrived | None:
    """The latest call through the gateway to ``provider``; None while there is none.

    Which hour to look in is asked of the traffic: calls have no index by the way they came.
    """
    written = GatewayTraffic.objects.filter(
        organization=organization, project_id__in=project_ids, provider=provider.slug, written__gt=0
    )
    row = written.order_by("-hour").first()
    if row is None:
        return None
    found = call_log.calls(
        organization=organization,
        project_ids=[row.project_id],
        since=row.hour - _LONGEST_HOUR,
        until=now + _LONGEST_HOUR,
        filters={"source": [source], "provider": [provider.canonical]},
        before=None,
        limit=1,
    )
    return Arrived(row.hour, found[0] if found else None)
