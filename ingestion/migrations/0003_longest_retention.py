from django.db import migrations

from core.databases import APP

# Partitions are everybody's, projects are each tenant's: this one number is all that has to cross that line.
LONGEST = """
create function longest_retention_days() returns integer
language sql stable security definer set search_path = public, pg_temp as $$
    select coalesce(max(retention_days), 180)::integer from projects
$$"""


class Migration(migrations.Migration):
    """How far back partitions must reach, asked without a tenant's scope."""

    dependencies = [("ingestion", "0002_telemetry")]

    operations = [
        migrations.RunSQL(
            [
                LONGEST,
                "revoke all on function longest_retention_days() from public",
                f"grant execute on function longest_retention_days() to {APP}",
            ],
            "drop function longest_retention_days()",
        ),
    ]
