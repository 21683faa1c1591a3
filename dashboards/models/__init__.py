"""Tables of the pages."""

from dashboards.models.feature_labels import FeatureLabel, FeaturesApart
from dashboards.models.model_colors import ModelColor
from dashboards.models.saved_views import DefaultView, SavedView

__all__ = ["DefaultView", "FeatureLabel", "FeaturesApart", "ModelColor", "SavedView"]
