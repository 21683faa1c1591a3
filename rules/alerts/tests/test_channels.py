"""What each channel makes of a message and of an answer."""

import json
import smtplib
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from core.outbound import Answer
from rules.alerts.channels import Action, Place, Result, mail, pagerduty, slack, webhook
from rules.alerts.channels.types import excerpt, judge, retry_after
from rules.alerts.tests.examples import EXAMPLES, digest, hostile, message, outgoing

NOW = datetime(2026, 7, 15, 12, 30, tzinfo=UTC)
PLACE = Place(config={}, secrets={"url": "https://hooks.example.com/T0/token99"})


def answer(status, body=b"", **headers):
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body, False)


# --- Answers ---


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (200, Result.DELIVERED),
        (202, Result.DELIVERED),
        (204, Result.DELIVERED),
        (301, Result.FAILED),
        (304, Result.FAILED),
        (400, Result.FAILED),
        (404, Result.FAILED),
        (408, Result.RETRY),
        (410, Result.FAILED),
        (425, Result.FAILED),
        (429, Result.RETRY),
        (500, Result.RETRY),
        (599, Result.RETRY),
    ],
)
def test_a_status_decides(status, result):
    outcome = judge(answer(status), place=PLACE, now=NOW)

    assert (outcome.result, outcome.status, outcome.is_gone) == (result, status, status == 410)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("", None),
        ("120", timedelta(seconds=120)),
        (" 5 ", timedelta(seconds=5)),
        ("0", timedelta()),
        ("9" * 40, timedelta(seconds=10**9)),
        ("Wed, 15 Jul 2026 12:40:00 GMT", timedelta(minutes=10)),
        ("Wed, 15 Jul 2026 12:00:00 GMT", timedelta()),
        ("Wed, 15 Jul 2026 12:40:00", timedelta(minutes=10)),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("١٢", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, wait):
    assert retry_after(header, now=NOW) == wait


def test_an_answer_is_cut_and_repeats_no_secret():
    body = b"no such hook https://hooks.example.com/T0/token99 (token99)\n" + b"\xff\x00" * 10_000

    found = excerpt(body, secrets=PLACE.secrets.values())

    assert found.startswith("no such hook ••• (•••)")
    assert len(found) <= 500


def test_short_secrets_do_not_hide_half_of_an_answer():
    assert excerpt(b"a b c", secrets=["a"]) == "a b c"


# --- Slack ---


