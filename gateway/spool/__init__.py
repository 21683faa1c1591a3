"""What was proxied, kept in files until it is stored."""

from gateway.spool.files import FileSpool, Pace, open_spool

__all__ = ["FileSpool", "Pace", "open_spool"]
