from django.db import migrations, models

from core.rls import open_table


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0002_grants"),
    ]

    operations = [
        migrations.CreateModel(
            name="WorkDue",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("task", models.CharField(max_length=100)),
                ("organization_id", models.BigIntegerField()),
                ("object_id", models.BigIntegerField()),
                ("due_at", models.DateTimeField()),
            ],
            options={
                "db_table": "work_due",
                "indexes": [models.Index(fields=["due_at"], name="work_due_by_time")],
                "constraints": [models.UniqueConstraint(fields=("task", "object_id"), name="work_due_once")],
            },
        ),
        open_table("work_due"),
    ]
