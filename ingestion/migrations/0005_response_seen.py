import django.db.models.deletion
from django.db import migrations, models

from core.databases import APP
from core.rls import tenant_table

# Empty for nearly every call, so the index holds only what it is asked for: the other records of a call.
DUPLICATES = [
    *(
        f"alter table {table} add column duplicate_of text not null default '',"
        " add column duplicate_of_started_at timestamptz"
        for table in ("calls", "calls_stage")
    ),
    "create index calls_duplicates on calls (project_id, duplicate_of) where duplicate_of <> ''",
]

# What is too old is every tenant's alike, and may belong to an organization that is gone: not a matter of scope.
# Rows that a flush is looking at at this moment are left alone.
DELETE = """
create function delete_seen_responses(before timestamptz, most integer) returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    deleted integer;
begin
    delete from response_seen where ctid = any(array(
        select ctid from response_seen where seen_at < before
        order by seen_at limit most for update skip locked));
    get diagnostics deleted = row_count;
    return deleted;
end $$"""


class Migration(migrations.Migration):
    """Records of one response meet in ``response_seen``; the later one says with which call it is counted."""

    dependencies = [("ingestion", "0004_idempotency"), ("tenants", "0002_roles")]

    operations = [
        migrations.RunSQL(
            DUPLICATES,
            [
                "drop index calls_duplicates",
                *(
                    f"alter table {table} drop column duplicate_of, drop column duplicate_of_started_at"
                    for table in ("calls", "calls_stage")
                ),
            ],
        ),
        migrations.AddField("Call", "duplicate_of", models.TextField(default="")),
        migrations.AddField("Call", "duplicate_of_started_at", models.DateTimeField(null=True)),
        migrations.CreateModel(
            name="SeenResponse",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "project_id",
                        "response",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("project_id", models.BigIntegerField()),
                ("response", models.UUIDField()),
                ("started_at", models.DateTimeField()),
                ("call_id", models.TextField()),
                ("model_names", models.TextField()),
                ("is_gateway", models.BooleanField()),
                ("seen_at", models.DateTimeField()),
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
                "db_table": "response_seen",
                "indexes": [models.Index(fields=["seen_at"], name="response_seen_age")],
            },
        ),
        tenant_table("response_seen", app="select", edge="select, insert, update"),
        migrations.RunSQL(
            [
                DELETE,
                "revoke all on function delete_seen_responses(timestamptz, integer) from public",
                f"grant execute on function delete_seen_responses(timestamptz, integer) to {APP}",
            ],
            "drop function delete_seen_responses(timestamptz, integer)",
        ),
    ]
