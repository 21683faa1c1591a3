"""Careful access to a provider's usage object: only numbers, only in range, and errors that never repeat a value."""

from collections.abc import Mapping
from decimal import Decimal

from ingestion.wire.amounts import MAX_COUNT, NumberError, decimal_number, whole_number

_LONGEST_WORD = 50
_ZERO = Decimal(0)


class UsageError(ValueError):
    """The usage object cannot be used; ``field`` is the path of the member that is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class UnknownShapeError(UsageError):
    """No provider we know answers such an object."""

    def __init__(self) -> None:
        super().__init__("usage", "is not a usage object of a provider we know")


class UsageReader:
    """One object of the usage tree; names are tried in order, absent and null count as 0."""

    __slots__ = ("_members", "_path")

    def __init__(self, members: Mapping[str, object], path: str = "usage") -> None:
        self._members = members
        self._path = path

    def has(self, *names: str) -> bool:
        """Is any of the members present and not null?"""
        for name in names:  # noqa: SIM110 - a generator would take three times as long
            if self._members.get(name) is not None:
                return True
        return False

    def count(self, *names: str, at_most: int = MAX_COUNT) -> int:
        """A number of tokens.

        :raises UsageError: present, but not an integer from 0 to ``at_most``.
        """
        name, value = self._first(names)
        if value is None:
            return 0
        try:
            return whole_number(value, at_most=at_most)
        except NumberError as error:
            raise UsageError(f"{self._path}.{name}", str(error)) from error

    def quantity(self, *names: str, at_most: int = MAX_COUNT) -> Decimal:
        """A number that need not be whole.

        :raises UsageError: present, but not a number from 0 to ``at_most``.
        """
        name, value = self._first(names)
        if value is None:
            return _ZERO
        try:
            return decimal_number(value, at_most=at_most)
        except NumberError as error:
            raise UsageError(f"{self._path}.{name}", str(error)) from error

    def is_number(self, name: str) -> bool:
        value = self._members.get(name)
        return isinstance(value, int | Decimal) and not isinstance(value, bool)

    def flag(self, name: str) -> bool:
        """True only for a JSON ``true``."""
        return self._members.get(name) is True

    def text(self, *names: str) -> str:
        """A short word such as a modality or a tier; ``''`` for anything that is not text."""
        _, value = self._first(names)
        return value if isinstance(value, str) and len(value) <= _LONGEST_WORD else ""

    def child(self, *names: str) -> "UsageReader":
        """A nested object; an empty one where there is none.

        :raises UsageError: present, but not an object.
        """
        name, value = self._first(names)
        if value is not None and not isinstance(value, dict):
            raise UsageError(f"{self._path}.{name}", "must be an object")
        return UsageReader(value or {}, f"{self._path}.{name}")

    def children(self, *names: str) -> "list[UsageReader]":
        """The objects of a nested list.

        :raises UsageError: present, but not a list of objects.
        """
        name, value = self._first(names)
        path = f"{self._path}.{name}"
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise UsageError(path, "must be a list of objects")
        return [UsageReader(entry, path) for entry in value]

    def _first(self, names: tuple[str, ...]) -> tuple[str, object]:
        for name in names:
            value = self._members.get(name)
            if value is not None:
                return name, value
        return names[0], None
