"""kill -9 of the web process while a test message is on its way: its chat is not blocked by it."""

import datetime as dt
import os
import signal
import threading
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

from benchmarks.receiver import receiving
from benchmarks.running import Running, announce, bin_run, make_groups, wait_until

RECEIVER_DELAY_SECONDS = 3.0  # long enough to die meanwhile, short enough to be an answer


def test_what_follows_a_test_message_goes_out_when_the_web_process_died_of_it(embedded_data: Path) -> None:
    with (
        receiving(RECEIVER_DELAY_SECONDS) as receiver,
        bin_run(embedded_data, DATABASE_URL="", REDIS_URL="") as running,
    ):
        groups = make_groups(running, receiver.url, 1)
        endpoint = running.call("endpoints/")["results"][0]["id"]
        running.call(f"endpoints/{endpoint}/limits/", {"scope": "endpoint", "seconds": 1, "count": 1})
        caller = threading.Thread(target=send_test, args=(running, endpoint))
        caller.start()
        assert wait_until(lambda: receiver.count() == 1, 10)

        os.kill(running.pid_of("web"), signal.SIGKILL)

        caller.join()
        announcement = announce(running, groups, dt.datetime.now(tz=dt.UTC))
        deliveries = f"deliveries/?announcement={announcement}"
        assert wait_until(lambda: states(running, deliveries) == ["accepted"], 60), states(running, deliveries)
        assert receiver.count() == 2


def send_test(running: Running, endpoint: int) -> None:
    """Its connection breaks with the process that answers it."""
    with suppress(OSError, HTTPException):
        running.call(f"endpoints/{endpoint}/test/", {})


def states(running: Running, deliveries: str) -> list[str]:
    return [row["state"] for row in running.everything(deliveries)]
