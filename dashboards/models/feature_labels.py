"""What people call features, and which names they see as one. Calls keep the name they were sent with."""

from django.db import models
from django.utils import timezone

from core.scope import OrgScopedModel


class FeatureLabel(OrgScopedModel):
    """How pages show the feature that calls name ``feature``: by another name, as part of a group, or both."""

    feature = models.TextField(help_text="The wire name.")
    label = models.CharField(max_length=100, blank=True, default="")
    group = models.CharField(max_length=100, blank=True, default="", help_text="Features of one group are one row.")
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "feature_labels"
        constraints = [
            models.UniqueConstraint(fields=["organization", "feature"], name="feature_label_org_feature_uniq"),
            models.CheckConstraint(
                condition=models.Q(label="", group="", _negated=True), name="feature_label_says_something"
            ),
        ]


class FeaturesApart(OrgScopedModel):
    """Somebody said that two features are not one: nobody is asked again. ``feature`` sorts before ``other``."""

    feature = models.TextField()
    other = models.TextField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        db_table = "features_apart"
        constraints = [
            models.UniqueConstraint(fields=["organization", "feature", "other"], name="features_apart_org_pair_uniq"),
        ]
