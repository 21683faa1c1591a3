"""Every kind of message in every channel's form, as people get it. UPDATE_SNAPSHOTS=1 writes them anew to be read."""

import json
import os
from pathlib import Path

import pytest

from rules.alerts.channels import Action, mail, pagerduty, slack, webhook
from rules.alerts.matching import KINDS
from rules.alerts.tests.examples import EXAMPLES, digest, message, outgoing, sheet

SNAPSHOTS = Path(__file__).with_name("snapshots")


def compare(name, text):
    path = SNAPSHOTS / name
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOTS.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"read the difference, then write {name} anew"


def pretty(document):
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


@pytest.fixture(autouse=True)
def address(settings):
    settings.BASE_URL = "https://tokenops.example"


def test_every_kind_that_can_be_routed_has_an_example():
    assert set(KINDS) <= set(EXAMPLES)


def test_slack():
    found = {kind: slack.payload(message(kind)) for kind in EXAMPLES}

    compare("slack.json", pretty(found | {"digest": slack.payload(digest()), "sheet": slack.payload(sheet())}))


def test_pagerduty():
    def event(kind):
        action = Action.RESOLVE if kind == "insight.resolved" else Action.TRIGGER
        return pagerduty.payload(outgoing(message(kind), action), routing_key="R" * 32)

    compare("pagerduty.json", pretty({kind: event(kind) for kind in EXAMPLES}))


def test_webhook():
    found = {kind: webhook.payload(outgoing(message(kind))) for kind in EXAMPLES}

    more = {"digest": webhook.payload(outgoing(digest())), "sheet": webhook.payload(outgoing(sheet()))}
    compare("webhook.json", pretty(found | more))


def test_mail_as_text():
    contents = [*(message(kind) for kind in EXAMPLES), digest(), sheet()]
    mails = [mail.mail(outgoing(content), recipients=["oncall@acme.test"]) for content in contents]

    compare("mail.txt", "\n----\n".join(f"Subject: {one.subject}\n\n{one.body}" for one in mails))


def test_mail_as_html():
    contents = [message("insight.opened"), message("insight.resolved"), digest(), sheet()]
    mails = [mail.mail(outgoing(content), recipients=["oncall@acme.test"]) for content in contents]

    compare("mail.html", "\n".join(str(one.alternatives[0].content) for one in mails))
