"""What calls cost: rate cards, and how the catalogue of them changed."""

from django.db import models


class RateCard(models.Model):
    """The price of a model from a moment on, per unit of usage. Without an organization it is the catalogue's."""

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


class CatalogueChange(models.Model):
    """One difference a catalogue import made, in words a person can check."""

    kind = models.CharField(max_length=20, help_text="added, changed or closed")
    provider = models.CharField(max_length=100)
    catalogue_id = models.CharField(max_length=255)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    version = models.CharField(max_length=50)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "catalogue_changes"
