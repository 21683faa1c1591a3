"""One event of each kind, with the facts that the product writes, and hostile ones."""

from datetime import UTC, datetime
from typing import Any, Final

from rules.alerts.channels import Action, Outgoing
from rules.alerts.messages import Attachment, Content, Digest, Figure, Message, Origin, Sheet, digest_of, write

MOMENT: Final = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)
_BASE: Final = "https://tokenops.example"
_KEY: Final = {"name": "production backend", "prefix": "Ab12Cd34", "scopes": ["ingest", "read"]}

EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "insight.opened": {
        "severity": "high",
        "rule": "SPIKE",
        "project": "Support bot",
        "team": "search",
        "facts": {
            "title": "Traffic of Support bot is 12 × its usual",
            "summary": "12,000 calls since midnight; the 7 days before had 1,000 a day.",
            "figures": [
                {"label": "Calls today", "value": "12,000", "normal": "usually 1,000 a day"},
                {"label": "Cost today", "value": "$184.20", "normal": "usually $15.10"},
            ],
            "advice": "Look at the calls of the feature that grew; a loop or a retry storm looks like this.",
        },
    },
    "insight.reopened": {
        "severity": "medium",
        "rule": "CACHE_WASTE",
        "project": "Support bot",
        "facts": {"title": "The same prompt was sent 640 times", "saving_usd_month": "412.5"},
    },
    "insight.resolved": {
        "severity": "high",
        "rule": "SPIKE",
        "project": "Support bot",
        "facts": {"title": "Traffic of Support bot is 12 × its usual"},
    },
    "budget.threshold": {
        "severity": "medium",
        "facts": {
            "name": "July",
            "metric": "cost_usd",
            "spent": "812.5",
            "limit": "1000",
            "percent": 81.25,
            "threshold": 80,
            "period": "July 2026",
            "forecast": "1422.1",
            "unpriced_calls": 12,
        },
    },
    "key.created": {"severity": "low", "project": "Support bot", "facts": _KEY},
    "key.rotated": {
        "severity": "low",
        "project": "Support bot",
        "facts": _KEY | {"replaced_by": "Zz99Yy88", "until": "2026-07-22T12:00:00+00:00"},
    },
    "key.revoked": {"severity": "medium", "facts": _KEY},
    "key.expiring": {
        "severity": "high",
        "project": "Support bot",
        "facts": _KEY | {"days": 1, "expires_at": "2026-07-16T12:00:00+00:00"},
    },
    "catalogue.changed": {
        "severity": "low",
        "facts": {
            "version": "2026-07-15",
            "models": 2,
            "changes": [
                {
                    "kind": "changed",
                    "provider": "openai",
                    "model": "gpt-4o",
                    "what": ["output went from $10.00 to $8.00 per million"],
                },
                {"kind": "added", "provider": "anthropic", "model": "claude-5", "what": ["input is $3.00 per million"]},
            ],
        },
    },
    "quota.reached": {
        "severity": "high",
        "facts": {"percent": 80, "events": 800_412, "quota": 1_000_000, "month": "2026-07"},
    },
    "gateway.spool_filling": {
        "severity": "high",
        "facts": {"used_bytes": 805_306_368, "limit_bytes": 1_073_741_824},
    },
    "channel.disabled": {
        "severity": "high",
        "facts": {"name": "#alerts", "channel_kind": "slack", "reason": "no_service", "failures": 3},
    },
    "report.not_sent": {
        "severity": "medium",
        "facts": {"name": "Every Monday", "reason": "All of its channels were deleted."},
    },
    "something.new": {"severity": "low", "facts": {"title": "Something nobody wrote words for"}},
}

HOSTILE: Final[dict[str, Any]] = {
    "severity": "high",
    "rule": "SPIKE",
    "project": "<b>Bot</b> & “Ünï©ode” 🤖",
    "team": "a|b>c",
    "facts": {
        "title": "<!channel> <script>alert(1)</script>\r\nBcc: all@example.com & " + "x" * 5_000,
        "summary": "<https://evil.example|click> \u202edlrow",
        "figures": [{"label": "L" * 500, "value": "<@U123> " + "9" * 100_000, "normal": "&amp;"}] * 200,
        "advice": "& < > \x00\x07",
    },
}


def origin(kind: str, example: dict[str, Any]) -> Origin:
    return Origin(
        event_id=7,
        kind=kind,
        severity=example["severity"],
        dedup_key=f"{kind}:1",
        happened_at=MOMENT,
        organization="Acme",
        project=example.get("project", ""),
        team=example.get("team", ""),
        rule=example.get("rule", ""),
        url=f"{_BASE}/o/acme/insights/7/",
        facts=example["facts"],
    )


def message(kind: str) -> Message:
    return write(origin(kind, EXAMPLES[kind]))


def hostile() -> Message:
    return write(origin("insight.opened", HOSTILE))


def digest() -> Digest:
    found = [message(kind) for kind in EXAMPLES]
    return digest_of(found, organization="Acme", url=f"{_BASE}/o/acme/alerts/deliveries/9/", left_out=40)


def sheet() -> Sheet:
    """A report as it is sent."""
    text = (
        "TOKENOPS COST OPTIMIZATION REPORT\nAcme, 6 – 12 Jul 2026\n\nISSUES\n  [HIGH] SPIKE a<b>&c ```; fires above 5"
    )
    return Sheet(
        title="Weekly costs: Acme, 6 – 12 Jul 2026",
        organization="Acme",
        made_at=MOMENT,
        sentences=["700 calls cost $21.00.", "1 insight is open: 1 high."],
        figures=[Figure("LLM spend", "$21.00", "+5%, 2 unpriced"), Figure("Calls", "700")],
        text=text,
        url=f"{_BASE}/o/acme/reports/7/",
        attachment=Attachment("acme.pdf", "application/pdf", b"%PDF"),
    ).bounded()


def outgoing(content: Content, action: Action = Action.TRIGGER) -> Outgoing:
    return Outgoing(
        message_id="msg_0123456789abcdef",
        dedup_key="tokenops:1:insight:spike-1",
        action=action,
        content=content,
        sent_at=MOMENT,
    )
