"""Who is stored next: every organization in turn, so that one that sends much does not stand before the others."""

from collections import OrderedDict, deque
from collections.abc import Container, Iterable
from typing import Protocol


class Waiting(Protocol):
    """A request in the queue; ``weight`` is how many rows it counts for, at least one."""

    @property
    def organization_id(self) -> int: ...

    @property
    def weight(self) -> int: ...


class FairQueue[T: Waiting]:
    """First come, first served within an organization; organizations take turns. Not safe between threads."""

    def __init__(self) -> None:
        self._by_organization: OrderedDict[int, deque[T]] = OrderedDict()  # nobody's queue is empty
        self.rows = 0

    def __bool__(self) -> bool:
        return bool(self._by_organization)

    def put(self, request: T) -> None:
        self._by_organization.setdefault(request.organization_id, deque()).append(request)
        self.rows += request.weight

    def take(self, most_rows: int) -> list[T]:
        """One request of each organization, again and again, as long as they fit together.

        What does not fit keeps its place: it comes first next time, if need be alone.
        """
        taken: list[T] = []
        rows = 0
        found = True
        while found and rows < most_rows:
            found = False
            for organization_id in list(self._by_organization):
                weight = self._by_organization[organization_id][0].weight
                if not taken or rows + weight <= most_rows:
                    taken.append(self._pop(organization_id))
                    rows += weight
                    found = True
        self.rows -= rows
        return taken

    def take_light(self, most_rows: int, *, busy: Container[int]) -> list[T]:
        """Everything of organizations that wait with at most so many rows each and are not ``busy``."""
        light = [
            organization_id
            for organization_id, queue in self._by_organization.items()
            if organization_id not in busy and len(queue) <= most_rows and _weight(queue) <= most_rows
        ]
        taken = [request for organization_id in light for request in self._by_organization.pop(organization_id)]
        self.rows -= _weight(taken)
        return taken

    def _pop(self, organization_id: int) -> T:
        queue = self._by_organization[organization_id]
        request = queue.popleft()
        if queue:
            self._by_organization.move_to_end(organization_id)
        else:
            del self._by_organization[organization_id]
        return request


def _weight(requests: Iterable[Waiting]) -> int:
    return sum(request.weight for request in requests)
