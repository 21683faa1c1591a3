import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from core.databases import APP
from core.rls import open_table, tenant_table

# Deletes a person and blanks what the audit log knows them by; the hashes do not cover it. Only somebody who has left
# every organization can be forgotten, so nobody in use loses their name. Walks the catalogue, so that a table added
# later is emptied too: references that may be null are emptied, rows that must have a person go.
FORGET = """
create function forget_person(person bigint) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    item record;
    addresses text[];
begin
    perform from users where id = person for update;
    if exists (select from memberships where user_id = person) then
        raise exception 'This person is still a member of an organization.';
    end if;
    select array_agg(email) into addresses from (
        select lower(email) as email from users where id = person
        union select lower(email) from account_emailaddress where user_id = person) known;
    for item in
        select f.conrelid::regclass as relation, a.attname as reference, a.attnotnull as is_required
        from pg_constraint f join pg_attribute a on a.attrelid = f.conrelid and a.attnum = f.conkey[1]
        where f.contype = 'f' and f.confrelid = 'users'::regclass and cardinality(f.conkey) = 1
    loop
        if item.is_required then
            execute format('delete from %s where %I = $1', item.relation, item.reference) using person;
        else
            execute format('update %s set %I = null where %2$I = $1', item.relation, item.reference) using person;
        end if;
    end loop;
    delete from users where id = person;
    update audit_entries set actor_name = '', address = '', user_agent = '', personal = '{}'
        where actor_user_id = person;
    update audit_entries set personal = '{}'
        where personal <> '{}'
          and (target_kind = 'user' and target_id = person::text or lower(personal ->> 'email') = any(addresses));
end $$"""


class Migration(migrations.Migration):
    """Invitations, roles by project, and the function that forgets a person."""

    dependencies = [
        ("tenants", "0006_audit_chain"),
    ]

    operations = [
        migrations.CreateModel(
            name="InvitationLookup",
            fields=[
                ("invitation_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                ("organization_id", models.BigIntegerField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "db_table": "invitation_lookup",
            },
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("email", models.EmailField(max_length=254)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("owner", "Owner"),
                            ("admin", "Admin"),
                            ("member", "Member"),
                            ("viewer", "Viewer"),
                            ("none", "None"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "project_role",
                    models.CharField(
                        blank=True,
                        choices=[("admin", "Admin"), ("member", "Member"), ("viewer", "Viewer"), ("none", "None")],
                        default="",
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("expires_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "invited_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="tenants.project",
                    ),
                ),
            ],
            options={
                "db_table": "invitations",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("accepted_at", None), ("revoked_at", None)),
                        fields=("organization", "email"),
                        name="invitation_one_pending",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["owner", "admin", "member", "viewer", "none"])),
                        name="invitation_role_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ProjectRole",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "role",
                    models.CharField(
                        choices=[("admin", "Admin"), ("member", "Member"), ("viewer", "Viewer"), ("none", "None")],
                        max_length=10,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.project"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "db_table": "project_roles",
                "constraints": [
                    models.UniqueConstraint(fields=("project", "user"), name="project_role_project_user_uniq"),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["admin", "member", "viewer", "none"])),
                        name="project_role_known",
                    ),
                ],
            },
        ),
        tenant_table("invitations"),
        open_table("invitation_lookup"),
        tenant_table("project_roles"),
        migrations.RunSQL(
            [
                FORGET,
                "revoke all on function forget_person(bigint) from public",
                f"grant execute on function forget_person(bigint) to {APP}",
            ],
            ["drop function forget_person(bigint)"],
        ),
    ]
