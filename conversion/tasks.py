"""Ticks of conversion. Whether something is open or over never depends on them: it is computed from the times."""

from celery import shared_task

from community_ops.common import clock
from community_ops.common.pulses import watched
from conversion import services


# up to 2,000 orders x about 5 ms stays under the 90 s soft limit
@shared_task(name="conversion.tasks.expire_due_orders")
@watched("expire_orders")
def expire_due_orders() -> None:
    """Close orders whose time to pay is over and give their stock back. Every second; two at once share the rows."""
    services.expire_due_orders(now=clock.now())


@shared_task(name="conversion.tasks.watch_sales")
@watched("sale_moments")
def watch_sales() -> None:
    """Tell ladders that half is sold or all is. On nudge and every second; each condition is told once."""
    services.tell_conditions(now=clock.now())
