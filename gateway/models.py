"""What an organization tells the proxy, and what the proxy counts."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel
from tenants.models.organizations import SLUG


class GatewaySettings(OrgScopedModel):
    """What an organization decides about its proxied calls; without a row the defaults hold."""

    organization = models.OneToOneField(
        "tenants.Organization", on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    offline_minutes = models.PositiveSmallIntegerField(
        default=60,
        db_default=60,
        validators=[MaxValueValidator(1_440)],
        help_text="How long a key that was seen valid goes on working while the database cannot be asked.",
    )

    class Meta:
        db_table = "gateway_settings"
        constraints = [
            models.CheckConstraint(condition=models.Q(offline_minutes__lte=1_440), name="gateway_offline_bounds"),
        ]


class GatewayProvider(OrgScopedModel):
    """An upstream that the organization added, or its own address of a built-in one (the same slug)."""

    class Auth(models.TextChoices):
        BEARER = "bearer", "Authorization: Bearer"
        HEADER = "header", "A header"
        QUERY = "query", "A query parameter"
        NONE = "none", "None"

    organization = models.ForeignKey("tenants.Organization", on_delete=models.CASCADE, related_name="+")
    slug = models.CharField(max_length=50, validators=[SLUG], help_text="In the path: /v1/proxy/<slug>/…")
    name = models.CharField(max_length=100)
    preset = models.CharField(max_length=50, help_text="The built-in row it takes its dialect and defaults from.")
    origin = models.CharField(max_length=300, help_text="https://host, without a path.")
    base_path = models.CharField(max_length=200, default="", blank=True)
    auth = models.CharField(max_length=10, choices=Auth)
    auth_name = models.CharField(max_length=100, default="", blank=True)
    inject_include_usage = models.BooleanField(default=False)
    first_byte_seconds = models.PositiveIntegerField(
        default=600, validators=[MinValueValidator(1), MaxValueValidator(3_600)]
    )
    idle_seconds = models.PositiveIntegerField(default=300, validators=[MinValueValidator(1), MaxValueValidator(3_600)])
    total_seconds = models.PositiveIntegerField(
        default=3_600, validators=[MinValueValidator(1), MaxValueValidator(86_400)]
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey("tenants.User", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        db_table = "gateway_providers"
        constraints = [
            models.UniqueConstraint(fields=["organization", "slug"], name="gateway_provider_org_slug_uniq"),
        ]


class ProviderCredential(OrgScopedModel):
    """A provider's key that the organization's own keys are exchanged for. Write-only: nobody reads it again."""

    class Check(models.TextChoices):
        UNKNOWN = "", "Not tried"
        ACCEPTED = "accepted", "Accepted by the provider"
        REFUSED = "refused", "Refused by the provider"
        UNREACHABLE = "unreachable", "The provider could not be asked"

    organization = models.ForeignKey("tenants.Organization", on_delete=models.CASCADE, related_name="+")
    project = models.ForeignKey(
        "tenants.Project",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Only for calls of this project, before those of the whole organization.",
    )
    provider = models.CharField(max_length=50, help_text="Slug of a built-in provider or of the organization's own.")
    name = models.CharField(max_length=100)
    sealed = models.BinaryField(help_text="Encrypted; opened by the edge and by the test on saving.")
    hint = models.CharField(max_length=4, default="", help_text="Its last four characters.")
    is_default = models.BooleanField(help_text="Taken where a call names none.")
    check_result = models.CharField(max_length=12, choices=Check, default=Check.UNKNOWN, blank=True)
    checked_at = models.DateTimeField(null=True)
    replaced_at = models.DateTimeField(null=True, help_text="When its secret was last replaced.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey("tenants.User", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        db_table = "provider_credentials"
        constraints = [
            models.UniqueConstraint(fields=["organization", "provider", "name"], name="credential_org_name_uniq"),
            models.UniqueConstraint(
                fields=["organization", "provider"],
                condition=models.Q(is_default=True, project=None),
                name="credential_org_one_default",
            ),
            models.UniqueConstraint(
                fields=["project", "provider"],
                condition=models.Q(is_default=True),
                name="credential_project_one_default",
            ),
        ]


class GatewayTraffic(OrgScopedModel):
    """What passed in an hour, per project and provider; counted once, in the transaction that moves the spool on.

    ``requests`` went upstream; ``calls`` of them are calls of a model, ``written`` of those are stored. The counts from
    ``client_errors`` to ``interrupted`` are of requests and exclude each other. ``within_…_ms`` count requests that the
    proxy kept waiting no longer than that, beside the upstream; each contains the one before.
    """

    pk = models.CompositePrimaryKey("organization", "hour", "project_id", "provider")
    organization = models.ForeignKey(
        "tenants.Organization", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    hour = models.DateTimeField(help_text="Its start in the organization's time zone, as an instant.")
    project_id = models.BigIntegerField(help_text="0 when no project could be decided.")
    provider = models.TextField(help_text="Slug.")
    requests = models.BigIntegerField(default=0)
    calls = models.BigIntegerField(default=0)
    written = models.BigIntegerField(default=0)
    client_errors = models.BigIntegerField(default=0, help_text="4xx other than 429.")
    throttled = models.BigIntegerField(default=0, help_text="429.")
    server_errors = models.BigIntegerField(default=0, help_text="5xx.")
    unreachable = models.BigIntegerField(default=0)
    timeouts = models.BigIntegerField(default=0)
    broken = models.BigIntegerField(default=0)
    client_left = models.BigIntegerField(default=0)
    interrupted = models.BigIntegerField(default=0)
    added_us = models.BigIntegerField(default=0, help_text="Microseconds added, summed up.")
    within_1_ms = models.BigIntegerField(default=0)
    within_5_ms = models.BigIntegerField(default=0)
    within_25_ms = models.BigIntegerField(default=0)
    within_100_ms = models.BigIntegerField(default=0)

    class Meta:
        db_table = "gateway_traffic_hourly"
        indexes = [models.Index(fields=["hour"], name="gateway_traffic_age")]


class GatewaySpoolSegment(models.Model):
    """How far a segment of an edge process's spool is stored: what comes again is not counted twice. No tenant's."""

    name = models.TextField(primary_key=True)
    drained_to = models.BigIntegerField(help_text="Bytes from the start of the file.")
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "gateway_spool_segments"
