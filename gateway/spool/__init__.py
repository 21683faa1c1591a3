"""What was proxied, kept in files until it is stored."""

from gateway.spool.drain import Drainer, Totals
from gateway.spool.files import FileSpool, Pace, open_spool
from gateway.spool.metrics import GatewayMetrics, GatewayPulse

__all__ = ["Drainer", "FileSpool", "GatewayMetrics", "GatewayPulse", "Pace", "Totals", "open_spool"]
