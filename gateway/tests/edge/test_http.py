"""What the gateway's own errors look like, to people and to the providers' SDKs."""

import json

from gateway.edge.http import reply_of
from ingestion.edge.http import Problem


def test_a_problem_carries_what_the_sdks_show():
    reply = reply_of(
        Problem(403, "no-credential", "No credential is stored.", "Add one.", headers=(("retry-after", "1"),))
    )

    assert (reply.status, reply.content_type) == (403, "application/problem+json")
    assert reply.headers == (("retry-after", "1"),)
    assert json.loads(reply.body) == {
        "type": "https://tokenops.dev/problems/no-credential",
        "title": "No credential is stored.",
        "status": 403,
        "detail": "Add one.",
        "error": {
            "message": "TokenOps: No credential is stored. Add one.",
            "type": "tokenops_error",
            "code": "no-credential",
        },
    }


def test_a_problem_without_detail_says_its_title_only():
    document = json.loads(reply_of(Problem(500, "internal", "Something went wrong here.")).body)

    assert "detail" not in document
    assert document["error"]["message"] == "TokenOps: Something went wrong here."
