from datetime import timedelta

from django.utils import timezone

from core import tasks
from core.models import Heartbeat


def test_the_heartbeat_is_one_row_that_moves(db):
    before = timezone.now()
    Heartbeat.objects.create(name="worker", seen_at=before - timedelta(hours=1))

    tasks.heartbeat()

    assert [list(beat.facts) for beat in Heartbeat.objects.all()] == [["started_at"]]
    assert [beat.seen_at >= before for beat in Heartbeat.objects.filter(name="worker")] == [True]
