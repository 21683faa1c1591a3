from django.db import migrations


class Migration(migrations.Migration):
    """Files are in the order of time now, not project by project: what is half made begins again."""

    dependencies = [("exports", "0002_destinations")]

    operations = [
        migrations.RunSQL(
            "update exports set rows = 0, bytes = 0, cursor_project_id = null, cursor_started_at = null,"
            " cursor_call_id = '', writer_state = null where state in ('queued', 'running')",
            migrations.RunSQL.noop,
        )
    ]
