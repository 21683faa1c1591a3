"""A sealed credential opens in its own row and nowhere else."""

import pytest

from core.crypto import DecryptionError
from gateway import credentials

ROW = {"organization_id": 7, "provider": "openai", "name": "Production"}


def test_a_credential_opens_in_its_row():
    sealed = credentials.seal("sk-secret", **ROW)

    assert credentials.unseal(sealed, **ROW) == "sk-secret"
    assert b"sk-secret" not in sealed


@pytest.mark.parametrize(
    "other",
    [{"organization_id": 8}, {"provider": "anthropic"}, {"name": "Staging"}],
)
def test_a_credential_that_was_moved_to_another_row_does_not_open(other):
    sealed = credentials.seal("sk-secret", **ROW)

    with pytest.raises(DecryptionError) as caught:
        credentials.unseal(sealed, **(ROW | other))

    assert "sk-secret" not in str(caught.value)


def test_no_two_rows_share_a_context():
    """A name may hold colons; a slug may not."""
    assert credentials.context(1, "a", "b:c") != credentials.context(1, "a-b", "c")
    assert credentials.context(1, "openai", "x") == "provider-credential:1:openai:x"
