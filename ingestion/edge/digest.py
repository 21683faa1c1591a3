"""From the bytes of a body to rows: decode, decide the project of each call, price. Runs in the loop or in a thread."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ingestion.edge.directory import Project, Sender
from ingestion.edge.http import Problem
from ingestion.edge.reference import Window
from ingestion.pricing.book import PriceBook
from ingestion.pricing.providers import infer_provider
from ingestion.wire.batch import Batch, FieldError, ParseContext
from ingestion.wire.body import BoundedBody
from ingestion.wire.identity import looks_personal, stored_user_id
from ingestion.wire.refused import Refused, refused
from ingestion.wire.types import Call
from ingestion.writer import Row, Target, row

type Parse = Callable[[bytes, str, ParseContext], Batch]

_NO_DEFAULT: Final = FieldError("project", "name a project: this key's organization has no default one")
_UNKNOWN_PROJECT: Final = FieldError("project", "is not a project of this key's organization")


@dataclass(frozen=True, slots=True)
class Digest:
    """What a body became; ``targets`` are the projects its rows go to, ``body_digest`` is asked for or empty.

    ``refused`` is why events of the batch are not among the rows, counted by reason.
    """

    batch: Batch
    rows: list[Row]
    targets: list[Target]
    body_digest: bytes
    refused: Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Digester:
    """Everything that is decided before the body is looked at."""

    parse: Parse
    sender: Sender
    project_slug: str  # from the header; '' when it names none
    book: PriceBook
    window: Window
    now: datetime
    is_claimed: bool  # by an Idempotency-Key, which goes with the SHA-256 of the decoded body

    def digest(self, chunks: Sequence[bytes], *, body: BoundedBody, content_type: str) -> Digest:
        """:raises BodyError: the body as a whole cannot be used. :raises Problem: 403, it names a foreign project."""
        for chunk in chunks:
            body.feed(chunk)
        decoded = body.finish()
        batch = self.parse(decoded, content_type, self._context())
        if self.sender.is_bound and any(call.project_slug for _, call in batch.calls):
            raise other_project()
        projects = self._projects(batch)
        rows = [self._row(call, projects[call.project_slug]) for _, call in batch.calls]
        body_digest = hashlib.sha256(decoded).digest() if self.is_claimed else b""
        targets = [project.target for project in projects.values()]
        return Digest(batch, rows, targets, body_digest, refused(batch))

    def _context(self) -> ParseContext:
        sender, home = self.sender, self.sender.home
        return ParseContext(
            now=self.now,
            earliest=max(self.window.earliest(), self._kept_from()),
            latest=self.window.latest(self.now),
            infer_provider=infer_provider,
            hash_key=sender.hash_key,
            # An organization's key writes to many projects: its user ids are hashed when the project is known.
            allow_personal_ids=home.allow_personal_ids if sender.is_bound and home else True,
            project_slug=home.slug if sender.is_bound and home else None,
        )

    def _kept_from(self) -> datetime:
        longest = max((project.retention_days for project in self.sender.projects.values()), default=1)
        return self.now - timedelta(days=longest)

    def _projects(self, batch: Batch) -> dict[str, Project]:
        """Projects by the slug as the calls have it; calls that name none we know are refused."""
        found: dict[str, Project] = {}
        refused: dict[int, FieldError] = {}
        for index, call in batch.calls:
            project = found.get(call.project_slug) or self._project(call.project_slug)
            if project is None:
                refused[index] = _UNKNOWN_PROJECT if call.project_slug or self.project_slug else _NO_DEFAULT
            elif call.started_at < self.now - timedelta(days=project.retention_days):
                refused[index] = FieldError("timestamp", f"is older than {project.retention_days} days")
            else:
                found[call.project_slug] = project
        if refused:
            batch.refuse_calls(refused)
        return found

    def _project(self, slug: str) -> Project | None:
        wanted = slug or self.project_slug
        return self.sender.projects.get(wanted) if wanted else self.sender.home

    def _row(self, call: Call, project: Project) -> Row:
        if not self.sender.is_bound and not project.allow_personal_ids and looks_personal(call.user_id):
            call.user_id = stored_user_id(call.user_id, self.sender.hash_key)
        priced = self.book.price(project.target.organization_id, call)
        return row(call, priced, project.target, self.now)


def other_project() -> Problem:
    return Problem(403, "other-project", "This API key belongs to another project.", "Leave the project out.")
