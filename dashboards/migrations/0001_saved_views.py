import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from core.rls import tenant_table

MEMBERSHIPS = """
alter table saved_views add constraint saved_view_of_owner
    foreign key (owner_id) references memberships (id) on delete cascade;
alter table saved_views add constraint saved_view_of_sharer
    foreign key (shared_by_id) references memberships (id) on delete set null;
alter table default_views add constraint default_view_of_member
    foreign key (membership_id) references memberships (id) on delete cascade"""


class Migration(migrations.Migration):
    """Pages with filters that people gave a name, and which of them a page opens with."""

    initial = True

    dependencies = [("tenants", "0018_event_routing")]

    operations = [
        migrations.CreateModel(
            name="SavedView",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                ("page", models.CharField(max_length=40)),
                ("query", models.JSONField(default=list)),
                ("options", models.JSONField(default=list)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("changed_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.membership",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.project",
                    ),
                ),
                (
                    "shared_by",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.membership",
                    ),
                ),
            ],
            options={"db_table": "saved_views"},
        ),
        migrations.CreateModel(
            name="DefaultView",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("page", models.CharField(max_length=40)),
                (
                    "membership",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.membership",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.project",
                    ),
                ),
                (
                    "view",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="dashboards.savedview"
                    ),
                ),
            ],
            options={"db_table": "default_views"},
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.UniqueConstraint(
                condition=models.Q(("owner", None)),
                fields=("organization", "project", "page", "name"),
                name="saved_view_shared_name_uniq",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.UniqueConstraint(
                condition=models.Q(("owner__isnull", False)),
                fields=("owner", "project", "page", "name"),
                name="saved_view_own_name_uniq",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.CheckConstraint(
                condition=models.Q(("owner", None), ("shared_by", None), _connector="OR"),
                name="saved_view_private_or_shared",
            ),
        ),
        migrations.AddConstraint(
            model_name="defaultview",
            constraint=models.UniqueConstraint(
                fields=("membership", "page", "project"), name="default_view_one_a_page", nulls_distinct=False
            ),
        ),
        tenant_table("saved_views"),
        tenant_table("default_views"),
        migrations.RunSQL(MEMBERSHIPS, migrations.RunSQL.noop),
    ]
