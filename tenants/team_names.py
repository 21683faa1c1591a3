"""When two names of a team are the same one. Pure; the edge and the services both ask here."""

from typing import Final

LONGEST: Final = 100


def folded(name: str) -> str:
    """What is compared: without case, and without blanks around it."""
    return name.strip().casefold()
