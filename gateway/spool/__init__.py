"""Where proxied calls wait for the database: a file that outlives the process."""

from gateway.spool.draining import Drainer, Pace
from gateway.spool.files import FileSpool, open_spool

__all__ = ["Drainer", "FileSpool", "Pace", "open_spool"]
