"""Tables of the dashboards."""

from dashboards.models.model_colors import ModelColor

__all__ = ["ModelColor"]
