"""The server's API as the commands use it; every failure is one sentence and an exit code for CI."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import sleep
from typing import Any, Final

import httpx

from tokenops_sdk.cli.errors import CommandError, Exit
from tokenops_sdk.cli.profile import Profile
from tokenops_sdk.cli.version import VERSION
from tokenops_sdk.transport import wait_seconds

_TIMEOUT: Final = 30.0
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _SERVER_ERRORS, _ERRORS, _REDIRECTS = 401, 403, 404, 500, 400, 300
_BUSY: Final = frozenset({429, 502, 503, 504})
_LOST: Final = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
_MOST_ATTEMPTS: Final = 4


class Api:
    """Asks one server with one key. Close it, or use it as a context."""

    def __init__(self, profile: Profile, *, transport: httpx.BaseTransport | None = None) -> None:
        if not profile.key:
            raise CommandError("There is no API key: run tokenops login, or set TOKENOPS_API_KEY.", Exit.NOT_ALLOWED)
        self.profile = profile
        headers = {"Authorization": f"Bearer {profile.key}", "User-Agent": f"tokenops-cli/{VERSION}"}
        try:
            self._client = httpx.Client(
                base_url=profile.url, headers=headers, timeout=_TIMEOUT, transport=transport, follow_redirects=False
            )
        except UnicodeEncodeError as error:
            raise CommandError(
                f"The key from {profile.source} has letters that no key has.", Exit.NOT_ALLOWED
            ) from error

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, **parameters: Any) -> Any:
        """The JSON of an answer. Parameters that are None or empty lists are left out; lists are repeated.

        :raises CommandError: there is none, or it is a problem.
        """
        return self._json(self._patient("GET", path, params=_given(parameters)))

    def post(self, path: str, body: Any = None, *, idempotency_key: str) -> Any:
        """The answer to a write, which is done once however often it has to be sent.

        :raises CommandError: see :meth:`get`.
        """
        headers = {"Idempotency-Key": idempotency_key}
        return self._json(self._patient("POST", path, json=body, headers=headers))

    def pages(self, path: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """The answers of a list, page by page; each has its ``results``.

        :raises CommandError: see :meth:`get`.
        """
        found = self.get(path, **parameters)
        yield found
        while found.get("next"):
            found = self._json(self._patient("GET", _own(found["next"])))
            yield found

    def results(self, path: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Every result of a list.

        :raises CommandError: see :meth:`get`.
        """
        for page in self.pages(path, **parameters):
            yield from page["results"]

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer, whatever its status.

        :raises CommandError: there is none.
        """
        try:
            return self._client.request(method, path, **options)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise self.unreachable(error) from error

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """An answer whose body is read as it arrives, and as it is stored.

        :raises httpx.HTTPError: there is none, or it ends before its end.
        """
        with self._client.stream("GET", path, headers={"Accept-Encoding": "identity", **headers}) as response:
            yield response

    def unreachable(self, error: Exception) -> CommandError:
        """What to say when the server does not answer."""
        return CommandError(
            f"{self.profile.url} cannot be reached ({type(error).__name__}). Is it running, and is the address right?",
            Exit.UNREACHABLE,
        )

    def checked(self, response: httpx.Response) -> httpx.Response:
        """:raises CommandError: the answer is a problem."""
        status = response.status_code
        if _REDIRECTS <= status < _ERRORS:
            target = httpx.URL(response.headers.get("Location", "")).copy_with(raw_path=b"/", fragment=None)
            raise CommandError(f"{self.profile.url} redirects to {target}: is that the address?", Exit.UNREACHABLE)
        if status >= _ERRORS:
            raise CommandError(self._problem(response), _code(status))
        return response

    def _patient(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer, asked for again while the server is too busy to give it or loses the connection."""
        for attempt in range(_MOST_ATTEMPTS - 1):
            try:
                response = self.request(method, path, **options)
            except CommandError as error:
                if not isinstance(error.__cause__, _LOST):
                    raise
                sleep(wait_seconds(attempt, None))
                continue
            if response.status_code not in _BUSY:
                return response
            sleep(min(wait_seconds(attempt, retry_after(response)), _TIMEOUT))
        return self.request(method, path, **options)

    def _json(self, response: httpx.Response) -> Any:
        try:
            return self.checked(response).json()
        except ValueError as error:
            raise CommandError(
                f"{self.profile.url} did not answer with JSON: is it a TokenOps server?", Exit.UNREACHABLE
            ) from error

    def _problem(self, response: httpx.Response) -> str:
        found = document(response)
        title = found.get("title") or f"The server answered {response.status_code}."
        parts = [title, found.get("detail") or "", *map(_error, found.get("errors") or ())]
        if response.status_code in {_UNAUTHORIZED, _FORBIDDEN}:
            parts.append(f"(The key is from {self.profile.source}.)")
        if response.status_code == _NOT_FOUND:
            parts.append("(Is the name right, and may this key see it?)")
        return " ".join(part for part in parts if part)


def document(response: httpx.Response) -> dict[str, Any]:
    """The object that an answer holds, or none."""
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def retry_after(response: httpx.Response) -> float | None:
    """For how many seconds the server does not want to be asked."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None


def _error(error: Any) -> str:
    field, message = error.get("field"), error.get("message") or ""
    return f"{field}: {message}" if field else message


def _own(url: str) -> str:
    """Our key goes to our server only, whatever host a link of its says."""
    return httpx.URL(url).raw_path.decode()


def _given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value not in (None, [], ())}


def _code(status: int) -> Exit:
    if status in {_UNAUTHORIZED, _FORBIDDEN}:
        return Exit.NOT_ALLOWED
    return Exit.UNREACHABLE if status >= _SERVER_ERRORS else Exit.REFUSED
