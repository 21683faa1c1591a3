"""How programs end, and fork: what was recorded arrives, once, and the end never takes long."""

import pytest

from sdk_tests.providers import fake_providers
from sdk_tests.scripts import run


def features(server):
    return sorted(event["endpoint_name"] for event in server.events)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("pass", 0),
        ("sys.exit(3)", 3),
        ("raise RuntimeError('SECRET of the host')", 1),
        ("threading.Thread(target=threading.Event().wait, daemon=True).start()", 0),
        ("thread = threading.Thread(target=call, args=('late',)); thread.start()", 0),
    ],
)
def test_what_is_waiting_is_reported_when_the_program_ends(server, end, code):
    done = run(f"call()\n{end}", server.url)

    assert done.returncode == code, done.stderr
    assert features(server) == (["late", "script"] if "late" in end else ["script"])


def test_a_call_during_the_interpreters_end_is_reported_by_it(server):
    """No thread can be started any more then; the program's own end was registered before ours."""
    done = run("import atexit\natexit.register(call, 'at exit')", server.url)

    assert (done.returncode, done.stderr) == (0, "")
    assert features(server) == ["at exit"]


def test_a_program_that_is_cut_off_loses_what_was_not_sent(server):
    done = run("call()\nos._exit(7)", server.url)

    assert (done.returncode, server.events) == (7, [])


def test_an_unreachable_server_does_not_hold_up_the_end(server):
    done = run("call(); call()", "http://127.0.0.1:1", shutdown_seconds=0.2)

    assert done.returncode == 0
    assert "2 events could not be reported to TokenOps before the end." in done.stderr
    assert "SECRET" not in done.stderr


def test_a_server_that_asks_to_wait_for_an_hour_does_not_hold_up_the_end(server):
    server.will(503, {}, Retry_After="3600")

    done = run("call()\nsdk.flush()\ncall()", server.url, shutdown_seconds=30)

    assert done.returncode == 0
    assert "2 events could not be reported" in done.stderr
    assert len(server.requests) == 1


def test_a_forked_child_reports_its_own_calls_and_not_its_parents(server):
    done = run(
        """
        call("parent before")
        child = os.fork()
        if not child:
            call("child")
            assert sdk.stats().recorded == 1
            sys.exit(0)
        os.waitpid(child, 0)
        call("parent after")
        """,
        server.url,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert features(server) == ["child", "parent after", "parent before"]
    assert len({event["id"] for event in server.events}) == 3


def test_a_child_forked_while_the_parent_is_sending_sends_none_of_it(server):
    """The parent's thread is in the middle of a request that is answered with "try again"."""
    server.will(503, {}, Retry_After="0")

    done = run(
        """
        call("parent")
        thread = threading.Thread(target=sdk.flush); thread.start()
        while not sdk.stats().retries: pass
        child = os.fork()
        if not child:
            assert sdk.flush() and sdk.stats().waiting == 0
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        thread.join()
        """,
        server.url,
    )

    assert done.returncode == 0, done.stderr
    assert {event["id"] for event in server.events} == {server.events[0]["id"]}


@pytest.mark.parametrize("library", ["multiprocessing", "billiard"])
def test_processes_of_pools_report_although_they_end_without_the_interpreters_end(server, library):
    """``billiard`` is what Celery's prefork pool is made of."""
    done = run(
        f"""
        import {library} as library
        context = library.get_context("fork")
        call("parent")
        children = [context.Process(target=call, args=(f"child {{n}}",)) for n in range(2)]
        for child in children: child.start()
        for child in children: child.join()
        assert [child.exitcode for child in children] == [0, 0]
        """,
        server.url,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert features(server) == ["child 0", "child 1", "parent"]


def test_workers_of_a_preforking_server_each_report_their_own(server):
    """As gunicorn with ``preload``: the client exists before the fork, workers handle requests and end by a signal."""
    done = run(
        """
        import signal
        client = clients.default()
        call("master")
        workers, ready = [], []
        for number in range(2):
            reading, writing = os.pipe()
            worker = os.fork()
            if not worker:
                signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
                call(f"worker {number}")
                os.write(writing, b"1")
                while True: signal.pause()
            workers.append(worker); ready.append(reading)
        for reading in ready: os.read(reading, 1)
        for worker in workers: os.kill(worker, signal.SIGTERM)
        for worker in workers: assert os.waitpid(worker, 0)[1] == 0
        """,
        server.url,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert features(server) == ["master", "worker 0", "worker 1"]


def test_without_a_key_there_is_one_line_and_the_program_runs(server):
    done = run("call(); call(); print('ran')", server.url, api_key="")

    assert done.stdout == "ran\n"
    assert done.stderr == "TOKENOPS_API_KEY is not set: LLM calls are not reported to TokenOps.\n"
    assert server.requests == []


def test_disabled_is_silent(server):
    done = run("call(); print('ran')", server.url, api_key="", disabled=1)

    assert (done.stdout, done.stderr, server.requests) == ("ran\n", "", [])


def test_a_stream_that_was_left_open_is_reported_at_the_end(server):
    """It is alive until then. (Never begun: Python itself may crash with a generator that an end finds half-way.)"""
    with fake_providers() as providers:
        done = run(
            f"""
            import openai
            sdk.instrument()
            client = openai.OpenAI(api_key="x", base_url="{providers.url}/v1")
            asked = {{"model": "gpt-4o", "messages": [{{"role": "user", "content": "SECRET"}}], "stream": True}}
            stream = client.chat.completions.create(**asked)
            """,
            server.url,
        )

    assert (done.returncode, done.stderr) == (0, "")
    (event,) = server.events
    assert event["usage_estimated"] is True
    assert event["input_tokens"] > 0
