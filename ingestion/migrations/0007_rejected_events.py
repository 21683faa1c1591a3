import django.db.models.deletion
from django.db import migrations, models

from core.databases import APP
from core.rls import tenant_table

# What is too old is every tenant's alike, and may belong to an organization that is gone: not a matter of scope.
DELETE = """
create function delete_rejected_events(before timestamptz, most integer) returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    deleted integer;
begin
    delete from rejected_events where ctid = any(array(
        select ctid from rejected_events where hour < before
        order by hour limit most for update skip locked));
    get diagnostics deleted = row_count;
    return deleted;
end $$"""


class Migration(migrations.Migration):
    """Counts of what was refused, by hour and reason: the edge adds to them, the application sees its tenant's."""

    dependencies = [("ingestion", "0006_ingest_counters"), ("tenants", "0002_roles")]

    operations = [
        migrations.CreateModel(
            name="RejectedEvents",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organization",
                        "hour",
                        "project_id",
                        "endpoint",
                        "kind",
                        "field",
                        "reason",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("project_id", models.BigIntegerField()),
                ("endpoint", models.TextField()),
                ("kind", models.TextField()),
                ("field", models.TextField()),
                ("reason", models.TextField()),
                ("count", models.BigIntegerField()),
                ("events", models.BigIntegerField()),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("samples", models.JSONField()),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "db_table": "rejected_events",
                "indexes": [models.Index(fields=["hour"], name="rejected_events_age")],
            },
        ),
        tenant_table("rejected_events", app="select", edge="select, insert, update"),
        migrations.RunSQL(
            [
                DELETE,
                "revoke all on function delete_rejected_events(timestamptz, integer) from public",
                f"grant execute on function delete_rejected_events(timestamptz, integer) to {APP}",
            ],
            "drop function delete_rejected_events(timestamptz, integer)",
        ),
    ]
