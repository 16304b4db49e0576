"""What a worker does when it has started."""

import gc

from celery.signals import worker_ready


def test_what_was_loaded_by_then_is_left_out_by_the_garbage_collector() -> None:
    before = gc.get_freeze_count()
    try:
        worker_ready.send(sender=None)
        assert gc.get_freeze_count() > before + 10_000
    finally:
        gc.unfreeze()
