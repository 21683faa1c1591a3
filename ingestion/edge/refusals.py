"""Which refusals are counted, and for which project."""

from datetime import datetime
from typing import Final

from ingestion.edge.directory import Sender
from ingestion.edge.http import Reply
from ingestion.wire.batch import Batch
from ingestion.wire.refused import Refused
from ingestion.writer.refusals import NO_PROJECT, Place, RefusalLog

EVENTS_REJECTED: Final = "events-rejected"  # the answer when all were; they are counted one by one
_SERVER_ERROR: Final = 500
_PROJECT: Final = "project"


def count_request(log: RefusalLog, place: Place, reply: Reply, slug: str, *, now: datetime) -> None:
    """Count a request that was refused as a whole. What is our fault is no refusal: the sender comes again."""
    if reply.status < _SERVER_ERROR and slug != EVENTS_REJECTED:
        log.add_request(place, slug, now=now)


def count_events(
    log: RefusalLog, place: Place, sender: Sender, batch: Batch, refused: Refused, *, now: datetime
) -> None:
    """Count refused events and dropped content of a request that was read."""
    if refused:
        undecided = {} if sender.is_bound else {why: of for why, of in refused.items() if why.field == _PROJECT}
        decided = {why: of for why, of in refused.items() if why not in undecided}
        log.add_events(place, decided, now=now)
        log.add_events(place._replace(project_id=NO_PROJECT), undecided, now=now)
    if batch.content_fields_dropped:
        log.add_content(place, batch.content_fields_dropped, now=now)


def place_of(sender: Sender, project_slug: str, *, endpoint: str, now: datetime) -> Place:
    """Where refusals of a request are counted: for the project that the request as a whole is for.

    A refused event may have named another one. It was not read to the end, so nothing is decided by it.
    """
    project = sender.home if sender.is_bound or not project_slug else sender.projects.get(project_slug)
    hour, _ = sender.local_time.buckets(now)
    return Place(sender.organization_id, hour, project.target.project_id if project else NO_PROJECT, endpoint)
