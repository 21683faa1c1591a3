import os
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import pytest
from django.core.mail import EmailMultiAlternatives
from django.urls import reverse

from tenants import dev_mail

HERE = {"headers": {"host": "127.0.0.1:8000"}, "REMOTE_ADDR": "127.0.0.1"}
SEPARATOR = "\n" + "-" * 79 + "\n"
MAIL = "Subject: {}\nTo: ada@example.test\n\n{}\n"


@pytest.fixture
def mail_dir(settings, tmp_path: Path) -> Path:
    settings.MAIL_DIR = tmp_path
    settings.DEV_MAIL = True
    return tmp_path


def write(directory: Path, name: str, *mails: tuple[str, str], minute: int = 0) -> None:
    file = directory / f"{name}.log"
    file.write_text("".join(MAIL.format(*mail) + SEPARATOR for mail in mails))
    moment = datetime(2026, 7, 1, 12, minute, tzinfo=UTC).timestamp()
    os.utime(file, (moment, moment))


def test_mails_are_listed_newest_first(mail_dir):
    write(mail_dir, "20260701-120000-1", ("first", ""), ("second", ""))
    write(mail_dir, "20260701-120100-2", ("third", ""), minute=1)

    found = dev_mail.mails(mail_dir)

    assert [mail.subject for mail in found] == ["third", "second", "first"]
    assert found[0].sent_at == datetime(2026, 7, 1, 12, 1, tzinfo=UTC)
    assert found[0].id == "20260701-120100-2-0"


def test_before_the_first_mail_there_is_no_folder_and_no_error(tmp_path):
    assert dev_mail.mails(tmp_path / "mail") == []


def test_what_djangos_file_backend_writes_is_read_back(mail_dir, settings):
    backend = "django.core.mail.backends.filebased.EmailBackend"
    settings.MAILERS = {"default": {"BACKEND": backend, "OPTIONS": {"file_path": mail_dir}}}
    message = EmailMultiAlternatives("Größe", "Text\nhttps://example.test/a?b=1", "a@b.test", ["ada@example.test"])
    message.attach_alternative("<p>HTML</p>", "text/html")

    message.send()

    (mail,) = dev_mail.mails(mail_dir)
    assert (mail.subject, mail.to, mail.link) == ("Größe", "ada@example.test", "https://example.test/a?b=1")
    assert mail.text.splitlines()[0] == "Text"
    assert mail.html.strip() == "<p>HTML</p>"


@pytest.mark.parametrize("mail_id", ["../../etc/passwd-0", "20260701-120000-1-7", "gone-0", "x", "", "a" * 200 + "-0"])
def test_an_id_that_is_not_listed_is_not_found(mail_dir, mail_id):
    write(mail_dir, "20260701-120000-1", ("first", ""))

    assert dev_mail.find_mail(mail_dir, mail_id) is None


def test_the_pages_show_the_link_and_never_run_what_a_mail_says(mail_dir, anonymous):
    write(mail_dir, "20260701-120000-1", ("<b>Hi</b>", "<script>x()</script> http://127.0.0.1:8000/accounts/x/"))

    listed = anonymous.get(reverse("dev:mail-list"), **HERE).text
    shown = anonymous.get(reverse("dev:mail-detail", args=["20260701-120000-1-0"]), **HERE).text

    for page in (listed, shown):
        assert 'href="http://127.0.0.1:8000/accounts/x/"' in page
        assert "&lt;b&gt;Hi&lt;/b&gt;" in page
        assert "<script>x()" not in page


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"headers": {"host": "127.0.0.1"}, "REMOTE_ADDR": "192.168.1.7"},
        {"headers": {"host": "127.0.0.1", "x-forwarded-for": "203.0.113.9"}, "REMOTE_ADDR": "127.0.0.1"},
        {"headers": {"host": "evil.example.com"}, "REMOTE_ADDR": "127.0.0.1"},
    ],
)
def test_other_machines_find_nothing_there(mail_dir, anonymous, elsewhere):
    write(mail_dir, "20260701-120000-1", ("secret", ""))

    pages = [reverse("dev:mail-list"), reverse("dev:mail-detail", args=["20260701-120000-1-0"])]

    assert [anonymous.get(page, **elsewhere).status_code for page in pages] == [HTTPStatus.NOT_FOUND] * 2


def test_with_a_mail_server_the_pages_do_not_exist(mail_dir, anonymous, settings):
    settings.DEV_MAIL = False

    assert anonymous.get(reverse("dev:mail-list"), **HERE).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(("is_on", "is_linked"), [(True, True), (False, False)])
def test_the_check_your_mail_page_links_there_where_it_is_shown(mail_dir, anonymous, settings, is_on, is_linked):
    settings.DEV_MAIL = is_on
    data = {"email": "ada@example.test", "password1": "correct horse battery"}

    page = anonymous.post(reverse("account_signup"), data, follow=True, **HERE).text

    assert ("/dev/mail/" in page) is is_linked
