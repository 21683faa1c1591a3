"""By what calls can be grouped, and which stored columns tell it. Pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

# A model is its provider's: two may sell one of the same name.
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "model": ("provider", "model_key"),
        "provider": ("provider",),
        "feature": ("feature",),
        "team": ("team",),
        "project": ("project_id",),
        "user": ("user_id",),
        "environment": ("environment",),
        "key": ("api_key_id",),
        "status": ("status",),
    }
)
LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "model": "Model",
        "provider": "Provider",
        "feature": "Feature",
        "team": "Team",
        "project": "Project",
        "user": "User",
        "environment": "Environment",
        "key": "API key",
        "status": "Status",
    }
)


def columns(dimensions: Sequence[str]) -> tuple[str, ...]:
    """The stored columns of these dimensions, each once."""
    return tuple(dict.fromkeys(column for name in dimensions for column in COLUMNS[name]))
