"""How the garbage collector runs in a process that serves."""

import gc
from typing import Final

# A batch makes thousands of tuples that reference counting frees again: with the default of 2,000 the collector looked
# at them over and over and took a tenth of the edge's time.
_THRESHOLDS: Final = (50_000, 10, 10)


def settle() -> None:
    """Called when all is loaded: what exists by now lives as long as the process and need not be looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
