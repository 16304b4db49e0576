"""One more process that sends, for `benchmarks/limits.py`: asks as the tick does, until it is killed."""

import threading
import time

from messaging import services


def keep_sending(worker: str) -> None:
    """Run what is due, twice a second; never returns."""
    never = threading.Event()
    while True:
        services.run_deliveries(worker=worker, stopping=never)
        time.sleep(0.5)
