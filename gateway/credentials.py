"""How a provider's credential is bound to its row: sealed by services, opened by the edge, the test and rotation."""

from core import vault
from core.vault import Stored


def context(organization_id: int, provider: str, name: str) -> str:
    """What a sealed credential is bound to. A slug has no colon and the name comes last, so no two rows share one."""
    return f"provider-credential:{organization_id}:{provider}:{name}"


def seal(secret: str, *, organization_id: int, provider: str, name: str) -> bytes:
    """``secret`` for the column ``sealed`` of the row with these columns."""
    return vault.seal(secret.encode(), context=context(organization_id, provider, name))


def unseal(sealed: Stored, *, organization_id: int, provider: str, name: str) -> str:
    """The secret; never to be shown, logged or put into an error.

    :raises core.crypto.DecryptionError: sealed by another installation or for another row, or damaged.
    """
    return vault.unseal(sealed, context=context(organization_id, provider, name)).decode()
