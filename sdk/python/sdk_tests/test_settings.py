"""What the SDK is told, and what it makes of nonsense: the host's program runs on."""

import logging
from dataclasses import replace

import pytest

from sdk_tests.test_reporting import report
from tokenops_sdk import Settings, configure, track
from tokenops_sdk import client as clients
from tokenops_sdk.config import checked, from_environment
from tokenops_sdk.transport import HttpTransport


@pytest.fixture
def no_client(monkeypatch):
    monkeypatch.setattr(clients, "_default", None)
    for name in ("TOKENOPS_API_KEY", "TOKENOPS_URL", "AWS_LAMBDA_FUNCTION_NAME"):
        monkeypatch.delenv(name, raising=False)


def test_every_setting_can_come_from_the_environment():
    given = {
        "API_KEY": " tko_x\n",
        "URL": "https://tokenops.example",
        "SAMPLE_RATE": "0.25",
        "QUEUE_SIZE": "50",
        "HASH_PROMPTS": "no",
        "GATEWAY_URLS": "https://a.example, https://b.example",
        "SPOOL_DIR": "/var/spool/x",
    }

    found = from_environment({f"TOKENOPS_{name}": value for name, value in given.items()})

    assert found == Settings(
        api_key="tko_x",
        url="https://tokenops.example",
        sample_rate=0.25,
        queue_size=50,
        hash_prompts=False,
        gateway_urls=("https://a.example", "https://b.example"),
        spool_dir="/var/spool/x",
    )


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("SAMPLE_RATE", "often", "must be a number"),
        ("SAMPLE_RATE", "nan", "must be from 0 to 1"),
        ("QUEUE_SIZE", "0", "must be from 1 to 1e+06"),
        ("DISABLED", "perhaps", "must be 1 or 0"),
        ("URL", "tokenops.example", "url must begin with http:// or https://"),
        ("API_KEY", "tko_x\nX-Other: 1", "api_key must be one line of ASCII"),
    ],
)
def test_nonsense_in_the_environment_is_said_once_and_not_repeated(caplog, name, value, reason):
    assert from_environment({f"TOKENOPS_{name}": value}) == Settings()

    (message,) = caplog.messages
    assert message == f"TOKENOPS_{name} cannot be used: {reason}. The default is used."


def test_on_lambda_reporting_is_per_invocation_unless_it_is_said_otherwise():
    assert from_environment({"AWS_LAMBDA_FUNCTION_NAME": "f"}).serverless is True
    assert from_environment({"AWS_LAMBDA_FUNCTION_NAME": "f", "TOKENOPS_SERVERLESS": "0"}).serverless is False


