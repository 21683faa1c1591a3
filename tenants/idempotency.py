"""``Idempotency-Key`` of the API's writes: a write is done once, and its answer is kept in its own transaction.

The same words as on the edge (ingestion.edge.idempotency), and the same claim: a transaction's advisory lock, asking
for which never waits. Whoever gets it sees what its predecessor committed, and it is gone with the transaction, also
when the process is killed. Only what succeeded is kept: a refused write changed nothing, so it may be sent again.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.core.exceptions import RequestDataTooBig
from django.db import connection
from django.http.request import RawPostDataException
from django.utils import timezone
from rest_framework.exceptions import APIException, UnsupportedMediaType, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import is_success

from core import vault
from core.crypto import DecryptionError
from core.scope import current_organization_id
from tenants.models import ApiAnswer

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
MOST_CHARACTERS: Final = 255
KEPT_FOR: Final = timedelta(hours=24)
_DELETE_AT_ONCE: Final = 5_000
_MOST_DELETES: Final = 20

UNUSABLE: Final = f"Send one key of 1 to {MOST_CHARACTERS} characters."
TOO_LARGE: Final = "This body is too large to be sent with an Idempotency-Key."


class UnusableKeyError(ValidationError):
    """The header is empty or too long."""

    problem = ("invalid-idempotency-key", "The Idempotency-Key cannot be used.")

    def __init__(self) -> None:
        super().__init__({HEADER: [UNUSABLE]})


class KeyReusedError(APIException):
    """The key came with another body before."""

    status_code = 422
    problem = ("idempotency-key-reused", "This Idempotency-Key came with another body before.")

    def __init__(self) -> None:
        super().__init__("Nothing of this request is done. A new request needs a new key.")


class KeyInUseError(APIException):
    """The first request with the key is not answered yet."""

    status_code = 409
    problem = ("idempotency-key-in-use", "A request with this Idempotency-Key is still running.")
    wait = 1  # becomes Retry-After

    def __init__(self) -> None:
        super().__init__("Try again in a moment.")


class AnswerLostError(APIException):
    """The write was done, and its answer was sealed with a secret that this installation has not any more."""

    status_code = 409
    problem = ("idempotency-answer-lost", "This was done before, and its answer cannot be read any more.")

    def __init__(self) -> None:
        super().__init__("Look at what is there before you send it again with another key.")


@dataclass(frozen=True, slots=True)
class _Claim:
    """A request's wish to be done once."""

    organization_id: int
    key_digest: bytes
    body_digest: bytes

    @property
    def lock_id(self) -> int:
        digest = hashlib.sha256(f"api-answer {self.organization_id} ".encode() + self.key_digest).digest()
        return int.from_bytes(digest[:8], signed=True)


def context_of(answer: ApiAnswer) -> str:
    """What an encrypted answer is bound to."""
    return f"api-answer:{answer.organization_id}:{bytes(answer.key_digest).hex()}"


def once(request: Request, *, client: str, write: Callable[[], Response]) -> Response:
    """The answer of ``write``, or the one that ``client`` got for the same request before.

    Call it inside the organization's scope, whose transaction holds the claim and keeps the answer. A request that
    writes nothing, or has no key, is only run.

    :raises UnusableKeyError: the key is none.
    :raises KeyReusedError: it came with another body before.
    :raises KeyInUseError: the first request with it is still running.
    """
    if request.method not in WRITES or HEADER not in request.headers:
        return write()
    claim = _claim_of(request, client)
    if not _lock(claim):
        raise KeyInUseError
    now = timezone.now()
    kept = ApiAnswer.objects.filter(key_digest=claim.key_digest, created_at__gt=now - KEPT_FOR).first()
    if kept is not None:
        return _replay(kept, claim)
    response = write()
    if is_success(response.status_code):
        _keep(claim, response, now)
    return response


def delete_old_answers(*, now: datetime) -> int:
    """Delete answers whose time is over, of every organization; the next run goes on where one stops."""
    deleted = 0
    with connection.cursor() as cursor:
        for _ in range(_MOST_DELETES):
            cursor.execute("select delete_api_answers(%s, %s)", [now - KEPT_FOR, _DELETE_AT_ONCE])
            (gone,) = cursor.fetchone()
            deleted += gone
            if gone < _DELETE_AT_ONCE:
                break
    return deleted


def _claim_of(request: Request, client: str) -> _Claim:
    key = request.headers[HEADER].strip()
    if not 0 < len(key) <= MOST_CHARACTERS:
        raise UnusableKeyError
    # Digested as a whole: a path may be longer than an index takes.
    asked = json.dumps([client, request.method, request.path, key])
    return _Claim(
        current_organization_id(),
        hashlib.sha256(asked.encode()).digest(),
        hashlib.sha256(_body(request)).digest(),
    )


def _body(request: Request) -> bytes:
    """:raises UnsupportedMediaType: it is a form, which was read as such to look for a token."""
    try:
        return request._request.body
    except RawPostDataException as error:
        raise UnsupportedMediaType(request.content_type) from error
    except RequestDataTooBig as error:
        raise ValidationError([TOO_LARGE]) from error


def _lock(claim: _Claim) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [claim.lock_id])
        (is_granted,) = cursor.fetchone()
    return bool(is_granted)


def _replay(kept: ApiAnswer, claim: _Claim) -> Response:
    if bytes(kept.body_digest) != claim.body_digest:
        raise KeyReusedError
    try:
        body = vault.unseal(kept.answer, context=context_of(kept))
    except DecryptionError as error:
        raise AnswerLostError from error
    return Response(json.loads(body) if body else None, status=kept.status, headers={REPLAYED: "true"})


def _keep(claim: _Claim, response: Response, now: datetime) -> None:
    answer = ApiAnswer(
        organization_id=claim.organization_id,
        key_digest=claim.key_digest,
        body_digest=claim.body_digest,
        status=response.status_code,
        created_at=now,
    )
    body = JSONRenderer().render(response.data)  # b"" without one
    answer.answer = vault.seal(body, context=context_of(answer))
    ApiAnswer.objects.bulk_create(
        [answer],
        update_conflicts=True,  # only a row whose time is over can be in the way
        unique_fields=["organization", "key_digest"],
        update_fields=["body_digest", "status", "answer", "created_at"],
    )
