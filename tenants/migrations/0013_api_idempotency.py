import django.db.models.deletion
from django.db import migrations, models

from core.databases import APP
from core.rls import tenant_table

# What is too old is every tenant's alike, and may belong to an organization that is gone: not a matter of scope.
# Rows that a request is replacing at this moment are left alone.
DELETE = """
create function delete_api_answers(before timestamptz, most integer) returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    deleted integer;
begin
    delete from api_answers where ctid = any(array(
        select ctid from api_answers where created_at < before
        order by created_at limit most for update skip locked));
    get diagnostics deleted = row_count;
    return deleted;
end $$"""


class Migration(migrations.Migration):
    """Answers of the API kept for an Idempotency-Key."""

    dependencies = [("tenants", "0012_known_devices")]

    operations = [
        migrations.CreateModel(
            name="ApiAnswer",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organization", "key_digest", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key_digest", models.BinaryField()),
                ("body_digest", models.BinaryField()),
                ("status", models.SmallIntegerField()),
                ("answer", models.BinaryField(help_text="The encrypted body.")),
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
                "db_table": "api_answers",
                "indexes": [models.Index(fields=["created_at"], name="api_answer_age")],
            },
        ),
        tenant_table("api_answers", app="select, insert, update"),
        migrations.RunSQL(
            [
                DELETE,
                "revoke all on function delete_api_answers(timestamptz, integer) from public",
                f"grant execute on function delete_api_answers(timestamptz, integer) to {APP}",
            ],
            "drop function delete_api_answers(timestamptz, integer)",
        ),
    ]
