"""Migration helpers: what each database role may do with a table, written beside the table."""

from typing import Any

from django.db.migrations import RunSQL

from core.databases import APP, EDGE

# Wrapped in a sub-select the setting is read once a query and not once a row (measured: 180 ms against 350 ms over a
# million rows); the second half makes an unset scope an error also where an index finds no row. Only an empty table
# that is scanned whole asks nothing, and answers nothing.
SCOPE = (
    "organization_id = (select current_setting('tokenops.org_id')::bigint)"
    " and current_setting('tokenops.org_id')::bigint is not null"
)


Statements = list[str | tuple[str, dict[str, Any] | list[Any] | tuple[Any, ...] | tuple[()] | None]]


def tenant_table(table: str, *, app: str = "select, insert, update, delete", edge: str = "") -> RunSQL:
    """Row-level security for a table with ``organization_id``; ``app`` and ``edge`` list what the roles may do.

    The edge writes for many organizations in one transaction, so its policy is open and its grants are narrow.
    """
    statements: Statements = [
        f"alter table {table} enable row level security",
        f"create policy app_scope on {table} to {APP} using ({SCOPE}) with check ({SCOPE})",
        *_grants(table, app=app, edge=edge),
    ]
    undo: Statements = [f"drop policy app_scope on {table}", f"alter table {table} disable row level security"]
    if edge:
        statements.append(f"create policy edge_all on {table} to {EDGE} using (true) with check (true)")
        undo.insert(0, f"drop policy edge_all on {table}")
    return RunSQL(statements, undo)


# Of a table whose rows belong to one organization or to nobody. Not strict as SCOPE is: outside of a scope the rows of
# nobody are all there is.
_OWN = "organization_id is not distinct from nullif(current_setting('tokenops.org_id', true), '')::bigint"


def shared_table(table: str, *, app: str = "select, insert, update, delete", edge: str = "") -> RunSQL:
    """Row-level security for a table whose rows without an organization are everybody's to read.

    A scope reads those and its own and writes its own only; rows of nobody are written outside of every scope.
    """
    statements: Statements = [
        f"alter table {table} enable row level security",
        f"create policy app_own on {table} to {APP} using ({_OWN}) with check ({_OWN})",
        f"create policy app_shared on {table} for select to {APP} using (organization_id is null)",
        f"create policy edge_all on {table} to {EDGE} using (true) with check (true)",
        *_grants(table, app=app, edge=edge),
    ]
    undo: Statements = [f"drop policy {name} on {table}" for name in ("app_own", "app_shared", "edge_all")]
    return RunSQL(statements, [*undo, f"alter table {table} disable row level security"])


def open_table(table: str, *, app: str = "select, insert, update, delete", edge: str = "") -> RunSQL:
    """Grants for a table of the closed list that has no row-level security (core.checks.TABLES_WITHOUT_RLS)."""
    return RunSQL(_grants(table, app=app, edge=edge), RunSQL.noop)


def _grants(table: str, *, app: str, edge: str) -> Statements:
    wanted = ((APP, app), (EDGE, edge))
    grants: Statements = [f"grant {rights} on {table} to {role}" for role, rights in wanted if rights]
    owns_sequence = f"pg_get_serial_sequence('{table}', 'id')"
    sequences = f"""
        do $$ begin
          if exists (select from pg_attribute where attrelid = '{table}'::regclass and attname = 'id'
                     and (attidentity <> '' or atthasdef)) and {owns_sequence} is not null then
            execute 'grant usage on sequence ' || {owns_sequence} || ' to {APP}';
          end if;
        end $$"""
    return [*grants, sequences] if "insert" in app else grants
