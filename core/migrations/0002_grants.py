from django.db import migrations

from core.rls import open_table


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    operations = [open_table("heartbeats")]
