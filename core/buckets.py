"""Token buckets: how much somebody may do now, by a clock that is passed in. Pure; whoever shares one brings a lock."""

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """Fills with ``rate`` tokens a second up to ``size``. Taking more than is there leaves a debt, paid first."""

    rate: float
    size: float
    tokens: float
    filled_at: float  # seconds on a clock that never goes back

    def fill(self, now: float) -> None:
        self.tokens = min(self.size, self.tokens + (now - self.filled_at) * self.rate)
        self.filled_at = now

    def take(self, tokens: float) -> None:
        self.tokens -= tokens

    def seconds_until(self, tokens: float) -> float:
        """From the last fill; 0 when they are there."""
        return max(0.0, (tokens - self.tokens) / self.rate)


class Buckets[K]:
    """A bucket for each client, full at first; those not seen for longest are forgotten when there are too many."""

    def __init__(self, *, rate: float, size: float, most: int) -> None:
        self._rate, self._size, self._most = rate, size, most
        self._buckets: OrderedDict[K, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def of(self, client: K, *, now: float) -> Bucket:
        """The bucket of ``client``, filled up to ``now``."""
        bucket = self._buckets.get(client)
        if bucket is None:
            bucket = self._buckets[client] = Bucket(self._rate, self._size, self._size, now)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(client)
            bucket.fill(now)
        return bucket
