"""How much of everything: 1 in ``make test``, ``SOAK_SIZE`` in ``make soak``."""

import os

SIZE = int(os.environ.get("SOAK_SIZE", "1"))
