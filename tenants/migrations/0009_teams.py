import django.utils.timezone
from django.db import migrations, models

from core.rls import tenant_table

MEMBERS = """
alter table team_members add constraint team_member_of_organization
    foreign key (membership_id) references memberships (id) on delete cascade"""


class Migration(migrations.Migration):
    """Teams and what telemetry may call them. The edge reads both with every key it looks up."""

    dependencies = [
        ("tenants", "0008_keys"),
    ]

    operations = [
        migrations.CreateModel(
            name="Team",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slug", models.CharField(max_length=100)),
                ("name", models.CharField(max_length=100)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
                    ),
                ),
            ],
            options={
                "db_table": "teams",
            },
        ),
        migrations.AddField(
            model_name="project",
            name="team",
            field=models.ForeignKey(
                blank=True,
                help_text="Whose its calls are that name no team.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="projects",
                to="tenants.team",
            ),
        ),
        migrations.CreateModel(
            name="TeamAlias",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("alias", models.CharField(max_length=100)),
                ("folded", models.CharField(help_text="Folding makes some letters three.", max_length=300)),
                ("is_slug", models.BooleanField(default=False)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.organization"
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="aliases", to="tenants.team"
                    ),
                ),
            ],
            options={
                "db_table": "team_aliases",
            },
        ),
        migrations.CreateModel(
            name="TeamMember",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
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
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="members", to="tenants.team"
                    ),
                ),
            ],
            options={
                "db_table": "team_members",
            },
        ),
        migrations.AddConstraint(
            model_name="team",
            constraint=models.UniqueConstraint(fields=("organization", "slug"), name="team_org_slug_uniq"),
        ),
        migrations.AddConstraint(
            model_name="teamalias",
            constraint=models.UniqueConstraint(fields=("organization", "folded"), name="team_alias_org_folded_uniq"),
        ),
        migrations.AddConstraint(
            model_name="teammember",
            constraint=models.UniqueConstraint(fields=("team", "membership"), name="team_member_uniq"),
        ),
        migrations.RunSQL(MEMBERS, "alter table team_members drop constraint team_member_of_organization"),
        tenant_table("teams", edge="select"),
        tenant_table("team_aliases", edge="select"),
        tenant_table("team_members"),
    ]
