from django.db import migrations

# Rules leave estimated calls out, and failed ones where they compare durations. Rollups contain both; the few there are
# in some hours are read from here and taken off.
NOT_PLAIN = "create index calls_not_plain on calls (project_id, started_at) where usage_estimated or status = 'error'"


class Migration(migrations.Migration):
    """Find estimated and failed calls without reading the others."""

    dependencies = [("ingestion", "0012_rule_tables")]

    operations = [migrations.RunSQL(NOT_PLAIN, "drop index calls_not_plain")]
