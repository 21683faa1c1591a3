"""Names of environments that mean something to us. Pure; the edge and the services both ask here."""

from typing import Final

UNNAMED: Final = "default"  # of calls that name none, unless their project says otherwise
