from django.db import migrations

from core.rls import open_table, tenant_table


class Migration(migrations.Migration):
    """What the web and worker role and the edge may do with each table."""

    dependencies = [("tenants", "0001_initial")]

    operations = [
        open_table("users"),
        open_table("organizations"),
        open_table("memberships"),
        open_table("api_key_lookup", edge="select"),
        tenant_table("organization_settings", edge="select"),
        tenant_table("projects", edge="select"),
        tenant_table("api_keys"),
        tenant_table("api_key_usage", app="select", edge="select, insert, update"),
        tenant_table("audit_entries", app="select, insert"),
    ]
