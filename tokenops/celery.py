"""Celery's application: ``celery -A tokenops.celery worker``."""

import os

import django
from celery import Celery
from django.conf import settings

from core.databases import QUEUE
from core.queue import BROKER_URL, QUEUE_NAME, VISIBILITY_TIMEOUT, broker_options
from tokenops.beat import BeatThread
from tokenops.overstay import Overstay
from tokenops.schedule import SCHEDULE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tokenops.settings")
django.setup()

app = Celery("tokenops", set_as_current=True)
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL or BROKER_URL,
    broker_transport_options={"visibility_timeout": VISIBILITY_TIMEOUT}
    if settings.CELERY_BROKER_URL
    else broker_options(settings.DATABASE.conninfo(QUEUE)),
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    task_default_queue=QUEUE_NAME,
    accept_content=["json"],
    # A task's outcome is a row of its own domain.
    task_ignore_result=True,
    result_expires=None,
    # A killed worker's task runs again, so every task may run twice.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_pool="threads",
    worker_concurrency=4,
    task_time_limit=90,  # threads do not know it; Overstay enforces it
    # The sweeps find what could not be enqueued; a web request does not wait for a broker that is away.
    task_publish_retry=False,
    worker_prefetch_multiplier=4,
    worker_hijack_root_logger=False,
    # Replies need queue names longer than PGMQ allows, and would leave a table behind for each worker.
    worker_enable_remote_control=False,
    beat_schedule=SCHEDULE,
    beat_scheduler="tokenops.beat:SoleScheduler",
    timezone="UTC",
)
app.steps["worker"] |= {BeatThread, Overstay}
app.autodiscover_tasks()
