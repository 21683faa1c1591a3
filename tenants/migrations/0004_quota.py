from django.db import migrations, models

from core.databases import APP

# An instance administrator belongs to no organization and sees of each what it may send, which is their own decision.
QUOTAS = """
create function organization_quotas() returns table (organization_id bigint, monthly_event_quota bigint)
language sql stable security definer set search_path = public, pg_temp as $$
    select organization_id, monthly_event_quota from organization_settings
$$"""


class Migration(migrations.Migration):
    """How many events a month an organization may send."""

    dependencies = [("tenants", "0003_events")]

    operations = [
        migrations.AddField(
            model_name="organizationsettings",
            name="monthly_event_quota",
            field=models.BigIntegerField(
                null=True, help_text="Events a calendar month that are taken; null: no limit."
            ),
        ),
        migrations.AddConstraint(
            model_name="organizationsettings",
            constraint=models.CheckConstraint(
                condition=models.Q(monthly_event_quota__gt=0), name="organization_quota_positive"
            ),
        ),
        migrations.RunSQL(
            [
                QUOTAS,
                "revoke all on function organization_quotas() from public",
                f"grant execute on function organization_quotas() to {APP}",
            ],
            "drop function organization_quotas()",
        ),
    ]
