from django.db import migrations, models

from core.databases import APP

# Walks the catalogue instead of a list, so that a table added later is emptied too. Only what is due can be deleted:
# the application may neither alter the audit log nor delete a tenant that was not given its days of grace.
PURGE = """
create function purge_rows(organization bigint, project bigint, most integer) returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    item record;
    affected integer;
    gone integer := 0;
begin
    if project is null then
        perform from organization_settings s
        where s.organization_id = organization and s.delete_at <= clock_timestamp() for update;
    else
        perform from projects p
        where p.id = project and p.organization_id = organization and p.delete_at <= clock_timestamp() for update;
    end if;
    if not found then
        return null;
    end if;
    for item in select * from purge_plan(project is null) loop
        exit when gone >= most;
        if item.reference is null then
            execute format('delete from %s where ctid = any(array(select ctid from %1$s where %s limit %s))',
                           item.relation, item.predicate, most - gone) using organization, project;
        else
            execute format('update %s set %I = null where ctid = any(array(select ctid from %1$s where %3$s limit %4$s))',
                           item.relation, item.reference, item.predicate, most - gone) using organization, project;
        end if;
        get diagnostics affected = row_count;
        gone := gone + affected;
    end loop;
    if gone > 0 then
        return gone;
    end if;
    if project is null then
        delete from work_due where organization_id = organization;
        delete from organization_settings where organization_id = organization;
        delete from organizations where id = organization;
    else
        delete from projects where id = project;
    end if;
    return 0;
end $$"""

# Which rows are a tenant's ($1) or a project's ($2): those that say so, and those that refer to them by a foreign key.
# A reference that may be null is emptied instead of its row. Who refers comes before what is referred to.
PLAN = """
create function purge_plan(whole_organization boolean)
returns table (relation regclass, predicate text, reference name)
language sql stable set search_path = public, pg_temp as $$
    with recursive
    tables as (
        select c.oid as rel,
               bool_or(a.attname = 'organization_id') as is_tenants,
               bool_or(a.attname = 'project_id') as is_projects
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
          and c.relname not in ('organizations', 'organization_settings', 'work_due')
        group by c.oid),
    links as (
        select f.conrelid as child, f.confrelid as parent, c.attname as column_name, p.attname as parent_column,
               c.attnotnull as is_required
        from pg_constraint f
        join pg_attribute c on c.attrelid = f.conrelid and c.attnum = f.conkey[1]
        join pg_attribute p on p.attrelid = f.confrelid and p.attnum = f.confkey[1]
        where f.contype = 'f' and cardinality(f.conkey) = 1 and f.conrelid <> f.confrelid),
    levels (rel, level) as (
        select rel, 0 from tables
        union
        select l.child, v.level + 1 from levels v join links l on l.parent = v.rel where v.level < 12),
    roots as (
        select rel, 'organization_id = $1'::text as predicate, true as is_emptied
        from tables where whole_organization and is_tenants
        union all
        select rel, 'organization_id = $1 and project_id = $2', true
        from tables where not whole_organization and is_tenants and is_projects and rel <> 'audit_entries'::regclass
        union all
        select 'projects'::regclass, 'organization_id = $1 and id = $2', false where not whole_organization),
    owned (rel, predicate, reference, is_emptied, hops) as (
        select rel, predicate, null::name, is_emptied, 0 from roots
        union all
        select l.child, format('%I in (select %I from %s where %s)', l.column_name, l.parent_column, o.rel::regclass,
                               o.predicate) collate "default",
               case when not l.is_required then l.column_name end, true, o.hops + 1
        from owned o join links l on l.parent = o.rel
        where o.reference is null and o.hops < 6 and l.child not in (select rel from roots))
    select o.rel::regclass, o.predicate, o.reference
    from owned o join (select rel, max(level) as level from levels group by rel) v using (rel)
    where o.is_emptied
    order by v.level desc, o.rel::regclass::text, o.reference nulls last
$$"""


class Migration(migrations.Migration):
    """Tenants and projects that are to be deleted, and the function that deletes them when their time has come."""

    dependencies = [("tenants", "0004_quota")]

    operations = [
        migrations.AddField(
            model_name="organizationsettings",
            name="delete_at",
            field=models.DateTimeField(
                blank=True, help_text="When it is to be deleted; until then its keys do not work.", null=True
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="calls_since",
            field=models.DateTimeField(
                blank=True,
                help_text="Calls before this moment were deleted under an earlier, shorter retention.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="delete_at",
            field=models.DateTimeField(
                blank=True, help_text="When it is to be deleted; until then its keys do not work.", null=True
            ),
        ),
        migrations.RunSQL(
            [
                PLAN,
                PURGE,
                "revoke all on function purge_plan(boolean) from public",
                "revoke all on function purge_rows(bigint, bigint, integer) from public",
                f"grant execute on function purge_rows(bigint, bigint, integer) to {APP}",
            ],
            [
                "drop function purge_rows(bigint, bigint, integer)",
                "drop function purge_plan(boolean)",
            ],
        ),
    ]
