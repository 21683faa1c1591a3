from tokenops.celery import app
from tokenops.schedule import SCHEDULE


def test_every_scheduled_task_is_known_to_the_worker():
    app.loader.import_default_modules()

    assert {entry["task"] for entry in SCHEDULE.values()} <= set(app.tasks)
