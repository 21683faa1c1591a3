"""What rules look at: sums that were read once, as of one moment. Calls that were estimated are in none of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from operator import add
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from ingestion.pricing.cards import RateCard
from ingestion.wire.types import Usage
from rules.engine.budgets import BudgetSpend


class Model(NamedTuple):
    """A model as calls are grouped by it: the provider's name and the model's key."""

    provider: str
    key: str


class Where(NamedTuple):
    """The finest place a saving belongs to."""

    team: str
    feature: str
    model: Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Sums of tokens by kind, in inclusive form as ``Usage`` has them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    audio_input_tokens: int = 0
    cached_audio_input_tokens: int = 0
    image_input_tokens: int = 0
    reasoning_tokens: int = 0
    audio_output_tokens: int = 0
    image_output_tokens: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(**{name: add(getattr(self, name), getattr(other, name)) for name in TOKEN_KINDS})

    def usage(self) -> Usage:
        return Usage(**{name: getattr(self, name) for name in TOKEN_KINDS})


TOKEN_KINDS = tuple(one.name for one in fields(Tokens))


@dataclass(frozen=True, slots=True)
class SizeRow:
    """Calls of one size in a window: all tokens below ``below``, and not below the size before; None: the largest."""

    where: Where
    below: int | None
    calls: int
    tokens: Tokens
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class BandRow:
    """Large calls of a window, read one by one: those whose input is above ``above`` and in no higher tier."""

    where: Where
    above: int
    calls: int
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class Sizes:
    """The calls of the last ``days`` full local days.

    ``bands`` has the calls of the largest size where a card has tiers, and nothing where they were too many to read.
    """

    days: int
    rows: tuple[SizeRow, ...]
    bands: tuple[BandRow, ...] = ()


HashKind = Literal["full", "prefix"]


@dataclass(frozen=True, slots=True)
class HashRow:
    """Calls of one local day that share a hash of their prompt or of its beginning; compared within one source."""

    day: date
    kind: HashKind
    source: str
    hash: str
    where: Where
    calls: int
    input_tokens: int
    cached_input_tokens: int
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class TeamDay:
    """Calls of a team on a local day; days without calls have no row."""

    team: str
    day: date
    calls: int


@dataclass(frozen=True, slots=True)
class TeamStart:
    """The first local day with calls of a team, or any earlier day of the days a baseline may reach back to."""

    team: str
    day: date


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """Calls and failed calls of the last full hour, and of the days before it."""

    model: Model
    feature: str
    calls: int
    errors: int
    calls_before: int
    errors_before: int


@dataclass(frozen=True, slots=True)
class LatencyRow:
    """Histograms (ingestion.histogram) of calls without an error: of the last full hours, and of the days before."""

    model: Model
    feature: str
    recent: Decimal
    before: Decimal


@dataclass(frozen=True, slots=True)
class UnpricedRow:
    """Calls of a model that have no cost, in the days the rule looks at."""

    model: Model
    calls: int


@dataclass(frozen=True, slots=True)
class ResourceRow:
    """The samples of a resource in the window; ``peak_share`` is the highest used ÷ allocated of any one of them."""

    resource: str
    team: str
    samples: int
    allocated_mb: Decimal
    peak_used_mb: Decimal
    peak_share: Decimal
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Alternative:
    """A cheaper model of the same family, and its standard card at the moment of the snapshot."""

    model: str
    card: RateCard


@dataclass(frozen=True, slots=True)
class Priced:
    """What a model costs at the moment of the snapshot; None where no card says."""

    card: RateCard | None = None
    alternative: Alternative | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The numbers of one project at one moment; of an organization's budgets when ``project_id`` is None.

    The rows belong to the windows that the rules' configuration asks for at ``as_of``, the only clock there is.
    """

    project_id: int | None
    as_of: datetime
    zone: ZoneInfo
    prices: Mapping[Model, Priced] = field(default_factory=dict)
    sizes: tuple[Sizes, ...] = ()
    hashes: tuple[HashRow, ...] = ()
    team_days: tuple[TeamDay, ...] = ()
    team_starts: tuple[TeamStart, ...] = ()
    errors: tuple[ErrorRow, ...] = ()
    latencies: tuple[LatencyRow, ...] = ()
    unpriced: tuple[UnpricedRow, ...] = ()
    resources: tuple[ResourceRow, ...] = ()
    budgets: tuple[BudgetSpend, ...] = ()

    def priced(self, model: Model) -> Priced:
        return self.prices.get(model, _UNKNOWN)

    def of_days(self, days: int) -> Sizes:
        """Calls by size of the last ``days`` full days."""
        return next((sizes for sizes in self.sizes if sizes.days == days), Sizes(days, ()))


_UNKNOWN = Priced()
