"""Tables of the kernel: none belongs to a tenant."""

from django.db import models


class Heartbeat(models.Model):
    """The last sign of life of a background process, for readiness and the instance page."""

    name = models.CharField(max_length=50, primary_key=True)
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "heartbeats"
