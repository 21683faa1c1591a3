from collections.abc import Iterator

import pytest

from tenants.tests.identity import configure
from tests.issuer import Issuer, running_issuer


@pytest.fixture
def issuer(settings) -> Iterator[Issuer]:
    """Configured as ``oidc`` and as ``github``; knows one person, Ada, whose address it has confirmed."""
    with running_issuer() as running:
        configure(settings, running)
        running.person |= {"email": "ada@example.test", "email_verified": True, "name": "Ada"}
        yield running