def texts(value):
    """Every text in a payload."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from [inner] if key == "text" and isinstance(inner, str) else texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def markdown(payload):
    for block in payload["blocks"]:
        for one in [block.get("text"), *block.get("fields", []), *block.get("elements", [])]:
            if one and one.get("type") == "mrkdwn":
                yield one["text"]


def test_slack_mentions_nobody_and_links_nowhere_for_a_name():
    payload = slack.payload(hostile())

    assert "<" not in payload["text"]
    assert "&lt;!channel&gt;" in payload["text"]
    assert not [text for text in markdown(payload) if "<" in text]


def test_slack_takes_what_is_sent():
    for content in [*(message(kind) for kind in EXAMPLES), hostile(), digest()]:
        blocks = slack.payload(content)["blocks"]
        assert len(blocks) <= 50
        assert len(blocks[0]["text"]["text"]) <= 150
        assert max(len(text) for text in texts(blocks)) <= 3_000
        assert all(len(block.get("fields", [])) <= 10 for block in blocks)


def test_a_digest_of_hostile_names_links_only_to_us():
    from rules.alerts.messages import digest_of

    payload = slack.payload(digest_of([hostile()] * 40, organization="<A>", url="https://tokenops.example/"))

    lines = [text for text in markdown(payload) if "<" in text]
    assert lines
    for text in lines:
        assert text.count("<") == text.count(">") == 1
        assert "<https://tokenops.example/o/acme/insights/7/|" in text
        assert "|" not in text.partition("|")[2].partition(">")[0]


# --- PagerDuty ---


def test_a_pager_is_told_the_severity_in_its_own_words():
    found = [
        pagerduty.payload(outgoing(message(kind)), routing_key="K")["payload"]["severity"]
        for kind in ("insight.opened", "insight.reopened", "key.created")
    ]

    assert found == ["critical", "warning", "info"]


@pytest.mark.parametrize("action", [Action.ACKNOWLEDGE, Action.RESOLVE])
def test_what_ends_or_is_looked_after_says_only_which_matter(action):
    found = pagerduty.payload(outgoing(message("insight.opened"), action), routing_key="K")

    assert found == {"routing_key": "K", "event_action": action.value, "dedup_key": "tokenops:1:insight:spike-1"}


def test_a_key_that_is_too_long_becomes_a_digest_of_itself():
    assert pagerduty.dedup_key("k" * 255) == "k" * 255
    assert len(pagerduty.dedup_key("k" * 256)) == 64
    assert pagerduty.dedup_key("k" * 256) != pagerduty.dedup_key("k" * 257)


def test_a_giant_event_stays_far_below_the_limit_of_a_pager():
    found = pagerduty.payload(outgoing(hostile()), routing_key="K")

    assert len(found["payload"]["summary"]) <= 1_024
    assert len(json.dumps(found)) < 64_000


@pytest.mark.parametrize(
    ("region", "url"),
    [("us", "https://events.pagerduty.com"), ("eu", "https://events.eu.pagerduty.com")],
)
def test_regions_have_their_own_address(region, url):
    assert pagerduty.base_url(Place(config={"region": region}, secrets={})) == url


# --- Webhooks ---


def signed(place, at):
    body = json.dumps(webhook.payload(outgoing(message("insight.opened")))).encode()
    keys = webhook.valid_secrets(place, now=at)
    return body, webhook.signed_headers("msg_1", body, at=at, keys=keys)


def hook(secret, **more):
    return Place(config={}, secrets={"url": "https://h.example/", "secret": secret, **more})


def test_a_signature_is_what_the_library_of_the_standard_expects():
    secret, now = webhook.new_secret(), datetime.now(UTC)
    body, headers = signed(hook(secret), now)

    assert Webhook(secret).verify(body, headers)["type"] == "insight.opened"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook.new_secret()).verify(body, headers)


def test_old_and_new_secret_verify_during_the_overlap_and_only_the_new_one_after():
    old, new, now = webhook.new_secret(), webhook.new_secret(), datetime.now(UTC)
    place = hook(new, previous=old, previous_until=(now + timedelta(minutes=1)).isoformat())

    body, headers = signed(place, now)
    assert headers["webhook-signature"].count("v1,") == 2
    assert Webhook(old).verify(body, headers) == Webhook(new).verify(body, headers)

    body, headers = signed(place, now + timedelta(minutes=1))
    assert headers["webhook-signature"].count("v1,") == 1
    assert Webhook(new).verify(body, headers)


def test_secrets_are_in_the_form_of_the_standard_and_never_the_same():
    found = {webhook.new_secret() for _ in range(10)}

    assert len(found) == 10
    assert all(secret.startswith("whsec_") and len(secret) == 50 for secret in found)


# --- E-mail ---


def sent(content):
    made = mail.mail(outgoing(content), recipients=["oncall@acme.test"])
    return message_from_bytes(made.message().as_bytes(), policy=policy.default)


def test_a_mail_has_no_header_that_a_name_brought_along():
    found = sent(hostile())

    assert found["Bcc"] is None
    assert "\n" not in str(found["Subject"])
    assert len(str(found["Subject"])) <= 200


def test_a_mail_shows_html_in_names_as_text():
    html = sent(hostile()).get_body(("html",)).get_content()

    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "&lt;b&gt;Bot&lt;/b&gt;" in html


def test_mails_about_one_matter_lie_together():
    began, over = sent(message("insight.opened")), sent(message("insight.resolved"))

    assert began["References"] == over["References"]
    assert began["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("error", "result", "status"),
    [
        (smtplib.SMTPRecipientsRefused({"a@b.test": (550, b"no such person")}), Result.FAILED, 550),
        (smtplib.SMTPRecipientsRefused({"a@b.test": (450, b"greylisted")}), Result.RETRY, 450),
        (smtplib.SMTPRecipientsRefused({}), Result.RETRY, None),
        (smtplib.SMTPDataError(552, b"too large"), Result.FAILED, 552),
        (smtplib.SMTPResponseException(451, "later"), Result.RETRY, 451),
        # The operator's to correct: the channel is not to blame.
        (smtplib.SMTPAuthenticationError(535, b"no"), Result.RETRY, 535),
        (smtplib.SMTPSenderRefused(553, b"no", "x"), Result.RETRY, 553),
        (smtplib.SMTPServerDisconnected("gone"), Result.RETRY, None),
    ],
)
def test_a_mail_servers_words_decide(error, result, status):
    outcome = mail._judge(error)

    assert (outcome.result, outcome.status) == (result, status)
