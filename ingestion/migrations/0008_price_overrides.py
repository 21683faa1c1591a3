import django.utils.timezone
from django.db import migrations, models

from core.rls import shared_table

INDEXES = [
    "create index calls_unpriced on calls (project_id, started_at) where cost_source in ('none', 'reported')",
    "create index calls_reported on calls (project_id, started_at) where reported_cost_usd is not null",
]


class Migration(migrations.Migration):
    """Organizations' own rate cards under row-level security, and quick ways to calls that have something to say.

    The two indexes hold only the calls they are about: an application whose calls are all priced and which reports no
    cost of its own pays nothing for them.
    """

    dependencies = [("ingestion", "0007_rejected_events")]

    operations = [
        migrations.AlterField(
            model_name="cataloguechange",
            name="created_at",
            field=models.DateTimeField(
                default=django.utils.timezone.now, help_text="The same for all differences of one import."
            ),
        ),
        migrations.AddConstraint(
            model_name="ratecard",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("valid_to__isnull", True),
                    ("valid_from__isnull", True),
                    ("valid_to__gte", models.F("valid_from")),
                    _connector="OR",
                ),
                name="rate_card_period",
            ),
        ),
        shared_table("rate_cards", edge="select"),
        migrations.RunSQL(INDEXES, "drop index calls_unpriced, calls_reported"),
    ]
