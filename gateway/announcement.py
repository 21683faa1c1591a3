"""How every edge process learns that what an organization told the gateway changed."""

from typing import Final

from django.db import connection

GATEWAY_CHANNEL: Final = "tokenops_gateway"  # payload: the id of the organization whose facts are to be read again


def announce(organization_id: int) -> None:
    """Tell every edge process to read the organization's settings, providers and credentials anew; heard at commit."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_notify(%s, %s)", [GATEWAY_CHANNEL, str(organization_id)])
