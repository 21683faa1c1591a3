from django.core.checks import Error, Info

from tokenops import checks


def test_the_default_set_stays_under_fifty_connections_and_says_so():
    (message,) = checks.check_connections()

    assert isinstance(message, Info)
    assert message.msg == "The processes open at most 33 database connections."


def test_another_broker_needs_no_connections(settings):
    settings.CELERY_BROKER_URL = "redis://127.0.0.1"

    assert checks.planned_connections() == 24


def test_too_many_threads_are_an_error(settings):
    settings.WEB_THREADS = 40

    (message,) = checks.check_connections()

    assert isinstance(message, Error)
    assert message.id == "tokenops.E010"
    assert "WEB_THREADS=40" in message.hint


def test_a_cache_of_one_process_is_refused_on_deploy(settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

    assert [message.id for message in checks.check_shared_cache()] == ["tokenops.E011"]


def test_the_default_cache_is_shared():
    assert checks.check_shared_cache() == []
