from django.db import migrations

# Copies to buckets go by when calls were received, whatever day they began. Calls of a day's partition arrive in order,
# so a few summaries tell whether it has any: it costs the writer next to nothing, and a day of the past one look.
RECEIVED = (
    "create index calls_received on calls using brin (received_at) with (pages_per_range = 32, autosummarize = on)"
)


class Migration(migrations.Migration):
    """Find the days that have calls of an hour without reading the others."""

    dependencies = [("ingestion", "0015_user_rollups")]

    operations = [migrations.RunSQL(RECEIVED, "drop index calls_received")]
