"""How a command fails: with one sentence for people, and an exit code that a script can tell from others."""

from enum import IntEnum


class Exit(IntEnum):
    """What the command answers to the shell. 2 is a wrong command line, 130 an interrupt, 141 a closed pipe."""

    OK = 0
    CHECK_FAILED = 1
    NOT_ALLOWED = 3
    UNREACHABLE = 4
    REFUSED = 5
    FILE = 6


class CommandError(Exception):
    """A command cannot go on; the message is for people."""

    def __init__(self, message: str, code: Exit) -> None:
        super().__init__(message)
        self.code = code


class FileError(CommandError):
    """A file cannot be read or written, or does not hold what it should."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Exit.FILE)