@pytest.mark.parametrize("changes", [{"sample_rate": 2}, {"url": "x"}, {"api_key": "ä"}, {"batch_size": 0}])
def test_nonsense_in_code_is_an_error_where_it_is_written(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        checked(replace(Settings(), **changes))


def test_an_unknown_setting_is_an_error(no_client):
    with pytest.raises(TypeError, match="api_kee"):
        configure(api_kee="x")


def test_arguments_win_over_the_environment_and_white_space_is_no_part_of_a_key(no_client, monkeypatch):
    monkeypatch.setenv("TOKENOPS_API_KEY", "tko_environment")
    monkeypatch.setenv("TOKENOPS_PROJECT", "web")

    made = configure(api_key="tko_code\n")

    assert (made.settings.api_key, made.settings.project) == ("tko_code", "web")
    assert clients.default() is made


def test_without_a_key_there_is_one_line(no_client, caplog):
    for _ in range(3):
        report(clients.default())

    assert caplog.messages == ["TOKENOPS_API_KEY is not set: LLM calls are not reported to TokenOps."]
    assert clients.default().flush()


def test_another_configuration_reports_what_was_waiting_and_late_calls_too(no_client, server):
    first = configure(api_key="tko_a", url=server.url, flush_seconds=3600)
    report(first)
    configure(api_key="tko_b", url=server.url, flush_seconds=3600)
    assert [headers["ts-api-key"] for headers, _ in server.requests] == ["tko_a"]

    report(first)  # a call that was under way
    assert first.flush(20)

    assert len(server.events) == 2
    first.close()
    clients.default().close()


def test_sampling_leaves_out_and_counts(new_client, server, monkeypatch):
    chances = iter([0.1, 0.9, 0.24, 0.25])
    monkeypatch.setattr(clients.random, "random", lambda: next(chances))
    client = new_client(sample_rate=0.25)

    report(client, 4)
    assert client.flush(20)

    assert len(server.events) == 2
    assert (client.stats().recorded, client.stats().not_sampled) == (2, 2)


def test_a_hook_that_fails_sends_nothing_because_it_may_be_what_removes_secrets(new_client, server, caplog):
    def before_send(event):
        raise KeyError("SECRET")

    client = new_client(before_send=before_send)
    with caplog.at_level(logging.DEBUG, logger="tokenops_sdk"):
        report(client)
        assert client.flush(20)

    assert server.events == []
    assert (client.stats().dropped_by_before_send, client.stats().errors) == (1, 1)
    assert "SECRET" not in caplog.text


@pytest.mark.parametrize("addition", [{"x": object()}, {"x": float("nan")}])
def test_an_event_that_is_no_json_costs_only_itself(new_client, server, addition):
    client = new_client(before_send=lambda event: event | addition if event["endpoint_name"] == "bad" else event)

    for feature in ("good", "bad", "fine"):
        with track(feature=feature):
            report(client)
    assert client.flush(20)

    assert [event["endpoint_name"] for event in server.events] == ["good", "fine"]
    assert (client.stats().dropped_unserialisable, client.stats().accepted) == (1, 2)


def test_a_hook_cannot_take_the_identity_that_protects_from_doubles(new_client, server):
    client = new_client(before_send=lambda event: {"model": event["model"]})

    report(client)
    assert client.flush(20)

    assert set(server.events[0]) == {"model", "id", "timestamp"}


class Unwilling:
    def __str__(self):
        raise RuntimeError("SECRET")


def test_attribution_that_is_no_text_or_too_long_costs_no_call(new_client, server):
    client = new_client()
    tags = {"good": 1, "bad": Unwilling(), Unwilling(): "x", "long" * 50: "v" * 500} | {f"n{n}": n for n in range(30)}

    with track(feature="f" * 500, user_id=0, team=Unwilling(), session_id="s" * 500, tags=tags):
        report(client)
    assert client.flush(20)

    (event,) = server.events
    assert (event["endpoint_name"], event["user_id"], len(event["session_id"])) == ("f" * 100, "0", 255)
    assert "team" not in event
    assert len(event["tags"]) == 20
    assert (event["tags"]["good"], event["tags"][("long" * 50)[:50]]) == ("1", "v" * 200)
    assert "bad" not in event["tags"]


class BackwardClock:
    """A wall clock that is set back an hour during every call; the steady clock goes on."""

    def __init__(self):
        self.wall, self.steady = 1_700_000_000_000_000_000, 0

    def wall_ns(self):
        self.wall -= 3_600_000_000_000
        return self.wall

    def steady_ns(self):
        self.steady += 5_000_000
        return self.steady


def test_a_clock_that_goes_backwards_makes_no_negative_times(server):
    client = clients.Client(Settings(api_key="tko_x", url=server.url, flush_seconds=3600), clock=BackwardClock())

    report(client, 2)
    assert client.flush(20)
    client.close()

    assert [event["latency_ms"] for event in server.events] == [5, 5]
    first, second = (event["timestamp"] for event in server.events)
    assert first - second == 3_600_000
    assert len({event["id"] for event in server.events}) == 2


def test_a_server_that_hangs_is_given_up_and_tried_again(new_client, server):
    client = new_client(timeout_seconds=0.1)
    server.holds = True
    report(client)
    assert client.flush(0) is False
    server.wait_for(1)
    server.release()

    assert client.flush(30)

    assert len({event["id"] for event in server.events}) == 1
    assert (client.stats().accepted, client.stats().dropped) == (1, 0)


def test_a_request_asks_for_the_time_it_may_take():
    transport = HttpTransport(Settings(api_key="x", timeout_seconds=3))

    assert transport._client.timeout.read == 3


def test_an_internal_failure_costs_a_batch_and_not_the_thread(caplog, server):
    class Broken:
        def __init__(self, _):
            raise RuntimeError("SECRET")

    client = clients.Client(Settings(api_key="x", flush_seconds=3600), connect=Broken)
    for _ in range(2):
        report(client)
        assert client.flush(20)

    assert (client.stats().dropped_internal, client.stats().errors) == (2, 2)
    assert "SECRET" not in caplog.text
    assert len([message for message in caplog.messages if "failed" in message]) == 1
