import django.db.models.deletion
from django.db import migrations, models

from core.rls import tenant_table

# Samples are few, a handful a minute and resource, so there are no partitions: retention deletes them in batches.
SAMPLES = """
create table cloud_samples (
    organization_id bigint not null,
    project_id bigint not null,
    sampled_at timestamptz not null,
    sample_id text not null,
    received_at timestamptz not null default now(),
    api_key_id bigint not null,
    resource text not null,
    kind text not null default '',
    team text not null default '',
    environment text not null default 'default',
    allocated_mb numeric not null check (allocated_mb > 0),
    used_mb numeric not null check (used_mb >= 0),
    invocations bigint,
    duration_ms double precision,
    cost_usd numeric,
    primary key (project_id, sampled_at, sample_id)
)"""
INDEXES = [
    "create index cloud_samples_resource on cloud_samples (project_id, resource, sampled_at)",
    "create index cloud_samples_org on cloud_samples (organization_id, sampled_at)",
]
COLUMNS_FOR_EDGE = "project_id, sampled_at, sample_id"


class Migration(migrations.Migration):
    """How much memory cloud functions and workers were given and used."""

    dependencies = [("ingestion", "0010_lifecycle"), ("tenants", "0002_roles")]

    operations = [
        migrations.RunSQL([SAMPLES, *INDEXES], "drop table cloud_samples"),
        tenant_table("cloud_samples", app="select, delete", edge=f"insert, select ({COLUMNS_FOR_EDGE})"),
        migrations.CreateModel(
            name="CloudSample",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "project",
                        "sampled_at",
                        "sample_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("sampled_at", models.DateTimeField()),
                ("sample_id", models.TextField()),
                ("received_at", models.DateTimeField()),
                ("api_key_id", models.BigIntegerField()),
                ("resource", models.TextField()),
                ("kind", models.TextField()),
                ("team", models.TextField()),
                ("environment", models.TextField()),
                ("allocated_mb", models.DecimalField(decimal_places=30, max_digits=60)),
                ("used_mb", models.DecimalField(decimal_places=30, max_digits=60)),
                ("invocations", models.BigIntegerField(null=True)),
                ("duration_ms", models.FloatField(null=True)),
                ("cost_usd", models.DecimalField(decimal_places=30, max_digits=60, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenants.project",
                    ),
                ),
            ],
            options={"db_table": "cloud_samples", "managed": False},
        ),
    ]
