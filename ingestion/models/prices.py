"""What calls cost: rate cards, and how the catalogue of them changed."""

from django.db import models
from django.utils import timezone


class RateCard(models.Model):
    """The price of a model from a moment on, per unit of usage. Without an organization it is the catalogue's.

    Row-level security shows the catalogue to everybody and an organization's own cards inside its scope; it lets a
    scope write its own cards and nothing else, and the import, which has no scope, the catalogue's.
    """

    organization = models.ForeignKey("tenants.Organization", null=True, on_delete=models.CASCADE, related_name="+")
    provider = models.CharField(max_length=100)
    provider_name = models.CharField(max_length=200, default="")
    catalogue_id = models.CharField(max_length=255)
    model_name = models.CharField(max_length=255, default="")
    position = models.PositiveIntegerField(help_text="The catalogue's own order; it decides among several hits.")
    match = models.JSONField()
    valid_from = models.DateTimeField(null=True, help_text="null: since ever")
    valid_to = models.DateTimeField(null=True, help_text="half-open; null: until further notice")
    window = models.JSONField(null=True, help_text="UTC time of day, when the price depends on it")
    context = models.JSONField(default=dict)
    prices = models.JSONField()
    source = models.CharField(max_length=50)
    version = models.CharField(max_length=50)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "rate_cards"
        indexes = [models.Index(fields=["provider", "catalogue_id"], name="rate_card_model")]
        constraints = [
            # Equal: a card that another one took the place of keeps its number, and holds at no time.
            models.CheckConstraint(
                condition=models.Q(valid_to__isnull=True)
                | models.Q(valid_from__isnull=True)
                | models.Q(valid_to__gte=models.F("valid_from")),
                name="rate_card_period",
            )
        ]


class CatalogueChange(models.Model):
    """One difference a catalogue import made, in words a person can check."""

    kind = models.CharField(max_length=20, help_text="added, changed or closed")
    provider = models.CharField(max_length=100)
    catalogue_id = models.CharField(max_length=255)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    version = models.CharField(max_length=50)
    created_at = models.DateTimeField(default=timezone.now, help_text="The same for all differences of one import.")

    class Meta:
        db_table = "catalogue_changes"
