"""From the bytes of a body to rows: decode, decide the project of each call, price. Runs in the loop or in a thread."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ingestion.edge.directory import Project, Sender
from ingestion.edge.http import Problem
from ingestion.edge.reference import Window
from ingestion.pricing.book import PriceBook
from ingestion.pricing.providers import infer_provider
from ingestion.wire.batch import Batch, FieldError, ParseContext, SampleBatch
from ingestion.wire.body import BoundedBody
from ingestion.wire.identity import looks_personal, stored_user_id
from ingestion.wire.refused import Refused, refused
from ingestion.wire.types import Call, Sample
from ingestion.writer import Line, Row, SampleRow, Target, row, sample_row
from tenants.environment_names import UNNAMED

type Parse = Callable[[bytes, str, ParseContext], Batch]
type ParseSamples = Callable[[bytes, str, ParseContext], SampleBatch]

_NO_DEFAULT: Final = FieldError("project", "name a project: this key's organization has no default one")
_UNKNOWN_PROJECT: Final = FieldError("project", "is not a project of this key's organization")


@dataclass(frozen=True, slots=True)
class Digest:
    """What a body became; ``targets`` are the projects its rows go to, ``body_digest`` is asked for or empty.

    ``refused`` is why events of the batch are not among the rows, counted by reason.
    """

    batch: Batch
    rows: Sequence[Line]
    targets: list[Target]
    body_digest: bytes
    refused: Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Everything that is decided before the body is looked at."""

    sender: Sender
    project_slug: str  # from the header; '' when it names none
    book: PriceBook
    window: Window
    now: datetime
    is_claimed: bool  # by an Idempotency-Key, which goes with the SHA-256 of the decoded body
    source: str = "rest"

    def context(self) -> ParseContext:
        """What the decoders need to know."""
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
            source=self.source,
        )

    def _kept_from(self) -> datetime:
        longest = max((project.retention_days for project in self.sender.projects.values()), default=1)
        return self.now - timedelta(days=longest)

    def kept_from(self, project: Project) -> datetime:
        """Calls that started earlier are not stored in the project."""
        return self.now - timedelta(days=project.retention_days)

    def project(self, slug: str) -> Project | None:
        """The project that is meant by what an event calls it; '' when it names none."""
        wanted = slug or self.project_slug
        return self.sender.projects.get(wanted) if wanted else self.sender.home

    def refusal(self, project: Project | None, slug: str, moment: datetime) -> FieldError | None:
        """Why what happened at ``moment`` in ``project``, called ``slug``, is not stored."""
        if project is None:
            return _UNKNOWN_PROJECT if slug or self.project_slug else _NO_DEFAULT
        if moment < self.kept_from(project):
            return FieldError("timestamp", f"is older than {project.retention_days} days")
        return None


class Digester(ABC):
    """Makes rows of the bodies of one endpoint."""

    def digest(self, request: Request, chunks: Sequence[bytes], *, body: BoundedBody, content_type: str) -> Digest:
        """:raises BodyError: the body as a whole cannot be used. :raises Problem: 403, it names a foreign project."""
        for chunk in chunks:
            body.feed(chunk)
        decoded = body.finish()
        batch, rows, projects = self._rows(request, decoded, content_type)
        body_digest = hashlib.sha256(decoded).digest() if request.is_claimed else b""
        targets = [project.target for project in projects]
        return Digest(batch, rows, targets, body_digest, refused(batch))

    @abstractmethod
    def _rows(
        self, request: Request, body: bytes, content_type: str
    ) -> tuple[Batch, Sequence[Line], Iterable[Project]]:
        """What is to be said, what is to be stored, and where it goes."""


class CallDigester(Digester):
    """Calls: priced, and with user ids hashed where their project wants it."""

    def __init__(self, parse: Parse) -> None:
        self._parse = parse

    def _rows(self, request: Request, body: bytes, content_type: str) -> tuple[Batch, list[Row], Iterable[Project]]:
        batch = self._parse(body, content_type, request.context())
        if request.sender.is_bound and any(call.project_slug for _, call in batch.calls):
            raise other_project()
        projects = _projects_of_calls(request, batch)
        rows = [_row(request, call, projects[call.project_slug]) for _, call in batch.calls]
        return batch, rows, projects.values()


class SampleDigester(Digester):
    """Samples of cloud functions and workers."""

    def __init__(self, parse: ParseSamples) -> None:
        self._parse = parse

    def _rows(
        self, request: Request, body: bytes, content_type: str
    ) -> tuple[Batch, list[SampleRow], Iterable[Project]]:
        batch = self._parse(body, content_type, request.context())
        if request.sender.is_bound and any(sample.project_slug for _, sample in batch.samples):
            raise other_project()
        projects = _projects_of_samples(request, batch)
        rows = [_sample_row(request, sample, projects[sample.project_slug]) for _, sample in batch.samples]
        return batch, rows, projects.values()


def _projects_of_calls(request: Request, batch: Batch) -> dict[str, Project]:
    """Projects by the slug as the calls have it; calls that name none we know are refused."""
    placed = _Placed(request)
    for index, call in batch.calls:
        placed.add(index, call.project_slug, call.started_at)
    if placed.refused:
        batch.refuse_calls(placed.refused)
    return placed.projects


def _projects_of_samples(request: Request, batch: SampleBatch) -> dict[str, Project]:
    placed = _Placed(request)
    for index, sample in batch.samples:
        placed.add(index, sample.project_slug, sample.sampled_at)
    if placed.refused:
        batch.refuse_samples(placed.refused)
    return placed.projects


class _Placed:
    """The projects a body's contents go to, by the slug as they have it, and what goes nowhere."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._kept_from: dict[str, datetime] = {}  # of the projects
        self.projects: dict[str, Project] = {}
        self.refused: dict[int, FieldError] = {}

    def add(self, index: int, slug: str, moment: datetime) -> None:
        kept_from = self._kept_from.get(slug)
        if kept_from is None or moment < kept_from:  # the first of its project, or refused
            self._decide(index, slug, moment)

    def _decide(self, index: int, slug: str, moment: datetime) -> None:
        project = self._request.project(slug)
        refusal = self._request.refusal(project, slug, moment)
        if refusal is not None:
            self.refused[index] = refusal
        elif project is not None:
            self.projects[slug] = project
            self._kept_from[slug] = self._request.kept_from(project)


def _row(request: Request, call: Call, project: Project) -> Row:
    sender = request.sender
    if not sender.is_bound and not project.allow_personal_ids and looks_personal(call.user_id):
        call.user_id = stored_user_id(call.user_id, sender.hash_key)
    call.team = sender.team(call.team, project)
    call.environment = project.environment if call.environment == UNNAMED else call.environment
    priced = request.book.price(project.target.organization_id, call)
    return row(call, priced, project.target, request.now)


def _sample_row(request: Request, sample: Sample, project: Project) -> SampleRow:
    sample.team = request.sender.team(sample.team, project)
    sample.environment = project.environment if sample.environment == UNNAMED else sample.environment
    return sample_row(sample, project.target, request.now)


def other_project() -> Problem:
    return Problem(403, "other-project", "This API key belongs to another project.", "Leave the project out.")
