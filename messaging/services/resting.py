"""What an answer means for the account's other calls: waiting where the pace was wrong, rest where its key is refused.

A fan-out over an account whose key was taken back would make thousands of calls that cannot succeed; Discord closes its
door to the whole address for that. After five such answers in a row the account is left alone for ten minutes, then for
twice as long after each further one, until a call is accepted or its settings are changed. What waits loses nothing.
"""

from datetime import datetime

from messaging.models import Endpoint, LimitScope, SendBudget
from messaging.platforms.base import Outcome, Result, Scope
from messaging.policies import KEY_REFUSALS, KEY_REFUSALS_WITHIN, KEY_REFUSED, rest_after
from messaging.services import limits


def is_heeded(endpoint: Endpoint | None, result: Result) -> bool:
    """Whether the answer changes anything for other calls. No query but what is remembered for a second."""
    if endpoint is None:
        return False
    says = result.is_too_fast or result.pause_seconds is not None or result.refuses_key
    return says or (result.outcome is Outcome.ACCEPTED and _is_suspected(endpoint))


def heed(endpoint: Endpoint, result: Result, *, db_now: datetime, now: datetime) -> None:
    """Let the account's other calls wait, rest, or go on again, as this answer says. Inside a transaction."""
    if result.is_too_fast or result.pause_seconds is not None:
        limits.cool_down(endpoint, result, db_now=db_now)
    if result.refuses_key:
        _count(endpoint, db_now)
    elif result.outcome is Outcome.ACCEPTED and _is_suspected(endpoint):
        lift(workspace_id=endpoint.workspace_id, identity_id=endpoint.connection.identity_id, now=now)


def lift(*, workspace_id: int, identity_id: int, now: datetime) -> None:
    """The account's key works, or its settings were changed: the count begins anew, and what waited is tried soon.

    Inside a transaction. Twice is once.
    """
    budget = SendBudget.objects.of(workspace_id).filter(scope=LimitScope.CONNECTION, scope_id=identity_id)
    anew = {"refused_count": 0, "refused_at": None}
    if budget.filter(refused_count__gte=KEY_REFUSALS).update(**anew, cooldown_until=None):
        limits.dissolve_line(workspace_id, (LimitScope.CONNECTION.value, identity_id), now=now)
    else:
        budget.filter(refused_count__gt=0).update(**anew)
    limits.forget()


def why_waiting(endpoint: Endpoint | None) -> str:
    """Reason of a row of this endpoint that found no slot."""
    if endpoint is None:
        return limits.IN_LINE
    is_resting = endpoint.connection.identity_id in limits.BOOK.of(endpoint.workspace_id).resting
    return KEY_REFUSED if is_resting else limits.IN_LINE


def _is_suspected(endpoint: Endpoint) -> bool:
    return endpoint.connection.identity_id in limits.BOOK.of(endpoint.workspace_id).suspected


def _count(endpoint: Endpoint, db_now: datetime) -> None:
    """One more refusal of the key; those whose calls were under way when the rest began are not counted."""
    budget = limits.budget_of(endpoint, Scope.CONNECTION, lock=True)
    has_rest = budget.refused_count >= KEY_REFUSALS
    if has_rest and budget.cooldown_until is not None and budget.cooldown_until > db_now:
        return
    is_in_a_row = budget.refused_at is not None and db_now - budget.refused_at <= KEY_REFUSALS_WITHIN
    count = budget.refused_count + 1 if has_rest or is_in_a_row else 1
    facts = {"refused_count": min(count, KEY_REFUSALS + 100), "refused_at": db_now}
    if count >= KEY_REFUSALS:
        facts["cooldown_until"] = db_now + rest_after(count)
    SendBudget.objects.filter(pk=budget.pk).update(**facts)
    limits.forget()
