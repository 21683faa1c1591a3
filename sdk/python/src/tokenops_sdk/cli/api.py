"""The server's API as the commands use it; every failure is one sentence and an exit code for CI."""

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any, Final

import httpx

from tokenops_sdk.cli.profile import Profile

_TIMEOUT: Final = 30.0
_UNAUTHORIZED, _FORBIDDEN, _SERVER_ERRORS, _ERRORS = 401, 403, 500, 400


class Exit(IntEnum):
    """What the command answers to the shell. 2 is a wrong command line."""

    OK = 0
    CHECK_FAILED = 1
    NOT_ALLOWED = 3
    UNREACHABLE = 4
    REFUSED = 5


class CommandError(Exception):
    """A command cannot go on; the message is for people."""

    def __init__(self, message: str, code: Exit) -> None:
        super().__init__(message)
        self.code = code


class Api:
    """Asks one server with one key. Close it, or use it as a context."""

    def __init__(self, profile: Profile, *, transport: httpx.BaseTransport | None = None) -> None:
        if not profile.key:
            raise CommandError("There is no API key: run tokenops login, or set TOKENOPS_API_KEY.", Exit.NOT_ALLOWED)
        self.profile = profile
        headers = {"Authorization": f"Bearer {profile.key}", "User-Agent": "tokenops-cli/0.1.0"}
        self._client = httpx.Client(
            base_url=profile.url, headers=headers, timeout=_TIMEOUT, transport=transport, follow_redirects=False
        )

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, **parameters: Any) -> Any:
        """The JSON of an answer. Parameters that are None are left out; lists are repeated.

        :raises CommandError: there is none, or it is a problem.
        """
        return self._json(self.request("GET", path, params=_given(parameters)))

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
        """:raises CommandError: see :meth:`get`."""
        return self._json(self.request("POST", path, json=body, headers=headers))

    def pages(self, path: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Every result of a list, page by page.

        :raises CommandError: see :meth:`get`.
        """
        found = self.get(path, **parameters)
        yield from found["results"]
        while found.get("next"):
            found = self._json(self.request("GET", self._own(found["next"])))
            yield from found["results"]

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer, whatever its status.

        :raises CommandError: there is none.
        """
        try:
            return self._client.request(method, path, **options)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise self.unreachable(error) from error

    def unreachable(self, error: Exception) -> CommandError:
        """What to say when the server does not answer."""
        return CommandError(
            f"{self.profile.url} cannot be reached ({type(error).__name__}). Is it running, and is the address right?",
            Exit.UNREACHABLE,
        )

    def checked(self, response: httpx.Response) -> httpx.Response:
        """:raises CommandError: the answer is a problem."""
        if response.status_code < _ERRORS:
            return response
        raise CommandError(self._problem(response), _code(response.status_code))

    def _json(self, response: httpx.Response) -> Any:
        try:
            return self.checked(response).json()
        except ValueError as error:
            raise CommandError(
                f"{self.profile.url} did not answer with JSON: is it a TokenOps server?", Exit.UNREACHABLE
            ) from error

    def _own(self, url: str) -> str:
        """Our key goes to our server only, whatever host a link of its says."""
        target = httpx.URL(url)
        return str(target.raw_path.decode())

    def _problem(self, response: httpx.Response) -> str:
        try:
            document = response.json()
        except ValueError:
            document = {}
        title = document.get("title") or f"The server answered {response.status_code}."
        parts = [title, document.get("detail") or ""]
        parts += [f"{error.get('field')}: {error.get('message')}" for error in document.get("errors") or ()]
        if response.status_code in {_UNAUTHORIZED, _FORBIDDEN}:
            parts.append(f"(The key is from {self.profile.source}.)")
        return " ".join(part for part in parts if part)


def _given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}


def _code(status: int) -> Exit:
    if status in {_UNAUTHORIZED, _FORBIDDEN}:
        return Exit.NOT_ALLOWED
    return Exit.UNREACHABLE if status >= _SERVER_ERRORS else Exit.REFUSED
