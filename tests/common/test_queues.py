"""Who may stand behind whom: every queue has a worker, and nothing long shares one with what is done in a moment."""

import importlib.util
import sys
from types import ModuleType

import pytest
from celery import Task
from django.conf import settings

from community_ops.celery import app
from tests.commands.instance import ROOT

WATCHDOGS = {
    "messaging.tasks.reap_stuck",
    "messaging.tasks.tell_assignees",
    "messaging.tasks.read_inbound",
    "common.tasks.drain_outbox",
    "common.tasks.beat_heart",
}
MAY_KEEP_A_THREAD = {  # for many seconds, each no more than one of a process: a lock in its module
    "messaging.tasks.deliver_due",
    "messaging.tasks.call_webhooks",
    "messaging.tasks.poll_chats",
    "members.tasks.run_imports",
}


@pytest.fixture(scope="module")
def tasks() -> dict[str, Task]:
    """All of ours, by name."""
    app.loader.import_default_modules()
    return {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}


@pytest.fixture
def run(monkeypatch) -> ModuleType:
    """bin/_run.py."""
    monkeypatch.syspath_prepend(str(ROOT / "bin"))
    spec = importlib.util.spec_from_file_location("bin_run_module", ROOT / "bin" / "_run.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def queue_of(name: str) -> str:
    """Where Celery puts it, with the routes of the settings."""
    return app.amqp.router.route({}, name)["queue"].name


def is_long(task: Task) -> bool:
    return max(task.time_limit or 0, task.soft_time_limit or 0) > settings.CELERY_TASK_TIME_LIMIT


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def queues_of(command: list[str]) -> set[str]:
    return set(option(command, "--queues").split(","))


def test_what_may_take_long_shares_no_queue_with_anything_else(tasks) -> None:
    long = {queue_of(name) for name, task in tasks.items() if is_long(task)}
    others = {queue_of(name) for name, task in tasks.items() if not is_long(task)}

    assert long == {"imports"}
    assert not long & others
    assert {queue_of(name) for name in WATCHDOGS & tasks.keys()} == {"default"}
    assert tasks.keys() >= WATCHDOGS


def test_a_long_task_has_a_worker_that_serves_nothing_else(run, tasks) -> None:
    served = [queues_of(command) for command in run.redis_worker_commands().values()]

    assert sorted(queue for queues in served for queue in queues) == sorted({queue_of(name) for name in tasks})
    assert {"imports"} in served


def test_what_waits_on_other_peoples_servers_keeps_nothing_of_a_moment_waiting(run, tasks) -> None:
    (delivery,) = [command for command in run.redis_worker_commands().values() if queues_of(command) == {"delivery"}]
    waits = {name for name in MAY_KEEP_A_THREAD if queue_of(name) == "delivery"}

    assert {queue_of(name) for name in MAY_KEEP_A_THREAD} == {"delivery", "imports"}
    assert int(option(delivery, "--concurrency")) > len(waits) == 3


def test_the_one_worker_without_redis_has_threads_left_when_every_long_job_runs(run, tasks) -> None:
    (command,) = run.embedded_worker_commands().values()

    assert queues_of(command) == {queue_of(name) for name in tasks}
    assert tasks.keys() >= MAY_KEEP_A_THREAD >= {name for name, task in tasks.items() if is_long(task)}
    assert int(option(command, "--concurrency")) >= len(MAY_KEEP_A_THREAD) + 2


def test_every_tick_is_a_task_that_is_there(tasks) -> None:
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= tasks.keys()
