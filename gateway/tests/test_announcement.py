"""Edge processes hear of a change when it is committed, and only then."""

import psycopg
from django.conf import settings
from django.db import transaction

from core.databases import EDGE
from gateway.announcement import GATEWAY_CHANNEL, announce


def test_the_edge_hears_whose_facts_changed(committed_db):
    with psycopg.connect(settings.DATABASE.conninfo(EDGE), autocommit=True) as edge:
        edge.execute(f"listen {GATEWAY_CHANNEL}")

        with transaction.atomic():
            announce(6)
            transaction.set_rollback(True)
        with transaction.atomic():
            announce(7)

        heard = [notice.payload for notice in edge.notifies(timeout=5, stop_after=1)]
    assert heard == ["7"]
