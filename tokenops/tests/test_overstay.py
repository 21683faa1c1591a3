from types import SimpleNamespace

from tokenops.overstay import Running


def running(clock):
    return Running(now=lambda: clock[0])


def task(name):
    return SimpleNamespace(name=name)


def test_a_task_overstays_once_it_runs_longer_than_its_limit():
    clock = [1000.0]
    tasks = running(clock)
    tasks.begin("a", task("reports.render"))

    clock[0] = 1090.0
    at_the_limit = tasks.longer_than(90)
    clock[0] = 1090.1

    assert (at_the_limit, tasks.longer_than(90)) == ([], ["reports.render"])


def test_a_task_that_ended_does_not_overstay():
    clock = [0.0]
    tasks = running(clock)
    tasks.begin("a", task("reports.render"))
    tasks.begin("b", task("alerts.deliver"))

    tasks.end("a", retval=None, state="SUCCESS")
    clock[0] = 100.0

    assert tasks.longer_than(90) == ["alerts.deliver"]


def test_an_end_without_a_beginning_is_ignored():
    tasks = running([0.0])

    tasks.end("never begun")

    assert tasks.longer_than(0) == []
