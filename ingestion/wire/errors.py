"""What can be wrong with a whole body; a single bad event is never an exception, it is a ``Rejection``."""


class BodyError(Exception):
    """The body as a whole cannot be used; nothing of it is stored. The text is for the client and repeats no value."""


class MalformedBody(BodyError):  # noqa: N818 - the name says what is wrong
    """Not UTF-8, not JSON, or not the shape the endpoint takes (HTTP 400)."""


class TooManyEvents(BodyError):  # noqa: N818 - the name says what is wrong
    """More events than one request may carry (HTTP 413)."""


class UnsupportedMediaType(BodyError):  # noqa: N818 - the name says what is wrong
    """A ``Content-Type`` this endpoint does not read (HTTP 415)."""


class BodyTooLarge(BodyError):  # noqa: N818 - the name says what is wrong
    """Larger than the limit once decompressed (HTTP 413)."""


class BadEncoding(BodyError):  # noqa: N818 - the name says what is wrong
    """The compressed stream is damaged, cut off or followed by something else (HTTP 400)."""


class UnsupportedEncoding(BadEncoding):
    """A ``Content-Encoding`` this server does not read (HTTP 415)."""
