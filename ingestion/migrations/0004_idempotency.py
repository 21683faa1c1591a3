import django.db.models.deletion
from django.db import migrations, models

from core.databases import APP
from core.rls import tenant_table

# What is too old is every tenant's alike, and may belong to an organization that is gone: not a matter of scope.
# Rows that a request is replacing at this moment are left alone.
DELETE = """
create function delete_ingest_answers(before timestamptz, most integer) returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    deleted integer;
begin
    delete from ingest_idempotency where ctid = any(array(
        select ctid from ingest_idempotency where created_at < before
        order by created_at limit most for update skip locked));
    get diagnostics deleted = row_count;
    return deleted;
end $$"""


class Migration(migrations.Migration):
    """Answers kept for an Idempotency-Key: the edge writes and reads them, the application sees its tenant's."""

    dependencies = [("ingestion", "0003_longest_retention"), ("tenants", "0002_roles")]

    operations = [
        migrations.CreateModel(
            name="IngestAnswer",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "api_key_id",
                        "path",
                        "key_digest",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("api_key_id", models.BigIntegerField()),
                ("path", models.TextField()),
                ("key_digest", models.BinaryField()),
                ("body_digest", models.BinaryField()),
                ("status", models.SmallIntegerField()),
                ("content_type", models.TextField()),
                ("answer", models.BinaryField()),
                ("created_at", models.DateTimeField()),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "db_table": "ingest_idempotency",
                "indexes": [models.Index(fields=["created_at"], name="ingest_idempotency_age")],
            },
        ),
        tenant_table("ingest_idempotency", app="select", edge="select, insert, update"),
        migrations.RunSQL(
            [
                DELETE,
                "revoke all on function delete_ingest_answers(timestamptz, integer) from public",
                f"grant execute on function delete_ingest_answers(timestamptz, integer) to {APP}",
            ],
            "drop function delete_ingest_answers(timestamptz, integer)",
        ),
    ]
