"""Ticks of campaigns."""

from celery import shared_task

from campaigns import services
from community_ops.common import clock
from community_ops.common.pulses import watched


# an occurrence of 2,000 groups takes about a second; 200 of them would be an outage being made good
@shared_task(name="campaigns.tasks.plan_due")
@watched("plan_due")
def plan_due(limit: int = 200) -> None:
    """Make deliveries that are missing, and give new workspaces the built-in playbooks. Safe at any time and twice."""
    now = clock.now()
    services.ensure_built_in_everywhere(now=now)
    services.plan_due(now=now, limit=limit)
