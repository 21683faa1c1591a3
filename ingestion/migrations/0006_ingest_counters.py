import django.db.models.deletion
from django.db import migrations, models

from core.databases import APP
from core.rls import tenant_table

# Which organizations somebody should look at is all that crosses the line between tenants: ids, and no numbers.
NEAR_QUOTA = """
create function organizations_near_quota(share numeric) returns table (organization_id bigint)
language sql stable security definer set search_path = public, pg_temp as $$
    select s.organization_id from organization_settings s
    where s.monthly_event_quota is not null and s.monthly_event_quota * share <= (
        select sum(c.events) from ingest_counters c
        where c.organization_id = s.organization_id and c.month = date_trunc('month', now() at time zone s.time_zone)::date)
    order by 1
$$"""


class Migration(migrations.Migration):
    """Events accepted a month: counted by the edge in the calls' own transaction, read for quotas and pages."""

    dependencies = [("ingestion", "0005_response_seen"), ("tenants", "0004_quota")]

    operations = [
        migrations.CreateModel(
            name="IngestCounter",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organization",
                        "month",
                        "project_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
                ("month", models.DateField(help_text="The first day of the month, local to the organization.")),
                ("project_id", models.BigIntegerField()),
                ("events", models.BigIntegerField()),
            ],
            options={"db_table": "ingest_counters"},
        ),
        tenant_table("ingest_counters", app="select", edge="select, insert, update"),
        migrations.RunSQL(
            [
                NEAR_QUOTA,
                "revoke all on function organizations_near_quota(numeric) from public",
                f"grant execute on function organizations_near_quota(numeric) to {APP}",
            ],
            "drop function organizations_near_quota(numeric)",
        ),
    ]
