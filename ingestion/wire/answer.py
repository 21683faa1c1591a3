"""The answer to a batch (telemetry.md, "The answer"): what was stored, what was not and why."""

import msgspec

from ingestion.wire.batch import Batch

MOST_REJECTIONS_SHOWN = 1_000
ACCEPTED, ALL_REJECTED = 202, 400
ALL_REJECTED_TYPE = "/problems/events-rejected"
ALL_REJECTED_TITLE = "Every event was rejected"


class Answer(msgspec.Struct, kw_only=True, frozen=True):
    """Ready to send, and to be kept for an ``Idempotency-Key``."""

    status: int
    content_type: str
    body: bytes


def build_answer(
    batch: Batch,
    *,
    accepted: int,
    duplicates: int,
    problem_type: str = ALL_REJECTED_TYPE,
    title: str = ALL_REJECTED_TITLE,
) -> Answer:
    """202 when an event was accepted or a duplicate, or there was none; 400 when all were rejected.

    ``rejected`` shows the first 1,000 of ``rejected_count``. A 400 is a problem document (RFC 9457) with the same
    members.
    """
    members = {
        "accepted": accepted,
        "duplicates": duplicates,
        "rejected_count": len(batch.rejected),
        "rejected": batch.rejected[:MOST_REJECTIONS_SHOWN],
        "warnings": batch.warnings,
        "content_fields_dropped": batch.content_fields_dropped,
    }
    if accepted or duplicates or not batch.rejected:
        return Answer(status=ACCEPTED, content_type="application/json", body=msgspec.json.encode(members))
    problem = {"type": problem_type, "title": title, "status": ALL_REJECTED}
    body = msgspec.json.encode(problem | members)
    return Answer(status=ALL_REJECTED, content_type="application/problem+json", body=body)
