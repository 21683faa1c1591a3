"""Tables of the pages."""

from dashboards.models.feature_labels import FeatureLabel, FeaturesApart

__all__ = ["FeatureLabel", "FeaturesApart"]
