import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0017_team_moves"),
    ]

    operations = [
        migrations.AddField(
            model_name="event",
            name="acknowledged_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="event",
            name="routed_at",
            field=models.DateTimeField(help_text="When alerts had decided whom to tell.", null=True),
        ),
        migrations.AddField(
            model_name="event",
            name="rule",
            field=models.CharField(
                db_default="", default="", help_text="Of an insight; '' for all else.", max_length=50
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["organization", "dedup_key", "id"], name="event_org_matter"),
        ),
    ]
