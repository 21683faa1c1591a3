"""What was made elsewhere and is sent as it is: sentences and figures for mails, a text for chats, a file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from rules.alerts.messages.message import LONGEST_TEXT, LONGEST_TITLE, MOST_FIGURES, Figure, clip

_MOST_SENTENCES: Final = 8
_LONGEST_LINE: Final = 400


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes along where a channel can carry one."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """``text`` says everything in lines of a fixed width; what else there is says the most important of it."""

    title: str
    organization: str
    made_at: datetime
    sentences: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    text: str = ""
    url: str = ""
    attachment: Attachment | None = None

    def bounded(self) -> "Sheet":
        """The same with every text cut to what people read; lines stay lines."""
        figures = [
            Figure(clip(figure.label, 60), clip(figure.value), clip(figure.normal))
            for figure in self.figures[:MOST_FIGURES]
        ]
        return replace(
            self,
            title=clip(self.title, LONGEST_TITLE),
            sentences=tuple(clip(one, LONGEST_TEXT) for one in self.sentences[:_MOST_SENTENCES]),
            figures=tuple(figures),
            text="\n".join(_printable(line) for line in self.text.splitlines()),
        )

    def pieces(self, most: int, size: int) -> Iterator[str]:
        """Its text in at most ``most`` pieces of whole lines, each at most ``size`` long; what is left out is said.

        ``size`` must leave room for a line.
        """
        piece: list[str] = []
        made = 0
        for line in self.text.split("\n"):
            if piece and sum(map(len, piece)) + len(piece) + len(line) > size:
                made += 1
                if made == most:
                    yield "\n".join([*piece, "… the rest is in the report"])
                    return
                yield "\n".join(piece)
                piece = []
            piece.append(line)
        if any(piece):
            yield "\n".join(piece)


def _printable(line: str) -> str:
    """Without what terminals take for commands; blanks at its beginning stay."""
    return "".join(letter for letter in line[:_LONGEST_LINE] if letter.isprintable()).rstrip()
