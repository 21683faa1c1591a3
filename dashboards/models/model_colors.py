"""Which colour a model has, so that it is the same on every page and for everybody."""

from django.db import models

from core.charts import HUES, PATTERNS
from core.scope import OrgScopedModel


class ModelColor(OrgScopedModel):
    """The look of a model in all charts of its organization: given when a chart first showed it, never changed."""

    provider = models.TextField(blank=True)
    model_key = models.TextField()
    color_index = models.PositiveSmallIntegerField()
    pattern = models.PositiveSmallIntegerField(help_text="0 is plain; others tell models of one hue apart.")

    class Meta:
        db_table = "model_colors"
        constraints = [
            models.UniqueConstraint(fields=["organization", "provider", "model_key"], name="model_color_model_uniq"),
            models.CheckConstraint(condition=models.Q(color_index__range=(1, HUES)), name="model_color_is_a_hue"),
            models.CheckConstraint(condition=models.Q(pattern__lt=PATTERNS), name="model_color_is_a_pattern"),
        ]
