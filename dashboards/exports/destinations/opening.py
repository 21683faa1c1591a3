"""The bucket of a destination, opened with its secret, which leaves the database here and nowhere else."""

from dataclasses import replace

from core import outbound, vault
from dashboards.exports.destinations.models import Destination
from dashboards.exports.destinations.s3 import SECONDS, Bucket, Place


def place_of(destination: Destination) -> Place:
    """Ask inside the organization's scope, or with a row that was read there."""
    return Place(
        endpoint=destination.endpoint,
        region=destination.region,
        bucket=destination.bucket,
        key_id=destination.key_id,
        secret=vault.unseal(destination.sealed, context=destination.sealed_for).decode(),
        is_conditional=destination.is_conditional,
    )


def bucket(place: Place, *, seconds: float = SECONDS) -> Bucket:
    return Bucket(place, replace(outbound.client(), seconds=seconds))


def seal(destination: Destination, secret: str) -> None:
    """Put ``secret`` on a destination that has a row already; the caller saves ``sealed``."""
    destination.sealed = vault.seal(secret.encode(), context=destination.sealed_for)
