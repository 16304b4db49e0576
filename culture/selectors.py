"""Reads of culture. Every figure says its numerator, denominator, window, zone, and what zero means."""

from datetime import datetime

from community_ops.common.actors import Actor
from retention.selectors import answered_counts


def answered_rate(actor: Actor, *, since: datetime, until: datetime) -> float | None:
    """Share (0–1) of members' messages that another member answered within 24 h, in the groups the actor sees.

    Answered: another author writes in the same group at most 24 h after it. Denominator: all messages of
    members on the days after that of `since`, up to that of `until`, in each group's zone. A message
    counts as not answered until it is. None when there was no message: nothing measured is not zero.
    """
    answered, messages = answered_counts(actor, since=since, until=until)
    return answered / messages if messages else None
