"""Bad configuration fails at start with one sentence: each case starts a real process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tokenops.env import ConfigurationError
from tokenops.settings.mail import mailers

ROOT = Path(__file__).resolve().parents[2]


def load_settings(**environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "import tokenops.settings"],
        cwd=ROOT,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"PORT": "http"}, "PORT must be a whole number from 1 to 65535."),
        ({"DEBUG": "perhaps"}, "DEBUG must be true or false."),
        ({"SIGNUP": "everyone"}, "SIGNUP must be one of open, invite, closed."),
        ({"BASE_URL": "tokenops.test"}, "BASE_URL must be an http or https URL with a host name."),
        ({"EMAIL_URL": "mailto:me"}, "EMAIL_URL must look like smtp://user:password@host:25 (or smtp+tls, smtps)."),
        (
            {"INGEST_REQUESTS_PER_SECOND": "-1"},
            "INGEST_REQUESTS_PER_SECOND must be a whole number from 0 to 1000000.",
        ),
        (
            {"INGEST_EVENTS_PER_SECOND": "many"},
            "INGEST_EVENTS_PER_SECOND must be a whole number from 0 to 100000000.",
        ),
        ({"EDGE_PROCESSES": "0"}, "EDGE_PROCESSES must be a whole number from 1 to 1000."),
        ({"MONTHLY_EVENT_QUOTA": "0"}, "MONTHLY_EVENT_QUOTA must be a whole number from 1 to 1000000000000000."),
        (
            {"METRICS_TOKEN": "guess me"},
            "METRICS_TOKEN must have at least 16 printable ASCII characters, no blanks.",
        ),
        ({"SECRET_KEY": "short"}, "SECRET_KEY must have at least 32 characters."),
    ],
)
def test_bad_configuration_is_one_sentence(environ, sentence):
    result = load_settings(**environ)

    assert result.returncode != 0
    assert result.stderr.strip().splitlines()[-1].endswith(sentence)


def test_without_a_mail_server_mails_become_files(tmp_path):
    assert mailers("", tmp_path)["default"] == {
        "BACKEND": "django.core.mail.backends.filebased.EmailBackend",
        "OPTIONS": {"file_path": tmp_path},
    }


def test_email_url_gives_host_port_user_and_encryption(tmp_path):
    options = mailers("smtp+tls://ann%40a.test:p%2Fw@mail.test", tmp_path)["default"]["OPTIONS"]

    assert options == {
        "host": "mail.test",
        "port": 587,
        "username": "ann@a.test",
        "password": "p/w",
        "use_tls": True,
        "use_ssl": False,
        "timeout": 10,
    }


@pytest.mark.parametrize("url", ["imap://mail.test", "smtp://", "mail.test:25"])
def test_an_unusable_email_url_is_refused(url, tmp_path):
    with pytest.raises(ConfigurationError):
        mailers(url, tmp_path)
