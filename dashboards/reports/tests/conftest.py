from collections.abc import Iterator
from typing import Any

import pytest

from tests.receivers import MailServer, Receiver, http_receiver, mail_server


@pytest.fixture(autouse=True)
def loopback_is_allowed(settings: Any) -> None:
    """The receivers of these tests are on this machine."""
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    settings.BASE_URL = "https://tokenops.example"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as running:
        yield running


@pytest.fixture
def mails(settings: Any) -> Iterator[MailServer]:
    """The installation's mail server."""
    with mail_server() as running:
        options = {"host": "127.0.0.1", "port": running.port, "timeout": 5}
        backend = "django.core.mail.backends.smtp.EmailBackend"
        settings.MAILERS = {"default": {"BACKEND": backend, "OPTIONS": options}}
        yield running
