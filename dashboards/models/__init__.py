"""Tables of the dashboards."""

from dashboards.models.model_colors import ModelColor
from dashboards.models.saved_views import DefaultView, SavedView

__all__ = ["DefaultView", "ModelColor", "SavedView"]
