import django.db.models.deletion
from django.db import migrations, models

from core.databases import APP
from core.rls import tenant_table

# Everything that must not change. What is left out (names, addresses) may be erased.
PAYLOAD = """
create function audit_payload(entry audit_entries) returns text
language sql stable set search_path = public, pg_temp as $$
    select jsonb_build_array(
        entry.organization_id, entry.sequence,
        to_char(entry.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        entry.actor_kind, entry.actor_user_id, entry.actor_key_id, entry.action,
        entry.target_kind, entry.target_id, entry.facts, entry.request_id)::text
$$"""

# Runs at commit, when everything else of the transaction is done: the head is the last lock anybody waits for, and it
# is held for no longer than the commit takes.
CHAIN = """
create function audit_chain() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    head audit_heads;
    entry audit_entries;
begin
    if not exists (select from audit_entries where id = new.id) then
        return null;  -- deleted with its organization in the same transaction
    end if;
    insert into audit_heads (organization_id, sequence, hash) values (new.organization_id, 0, '') on conflict do nothing;
    select * into head from audit_heads where organization_id = new.organization_id for update;
    update audit_entries set sequence = head.sequence + 1, previous_hash = head.hash where id = new.id
        returning * into entry;
    head.hash := sha256(head.hash || convert_to(audit_payload(entry), 'UTF8'));
    update audit_entries set hash = head.hash where id = new.id;
    update audit_heads set sequence = entry.sequence, hash = head.hash where organization_id = new.organization_id;
    return null;
end $$"""

TRIGGER = """
create constraint trigger audit_chain after insert on audit_entries
deferrable initially deferred for each row execute function audit_chain()"""

CHAIN_EXISTING = """
do $$
declare
    entry audit_entries;
    link bytea;
    place bigint;
begin
    for entry in select * from audit_entries order by organization_id, id loop
        select sequence, hash into place, link from audit_heads where organization_id = entry.organization_id;
        entry.sequence := coalesce(place, 0) + 1;
        entry.previous_hash := coalesce(link, ''::bytea);
        entry.hash := sha256(entry.previous_hash || convert_to(audit_payload(entry), 'UTF8'));
        update audit_entries set sequence = entry.sequence, previous_hash = entry.previous_hash, hash = entry.hash
            where id = entry.id;
        insert into audit_heads (organization_id, sequence, hash) values (entry.organization_id, entry.sequence, entry.hash)
            on conflict (organization_id) do update set sequence = excluded.sequence, hash = excluded.hash;
    end loop;
end $$"""


class Migration(migrations.Migration):
    """Audit entries know keys and origins, and each is chained to the one before it."""

    dependencies = [("tenants", "0005_lifecycle")]

    operations = [
        migrations.AddField(
            "auditentry",
            "actor_kind",
            models.CharField(
                choices=[("user", "Person"), ("key", "API key"), ("system", "TokenOps")],
                max_length=10,
                default="system",
            ),
            preserve_default=False,
        ),
        migrations.AddField("auditentry", "actor_user_id", models.BigIntegerField(null=True)),
        migrations.AddField("auditentry", "actor_key_id", models.BigIntegerField(null=True)),
        migrations.AddField(
            "auditentry",
            "actor_name",
            models.CharField(max_length=254, default="", help_text="E-mail address or name of the key, then."),
        ),
        migrations.AddField("auditentry", "address", models.CharField(max_length=64, default="")),
        migrations.AddField("auditentry", "user_agent", models.CharField(max_length=300, default="")),
        migrations.AddField("auditentry", "request_id", models.CharField(max_length=64, default="")),
        migrations.AddField(
            "auditentry", "personal", models.JSONField(default=dict, help_text="Facts that name a person.")
        ),
        migrations.AddField(
            "auditentry",
            "sequence",
            models.BigIntegerField(null=True, editable=False, help_text="1, 2, 3 … in an organization"),
        ),
        migrations.AddField("auditentry", "previous_hash", models.BinaryField(null=True, editable=False)),
        migrations.AddField("auditentry", "hash", models.BinaryField(null=True, editable=False)),
        migrations.AlterField(
            "auditentry",
            "facts",
            models.JSONField(default=dict, help_text="What changed, without secrets and without names of people."),
        ),
        migrations.RunSQL(
            "update audit_entries e set actor_user_id = e.actor_id, actor_kind = 'user', actor_name = u.email"
            " from users u where u.id = e.actor_id",
            migrations.RunSQL.noop,
        ),
        migrations.RemoveField("auditentry", "actor"),
        migrations.CreateModel(
            "AuditHead",
            [
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="tenants.organization",
                    ),
                ),
                ("sequence", models.BigIntegerField()),
                ("hash", models.BinaryField()),
            ],
            options={"db_table": "audit_heads"},
        ),
        tenant_table("audit_heads", app="select"),
        migrations.AddConstraint(
            "auditentry",
            models.UniqueConstraint(fields=["organization", "sequence"], name="audit_org_sequence_uniq"),
        ),
        migrations.AddConstraint(
            "auditentry",
            models.CheckConstraint(
                condition=models.Q(actor_kind="user", actor_user_id__isnull=False, actor_key_id=None)
                | models.Q(actor_kind="key", actor_key_id__isnull=False, actor_user_id=None)
                | models.Q(actor_kind="system", actor_user_id=None, actor_key_id=None),
                name="audit_actor_is_one",
            ),
        ),
        migrations.RunSQL(
            [
                PAYLOAD,
                CHAIN,
                TRIGGER,
                CHAIN_EXISTING,
                "revoke all on function audit_payload(audit_entries) from public",
                f"grant execute on function audit_payload(audit_entries) to {APP}",
            ],
            [
                "drop trigger audit_chain on audit_entries",
                "drop function audit_chain()",
                "drop function audit_payload(audit_entries)",
            ],
        ),
    ]
