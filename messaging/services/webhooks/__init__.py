"""Outgoing webhooks: subscriptions, their calls, and the worker that makes them."""

from messaging.services.webhooks.calling import call_due, run_calls
from messaging.services.webhooks.calls import prune_calls, redeliver, send_test
from messaging.services.webhooks.subscriptions import (
    archive_subscription,
    create_subscription,
    rotate_secret,
    switch_off,
    switch_on,
    update_subscription,
)

__all__ = [
    "archive_subscription",
    "call_due",
    "create_subscription",
    "prune_calls",
    "redeliver",
    "rotate_secret",
    "run_calls",
    "send_test",
    "switch_off",
    "switch_on",
    "update_subscription",
]
