"""The API's document as it is published, parsed once for all tests of a process."""

from functools import cache
from typing import Any, Final

import yaml
from django.conf import settings

# The loader in C takes a second for what the one in Python takes ten for; not every machine has it.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parsed(text: str | bytes) -> dict[str, Any]:
    return dict(yaml.load(text, _LOADER))  # noqa: S506 - both are safe loaders


@cache
def document() -> dict[str, Any]:
    """Nobody changes what is returned: all share it."""
    return parsed((settings.BASE_DIR / "docs" / "openapi.yaml").read_text(encoding="utf-8"))
