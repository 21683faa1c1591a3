from django.db import migrations, models


class Migration(migrations.Migration):
    """Work that is done for a person belongs to no organization."""

    dependencies = [("core", "0004_heartbeat_facts")]

    operations = [migrations.AlterField("workdue", "organization_id", models.BigIntegerField(null=True))]
