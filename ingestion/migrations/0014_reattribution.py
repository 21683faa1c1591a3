from django.db import migrations

from core.databases import APP


class Migration(migrations.Migration):
    """Samples follow their team as calls do."""

    dependencies = [("ingestion", "0013_calls_not_plain")]

    operations = [
        migrations.RunSQL(
            f"grant update (team) on cloud_samples to {APP}", f"revoke update (team) on cloud_samples from {APP}"
        )
    ]
