"""Which version this is."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final


def _version() -> str:
    try:
        return version("tokenops-sdk")
    except PackageNotFoundError:  # run from its source
        return "0.0.0"


VERSION: Final = _version()
