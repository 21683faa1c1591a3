"""Tasks for a real worker: one that ends and one that does not. Importing this shortens the worker's patience."""

from threading import Event

from celery import shared_task

from tokenops import overstay
from tokenops.celery import app

app.conf.task_time_limit = 0.2
overstay._LOOK_SECONDS = 0.05


@shared_task(name="resilience.end")
def end(**_: object) -> None:
    """Ends at once."""


@shared_task(name="resilience.stay")
def stay(**_: object) -> None:
    Event().wait()
