"""Tables of dashboards."""

from dashboards.models.saved_views import DefaultView, SavedView

__all__ = ["DefaultView", "SavedView"]
