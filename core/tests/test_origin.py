from django.http import HttpResponse
from django.test import RequestFactory

from core import origin
from core.origin import LONGEST_USER_AGENT, Origin, OriginMiddleware, origin_of

REQUESTS = RequestFactory()


def test_the_origin_is_there_during_the_request_and_gone_after_it():
    seen = []

    def view(request):
        seen.append(origin.current())
        return HttpResponse()

    OriginMiddleware(view)(REQUESTS.get("/", headers={"user-agent": "curl/8"}))

    assert seen == [Origin("127.0.0.1", "curl/8")]
    assert origin.current() == Origin("", "")


def test_a_forwarded_address_is_believed_only_from_a_trusted_proxy(settings):
    request = REQUESTS.get("/", headers={"x-forwarded-for": "203.0.113.7"}, REMOTE_ADDR="10.0.0.1")

    assert origin_of(request).address == "10.0.0.1"
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    assert origin_of(request).address == "203.0.113.7"


def test_a_user_agent_is_cut_and_holds_nothing_the_database_refuses():
    agent = "a\0b" + "é" * 400 + "\ud800"

    found = origin_of(REQUESTS.get("/", headers={"user-agent": agent})).user_agent

    assert found == "ab" + "é" * (LONGEST_USER_AGENT - 2)
