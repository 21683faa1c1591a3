"""Real workers, with the clock inside as in production."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.resilience.processes import wait_until
from tests.servers import ROOT, stop


@contextmanager
def running_worker(log: Path, environ: Mapping[str, str], *options: str) -> "Iterator[subprocess.Popen[bytes]]":
    """A worker that is ready; at the end it is stopped, unless somebody killed it before."""
    command = [sys.executable, "-m", "celery", "-A", "tokenops.celery", "worker", *options]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"]
    environment = os.environ | environ | {"TOKENOPS_PROCESS": "worker"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            wait_until(lambda: " ready." in log.read_text() or process.poll() is not None, "the worker to be ready")
            assert process.poll() is None, log.read_text()
            yield process
        finally:
            stop(process)
