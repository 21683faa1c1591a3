"""What a dollar is worth in the currency an organization reads its costs in."""

from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel
from tenants.models.people import User


class CurrencyRate(OrgScopedModel):
    """So many of ``currency`` for a US dollar, from a day on until the next one; what was valid before stays."""

    currency = models.CharField(max_length=3, help_text="ISO 4217.")
    valid_from = models.DateField()
    rate = models.DecimalField(max_digits=20, decimal_places=10, validators=[MinValueValidator(0)])
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "currency_rates"
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "currency", "valid_from"], name="currency_rate_one_from_a_day"
            ),
            models.CheckConstraint(condition=models.Q(rate__gt=0), name="currency_rate_positive"),
        ]
