from django.db import migrations, models

from core.rls import open_table


class Migration(migrations.Migration):
    """What a process says of itself beside being alive; the edge says it too, through its own role."""

    dependencies = [("core", "0003_work_due")]

    operations = [
        migrations.AddField(
            model_name="heartbeat",
            name="facts",
            field=models.JSONField(default=dict),
        ),
        open_table("heartbeats", app="", edge="select, insert, update"),
    ]
