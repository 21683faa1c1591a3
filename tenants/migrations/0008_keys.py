import django.db.models.deletion
from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

from core.databases import APP, EDGE

# All that the edge may write of what authenticates: another digest for a key whose present digest it can name, because
# somebody has just shown it the key. Scopes, reach, expiry and revocation are out of its hands.
RENEW = """
create function renew_key_digest(key bigint, seen bytea, renewed bytea, pepper bigint) returns void
language sql security definer set search_path = public, pg_temp as $$
    update api_key_lookup set digest = renewed, pepper_id = pepper
    where key_id = key and digest = seen and pepper_id <> pepper and revoked_at is null and length(renewed) = 32
$$"""


class Migration(migrations.Migration):
    """Keys that are replaced and expire, limited to networks, with digests that can move to another pepper."""

    dependencies = [("tenants", "0007_members")]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="allowed_ranges",
            field=ArrayField(
                base_field=models.CharField(max_length=43),
                blank=True,
                default=list,
                help_text="Where it may come from; empty: anywhere.",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="created_by_kind",
            field=models.CharField(
                choices=[("user", "Person"), ("key", "API key"), ("system", "TokenOps")],
                default="system",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="replaced_by",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="tenants.apikey",
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="expiry_told_days",
            field=models.PositiveSmallIntegerField(
                editable=False, help_text="How many days ahead people were last told that it expires.", null=True
            ),
        ),
        migrations.AddField(
            model_name="apikeylookup",
            name="allowed_ranges",
            field=ArrayField(base_field=models.CharField(max_length=43), default=list, size=None),
        ),
        migrations.AlterField(
            model_name="apikeylookup",
            name="pepper_id",
            field=models.BigIntegerField(
                help_text="core.keys.pepper_id of the digest's pepper; 1 before there were ids."
            ),
        ),
        migrations.AddField(
            model_name="apikeyusage",
            name="last_address",
            field=models.CharField(db_default="", max_length=45),
        ),
        migrations.RunSQL(
            "update api_keys set created_by_kind = 'user' where created_by_id is not null", migrations.RunSQL.noop
        ),
        migrations.RunSQL(
            [
                RENEW,
                "revoke all on function renew_key_digest(bigint, bytea, bytea, bigint) from public",
                f"grant execute on function renew_key_digest(bigint, bytea, bytea, bigint) to {EDGE}",
                # The API notes the use of keys too.
                f"grant insert, update on api_key_usage to {APP}",
            ],
            [
                f"revoke insert, update on api_key_usage from {APP}",
                "drop function renew_key_digest(bigint, bytea, bytea, bigint)",
            ],
        ),
    ]
