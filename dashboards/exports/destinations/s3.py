"""Objects in a bucket of somebody else's S3-compatible server, through the one client for customers' URLs.

Signed by botocore; sent by ``core.outbound``, which alone knows where customers may send us. Nothing here ever asks
to write over an object.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from core.outbound import Answer, Client, OutboundError
from dashboards.exports.destinations import slots

SECONDS: Final = 60.0  # for one object
TEST_SECONDS: Final = 5.0  # while somebody waits
_DIGEST: Final = "x-amz-meta-sha256"
_CODE: Final = re.compile(rb"<Code>([A-Za-z]{1,60})</Code>")
_WORDS: Final = {
    "InvalidAccessKeyId": "The server does not know this access key id.",
    "SignatureDoesNotMatch": "The secret does not belong to this access key id.",
    "AccessDenied": "The access key may not write here.",
    "NoSuchBucket": "There is no such bucket.",
    "RequestTimeTooSkewed": "The clocks of this server and of the other one differ by more than it allows.",
    "PermanentRedirect": "The bucket is in another region: correct endpoint and region.",
    "AuthorizationHeaderMalformed": "The bucket is in another region: correct the region.",
    "InvalidBucketName": "There is no such bucket.",
    "SlowDown": "The server asks to slow down.",
}
_BY_STATUS: Final[Mapping[int, str]] = {
    301: _WORDS["PermanentRedirect"],
    307: _WORDS["PermanentRedirect"],
    403: _WORDS["AccessDenied"],
    404: _WORDS["NoSuchBucket"],
}
_NOT_KNOWN: Final = frozenset({HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.BAD_REQUEST})
_TAKEN: Final = frozenset({HTTPStatus.PRECONDITION_FAILED, HTTPStatus.CONFLICT})


class BucketError(Exception):
    """It could not be done; the message is one sentence for whoever configured the bucket, without any secret."""


class TakenError(BucketError):
    """Every name that the object may have is another object's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A bucket and how to open it. ``is_conditional``: its server heeds ``If-None-Match``."""

    endpoint: str
    region: str
    bucket: str
    key_id: str
    secret: str = field(repr=False)
    is_conditional: bool = True


@dataclass(frozen=True, slots=True)
class Bucket:
    """What can be done in a place. ``client`` decides whether it may be reached."""

    place: Place
    client: Client

    def put_new(self, key: str, body: bytes) -> str:
        """Write an object and the key that it got: ``key``, or one beside it where that is taken.

        An object with the same content is taken for ours, written by somebody who died before saying so.

        :raises BucketError: it could not be.
        """
        digest = sha256(body).hexdigest()
        for name in slots.names(key):
            if not self.place.is_conditional and self._is_taken(name):
                answer = None
            else:
                answer = self._put(name, body, digest)
                if answer.status not in _TAKEN:
                    _check(answer)
                    return name
            if self._digest_of(name) == digest:
                return name
        raise TakenError("Other objects lie where the files would be written.")

    def heeds_conditions(self, key: str) -> bool:
        """Write a small object twice and delete it: whether the server refused the second time.

        :raises BucketError: it cannot be written.
        """
        body = b"TokenOps was here to see whether it may write. This can be deleted.\n"
        digest = sha256(body).hexdigest()
        first = self._put(key, body, digest)
        is_known = first.status not in _NOT_KNOWN
        if not is_known:
            first = self._send("PUT", key, body, {_DIGEST: digest})
        _check(first)
        refused = is_known and self._put(key, body, digest).status in _TAKEN
        self._send("DELETE", key)  # who may not delete has it lie there: it says what it is
        return refused

    def _put(self, key: str, body: bytes, digest: str) -> Answer:
        condition = {"If-None-Match": "*"} if self.place.is_conditional else {}
        return self._send("PUT", key, body, {_DIGEST: digest, **condition})

    def _is_taken(self, key: str) -> bool:
        """Asked before writing where the server would write over it."""
        answer = self._send("HEAD", key)
        if answer.status == HTTPStatus.NOT_FOUND:
            return False
        _check(answer)
        return True

    def _digest_of(self, key: str) -> str:
        """Of what lies there, as it was written by us; '' where that is not known or may not be asked."""
        answer = self._send("HEAD", key)
        return answer.headers.get(_DIGEST, "") if answer.status == HTTPStatus.OK else ""

    def _send(self, method: str, key: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        url = f"{self.place.endpoint}/{self.place.bucket}/{quote(key, safe='/')}"
        request: Any = AWSRequest(method=method, url=url, data=body, headers=dict(headers or {}))
        S3SigV4Auth(Credentials(self.place.key_id, self.place.secret), "s3", self.place.region).add_auth(request)
        try:
            return self.client.send(method, url, headers=dict(request.headers.items()), content=body)
        except OutboundError as error:
            raise BucketError(str(error)) from error


def _check(answer: Answer) -> None:
    """:raises BucketError: the server said no."""
    if answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return
    found = _CODE.search(answer.body)
    code = found[1].decode() if found else ""
    said = _WORDS.get(code, "") if code else _BY_STATUS.get(answer.status, "")
    raise BucketError(said or f"The server answered {answer.status} {code}".rstrip() + ".")
