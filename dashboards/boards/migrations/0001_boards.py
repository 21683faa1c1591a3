import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from core.rls import tenant_table

# Only their owner sees private dashboards, so with the account they go: tenants.accounts empties references to people
# and knows no table of ours.
END_WITH_OWNER = [
    """
    create function boards_end_with_owner() returns trigger language plpgsql set search_path = public, pg_temp as $$
    begin
        delete from board_widgets where board_id = new.id;
        delete from boards where id = new.id;
        return null;
    end $$""",
    """
    create trigger boards_end_with_owner after update of owner_id on boards
    for each row when (new.owner_id is null and new.visibility = 'private')
    execute function boards_end_with_owner()""",
]


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenants", "0018_event_routing"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Board",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                ("description", models.CharField(blank=True, default="", max_length=300)),
                (
                    "visibility",
                    models.CharField(
                        choices=[("private", "Only you"), ("shared", "Everybody in the organization")],
                        default="private",
                        max_length=10,
                    ),
                ),
                (
                    "range",
                    models.CharField(
                        blank=True, default="", help_text="What it opens with; '' is the usual.", max_length=20
                    ),
                ),
                (
                    "filters",
                    models.JSONField(default=list, help_text="(name, value) pairs that hold for every widget."),
                ),
                ("version", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("changed_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "changed_by_key",
                    models.CharField(blank=True, default="", help_text="Name of the key that did.", max_length=100),
                ),
                (
                    "changed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "boards",
            },
        ),
        migrations.CreateModel(
            name="Widget",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("stat", "Figure"),
                            ("time_series", "Time series"),
                            ("bar", "Bars"),
                            ("donut", "Ring"),
                            ("table", "Table"),
                            ("heat_map", "Heat map"),
                            ("text", "Text"),
                        ],
                        max_length=20,
                    ),
                ),
                ("title", models.CharField(blank=True, default="", max_length=100)),
                (
                    "question",
                    models.JSONField(help_text="Of the explorer (explore.question); null for a text.", null=True),
                ),
                ("filters", models.JSONField(default=list)),
                ("text", models.CharField(blank=True, default="", max_length=5000)),
                ("x", models.PositiveSmallIntegerField()),
                ("y", models.PositiveSmallIntegerField()),
                ("w", models.PositiveSmallIntegerField()),
                ("h", models.PositiveSmallIntegerField()),
                (
                    "board",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="widgets", to="boards.board"
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
                    ),
                ),
            ],
            options={
                "db_table": "board_widgets",
            },
        ),
        migrations.AddIndex(
            model_name="board",
            index=models.Index(fields=["organization", "owner"], name="board_org_owner"),
        ),
        migrations.AddConstraint(
            model_name="board",
            constraint=models.CheckConstraint(
                condition=models.Q(("visibility__in", ["private", "shared"])), name="board_visibility"
            ),
        ),
        migrations.AddConstraint(
            model_name="widget",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("h__gte", 1),
                    ("h__lte", 12),
                    ("w__gte", 1),
                    ("w__lte", 12),
                    ("x__lte", django.db.models.expressions.CombinedExpression(models.Value(12), "-", models.F("w"))),
                ),
                name="board_widget_on_grid",
            ),
        ),
        migrations.AddConstraint(
            model_name="widget",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "text"), ("question__isnull", True)),
                    models.Q(("question__isnull", False), models.Q(("kind", "text"), _negated=True)),
                    _connector="OR",
                ),
                name="board_widget_asks_or_says",
            ),
        ),
        tenant_table("boards"),
        tenant_table("board_widgets"),
        migrations.RunSQL(END_WITH_OWNER, ["drop function boards_end_with_owner() cascade"]),
    ]
