"""Pure decisions about what: which events a route is about, and what an event does to the matter it belongs to."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

RANK: Final = {"low": 0, "medium": 1, "high": 2}

# What people can be told of, in the order of the form, with the words they read.
KINDS: Final = {
    "insight.opened": "An insight opened",
    "insight.reopened": "An insight opened again",
    "insight.resolved": "An insight was resolved",
    "budget.threshold": "A budget reached a threshold",
    "key.created": "An API key was created",
    "key.rotated": "An API key is being replaced",
    "key.revoked": "An API key was revoked",
    "key.expiring": "An API key expires soon",
    "catalogue.changed": "Prices of the catalogue changed",
    "quota.reached": "The monthly quota is nearly or all used",
    "gateway.spool_filling": "The gateway’s spool is filling up",
    "channel.disabled": "A channel was turned off",
    "report.not_sent": "A scheduled report could not be sent",
}

# Names that insights carry. Alerts know no more of rules than these.
RULES: Final = {
    "MODEL_MISUSE": "Premium model for short answers",
    "MODEL_DOWNGRADE": "Flagship model for tiny calls",
    "LONG_PROMPTS": "Long prompts",
    "CACHE_WASTE": "The same prompt again and again",
    "SPIKE": "Spike in traffic",
    "RAM_OVER_PROVISION": "More memory than it needs",
    "PROMPT_CACHE_OPPORTUNITY": "Prompt caching is not used",
    "ERROR_BURST": "Burst of errors",
    "LATENCY_REGRESSION": "Answers take much longer",
    "UNPRICED_MODEL": "Model without a price",
    "BUDGET_THRESHOLD": "Budget reached",
    "BUDGET_FORECAST": "Budget will not last",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What routes look at of an event."""

    kind: str
    severity: str
    rule: str = ""
    team: str = ""
    project_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a route asks for; an empty collection asks for nothing in particular."""

    min_severity: str = "low"
    kinds: Collection[str] = ()
    rules: Collection[str] = ()
    teams: Collection[str] = ()
    project_ids: Collection[int] = ()

    def match(self, subject: Subject) -> bool:
        """Whether the event is meant. An event of the whole organization is in no project and no team."""
        return (
            RANK[subject.severity] >= RANK[self.min_severity]
            and _among(subject.kind, self.kinds)
            and _among(subject.rule, self.rules)
            and _among(subject.team, self.teams)
            and _among(subject.project_id, self.project_ids)
        )


def opens(kind: str) -> bool:
    """Whether the event opens a matter that another one will close."""
    return kind.endswith((".opened", ".reopened"))


def closes(kind: str) -> bool:
    """Whether the event says that a matter is over."""
    return kind.endswith(".resolved")


def _among(value: object, wanted: Collection[object]) -> bool:
    return not wanted or value in wanted
