"""What was made elsewhere goes the way of every message: a row of the outbox, attempts, an end."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core.scope import org_scope
from rules.alerts import delivery_services, outbox, retention, selectors
from rules.alerts.channels import mail, slack
from rules.alerts.messages import Sheet
from rules.alerts.models import Bulletin, Delivery
from rules.alerts.selectors import DeliveryFilter
from rules.alerts.tests.examples import MOMENT, outgoing, sheet
from rules.alerts.tests.factories import NOON, deliver, make_email, make_slack

TEXT = "TOKENOPS\n  [HIGH] SPIKE"


def put(organization, channel, **columns):
    with org_scope(organization.pk):
        given = {"title": "Weekly: Acme", "text": TEXT, "link": "/o/acme/reports/7/", "created_at": NOON} | columns
        bulletin = Bulletin.objects.create(organization=organization, **given)
        return outbox.put(
            channel, purpose=Delivery.Purpose.REPORT, key="report:7:c1", due_at=timezone.now(), bulletin=bulletin
        )


def test_slack_gets_the_text_as_code_and_the_link(acme, scope, receiver):
    with scope(acme):
        delivery = put(acme, make_slack(acme, receiver.url))

        delivered = deliver(delivery)

    assert delivered.state == "delivered"
    (request,) = receiver.received
    blocks = request.json["blocks"]
    assert blocks[0]["text"]["text"] == "Weekly: Acme"
    assert blocks[1]["text"]["text"] == f"```\n{TEXT}\n```"
    assert blocks[2]["elements"][0]["url"].endswith("/o/acme/reports/7/")


def test_a_mail_carries_the_file_as_long_as_it_is_kept(acme, scope, mails):
    with scope(acme):
        file = {"file": b"%PDF-1.7", "file_name": "acme.pdf", "file_type": "application/pdf"}
        delivery = put(acme, make_email(acme), **file)
        deliver(delivery)
        retention.forget_old(organization_id=acme.pk, now=NOON + retention.FILES_KEPT + timedelta(days=1))
        delivery_services.redeliver(organization=acme, actor=None, delivery=delivery, now=timezone.now())
        deliver(delivery)

    with_file, without = mails.mails
    (attached,) = with_file.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("acme.pdf", b"%PDF-1.7")
    assert list(without.iter_attachments()) == []
    assert "/o/acme/reports/7/" in without.get_body(("plain",)).get_content()


def test_a_bulletin_goes_with_its_last_delivery(acme, scope):
    with scope(acme):
        delivery = put(acme, make_email(acme))
        late = NOON + retention.KEPT + timedelta(days=1)
        retention.forget_old(organization_id=acme.pk, now=late)
        assert Bulletin.objects.count() == 1
        outbox.cancel(delivery, "", now=NOON)

        retention.forget_old(organization_id=acme.pk, now=late)

        assert (Bulletin.objects.count(), Delivery.objects.count()) == (0, 0)


def test_a_delivery_whose_bulletin_is_gone_is_not_needed(acme, scope, receiver):
    with scope(acme):
        delivery = put(acme, make_slack(acme, receiver.url))
        Bulletin.objects.all().delete()

        assert deliver(delivery).state == "cancelled"

    assert receiver.received == []


def test_lists_call_it_by_its_title_and_hide_it_with_its_projects(acme, acme_project, scope):
    with scope(acme):
        put(acme, make_email(acme), project_ids=[acme_project.pk])

        (line,) = selectors.lines(selectors.deliveries(organization=acme, chosen=DeliveryFilter()), organization=acme)
        hidden = selectors.deliveries(organization=acme, chosen=DeliveryFilter(hidden=[acme_project.pk]))

        assert (line.title, line.more) == ("Weekly: Acme", 0)
        assert not hidden.exists()


def test_its_page_shows_what_was_sent(acme, scope, owner):
    with scope(acme):
        delivery = put(acme, make_email(acme), sentences=["1 call cost <b>."])

    page = owner.get(f"/o/acme/alerts/deliveries/{delivery.pk}/").content.decode()

    assert "1 call cost &lt;b&gt;." in page
    assert "[HIGH] SPIKE" in page


@pytest.mark.parametrize("lines", [1, 60, 5_000])
def test_slack_takes_no_more_than_it_can_show_and_says_that_there_is_more(lines):
    text = "\n".join(f"[HIGH] SPIKE team-{number} & more" for number in range(lines))

    blocks = slack.payload(Sheet(title="T", organization="Acme", made_at=MOMENT, text=text))["blocks"]

    texts = [block["text"]["text"] for block in blocks[1:]]
    assert 1 <= len(texts) <= 3
    assert max(map(len, texts)) <= 3_000
    assert ("the rest is in the report" in texts[-1]) == (lines == 5_000)
    assert ("team-59 " in "".join(texts)) == (lines > 59)


def test_a_name_with_a_fence_in_it_does_not_end_the_code():
    made = slack.payload(sheet())["blocks"][1]["text"]["text"]

    assert made.count("```") == 2
    assert "a&lt;b&gt;&amp;c ʼʼʼ" in made


def test_what_terminals_take_for_commands_is_left_out():
    made = Sheet(
        title="a\r\nBcc: x", organization="Acme", made_at=MOMENT, text="  \x1b[31mred\x07\u202e\nline"
    ).bounded()

    assert made.title == "a Bcc: x"
    assert made.text == "  [31mred\nline"


def test_the_subject_of_a_mail_is_the_title_and_its_text_is_the_report():
    made = mail.mail(outgoing(sheet()), recipients=["a@acme.test"])

    assert made.subject == "Weekly costs: Acme, 6 – 12 Jul 2026"
    assert made.body.startswith("TOKENOPS COST OPTIMIZATION REPORT\n")
    assert [one.filename for one in made.attachments] == ["acme.pdf"]
