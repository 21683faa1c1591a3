"""How whoever prices calls learns that rate cards changed: told at once, and by a signature that is looked at."""

from typing import Final

from django.db import connection

RATES_CHANNEL: Final = "tokenops_rates"  # whoever changes rate cards says so here, and every edge reads them again
# Cards are added and closed, so this changes with nearly every change; what it misses is announced.
RATES_SIGNATURE: Final = (
    "select count(*) as count, count(valid_to) as closed, max(id) as last, max(version) as version,"
    " max(valid_to) as ends from rate_cards"
)


def announce_prices() -> None:
    """Tell every edge process to read the rate cards again; heard at commit."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_notify(%s, '')", [RATES_CHANNEL])
