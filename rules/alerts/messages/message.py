"""What a message is, before a channel gives it a form. Every text has an end, whatever the facts hold."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

LONGEST_TITLE: Final = 150
LONGEST_TEXT: Final = 600
LONGEST_VALUE: Final = 120
MOST_FIGURES: Final = 8
MOST_IN_DIGEST: Final = 30

type Facts = dict[str, Any]


def clip(value: object, most: int = LONGEST_VALUE) -> str:
    """One line of at most ``most`` characters, without what terminals and mail headers take for commands."""
    text = " ".join(str(value).split())
    shown = "".join(letter for letter in text[: most + 1] if letter.isprintable())
    return shown if len(shown) <= most else shown[: most - 1].rstrip() + "…"


@dataclass(frozen=True, slots=True)
class Figure:
    """How big something is; ``normal`` is what it usually is, or the limit, or ''."""

    label: str
    value: str
    normal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """An event as messages know it: what, where, when, and the path of the page about it."""

    event_id: int
    kind: str
    severity: str
    dedup_key: str
    happened_at: datetime
    organization: str
    project: str = ""
    team: str = ""
    rule: str = ""
    url: str = ""
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What happened, how big it is, where, and what to do. ``is_over`` says that it is good news."""

    origin: Origin
    title: str
    summary: str = ""
    figures: Sequence[Figure] = ()
    advice: str = ""
    is_over: bool = False
    note: str = ""  # why this comes now: a reminder, an escalation

    @property
    def severity(self) -> str:
        return self.origin.severity

    @property
    def url(self) -> str:
        return self.origin.url

    @property
    def where(self) -> list[tuple[str, str]]:
        """Labels and names, from the widest to the narrowest."""
        places = (
            ("Organization", self.origin.organization),
            ("Project", self.origin.project),
            ("Team", self.origin.team),
        )
        return [(label, clip(name)) for label, name in places if name]

    def bounded(self) -> "Message":
        """The same with every text cut to what people read."""
        figures = tuple(
            Figure(clip(figure.label, 60), clip(figure.value), clip(figure.normal))
            for figure in self.figures[:MOST_FIGURES]
        )
        return replace(
            self,
            title=clip(self.title, LONGEST_TITLE),
            summary=clip(self.summary, LONGEST_TEXT),
            advice=clip(self.advice, LONGEST_TEXT),
            figures=figures,
        )


@dataclass(frozen=True, slots=True)
class Digest:
    """Messages of a while together, the worst first; ``left_out`` is how many more there were."""

    title: str
    messages: Sequence[Message]
    left_out: int
    url: str


_WORST_FIRST: Final = {"high": 0, "medium": 1, "low": 2}


def digest_of(messages: Sequence[Message], *, organization: str, url: str, left_out: int = 0) -> Digest:
    """A digest that shows at most MOST_IN_DIGEST messages and counts the rest."""
    ranked = sorted(messages, key=lambda message: (message.is_over, _WORST_FIRST[message.severity]))
    total = len(messages) + left_out
    title = f"{total:,} {'alert' if total == 1 else 'alerts'} in {clip(organization, 80)}"
    return Digest(title, tuple(ranked[:MOST_IN_DIGEST]), total - min(len(ranked), MOST_IN_DIGEST), url)
