from tokenops.celery import app
from tokenops.schedule import SCHEDULE


def test_every_scheduled_task_is_known_to_the_worker():
    app.autodiscover_tasks(force=True)  # the lazy way runs once a process, and not while another thread is at it

    assert {entry["task"] for entry in SCHEDULE.values()} <= set(app.tasks)
