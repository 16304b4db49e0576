"""Channels that do not work at present, by what became of the last message or test; accounts that are left alone."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, Q, QuerySet

from community_ops.common import dbtime
from community_ops.common.actors import Actor
from community_ops.common.models import AuditEntry
from community_ops.common.templatetags.reason_words import reason_words
from messaging.answer_wording import answer_words
from messaging.models import Delivery, DeliveryState, Endpoint, LimitScope, SendBudget
from messaging.platforms.base import Outcome
from messaging.policies import KEY_REFUSALS, PARKED, end_of
from messaging.showing import joined
from messaging.wording import outcome_of_test, rest_words

ENDS = ("refused", *PARKED)  # for good, by what the platform said

_ENDS = [end_of(DeliveryState.FAILED, why, may_have_arrived=doubt) for why in ENDS for doubt in (False, True)]
_FAILED_FOR_GOOD = Q(*(Q(state=state, reason=reason) for state, reason in _ENDS), _connector=Q.OR)
# A 500, a connection cut off, a refusal that may pass. "Too fast" is none: then the pace was wrong, not the channel.
_IN_VAIN = Q(state=DeliveryState.UNKNOWN, reason="no_answer") | Q(
    state=DeliveryState.PLANNED, reason="retrying", too_fast_since__isnull=True
)
_IN_VAIN_TESTS = (Outcome.REFUSED, Outcome.RETRY, Outcome.IN_DOUBT)


def failing_endpoints(*, workspace_id: int, endpoint_ids: Collection[int], with_doubts: bool = False) -> dict[int, str]:
    """Channels that failed for good the last time, each with the platform's words: endpoint id to sentence.

    So is one whose account is left alone because the platform refused its key several times in a row.
    Failed for good is a message or test the platform refused, or a message given up after its last try. What was
    accepted since, a test too, ends it; a try that may still pass says nothing, unless `with_doubts` asks for it: then
    one that ended in doubt or is tried again counts as well. At most five queries.
    """
    how = _FAILED_FOR_GOOD | _IN_VAIN if with_doubts else _FAILED_FOR_GOOD
    telling = _IN_VAIN_TESTS if with_doubts else (Outcome.REFUSED,)
    settled = [*_failures_of(workspace_id, endpoint_ids, how), *_tests_of(workspace_id, endpoint_ids, telling)]
    suspects = {settling.endpoint_id for settling in settled if settling.failure}
    accepted = Delivery.objects.of(workspace_id).filter(endpoint_id__in=suspects, accepted_at__isnull=False)
    latest = accepted.order_by().values_list("endpoint_id").annotate(at=Max("accepted_at"))
    settled += [_Settling(endpoint_id, at) for endpoint_id, at in latest if at is not None]
    last = {settling.endpoint_id: settling for settling in sorted(settled, key=lambda settling: settling.at)}
    failing = {pk: settling.failure for pk, settling in last.items() if settling.failure}
    return failing | {pk: joined(rest_words(), failing.get(pk, "")) for pk in _resting(workspace_id, endpoint_ids)}


@dataclass(frozen=True, slots=True)
class RestingAccount:
    """An account that is left alone because its key was refused several times in a row, the last time at
    `refused_at`. `endpoint_id`: the first of its live channels, on whose page the key is entered."""

    connection_id: int
    name: str
    endpoint_id: int
    refused_at: datetime


def resting_accounts(actor: Actor, *, now: datetime) -> list[RestingAccount]:
    """Those of the actor's workspace, until a call is accepted or the settings are changed; the longest refused first.

    Accounts without a live channel are none: nothing goes out through them. At most two queries, and one for the
    database's time.
    """
    refused = dict(_refused(actor.workspace_id or 0).values_list("scope_id", "refused_at"))
    if not refused:
        return []
    behind, live = now - dbtime.now(), Endpoint.objects.of(actor.workspace_id or 0).filter(archived_at__isnull=True)
    rows = live.filter(connection__identity__in=refused).order_by("-pk")
    found = {
        connection_id: RestingAccount(connection_id, name, pk, (refused[identity_id] or now - behind) + behind)
        for identity_id, connection_id, name, pk in rows.values_list(
            "connection__identity", "connection_id", "connection__name", "pk"
        )
    }
    return sorted(found.values(), key=lambda one: (one.refused_at, one.connection_id))


def _refused(workspace_id: int) -> QuerySet[SendBudget]:
    """What is counted of accounts that are left alone."""
    return SendBudget.objects.of(workspace_id).filter(scope=LimitScope.CONNECTION, refused_count__gte=KEY_REFUSALS)


def _resting(workspace_id: int, endpoint_ids: Collection[int]) -> list[int]:
    """Channels of accounts that are left alone. One query."""
    refused = _refused(workspace_id)
    rows = Endpoint.objects.of(workspace_id).filter(
        pk__in=endpoint_ids, connection__identity__in=refused.values("scope_id")
    )
    return list(rows.values_list("pk", flat=True))


@dataclass(frozen=True, slots=True)
class _Settling:
    """When a channel's message or test came to an end; `failure` in words, empty when it was accepted."""

    endpoint_id: int
    at: datetime
    failure: str = ""


def _failures_of(workspace_id: int, endpoint_ids: Collection[int], how: Q) -> Iterator[_Settling]:
    """Each channel's newest call of those that failed so."""
    rows = Delivery.objects.of(workspace_id).filter(endpoint_id__in=endpoint_ids, sending_at__isnull=False)
    failed = rows.filter(how).order_by()
    newest = dict(failed.values_list("endpoint_id").annotate(at=Max("sending_at")))
    found = failed.filter(endpoint_id__in=newest, sending_at__in=set(newest.values()))
    for row in found.only("endpoint_id", "sending_at", "platform_code", "platform_text", "reason"):
        if row.endpoint_id is not None and row.sending_at is not None:
            why = answer_words(row.platform_code, row.platform_text) or reason_words(row.reason)
            yield _Settling(row.endpoint_id, row.sending_at, why)


def _tests_of(workspace_id: int, endpoint_ids: Collection[int], telling: Collection[Outcome]) -> Iterator[_Settling]:
    """The channels' tests that were accepted, and those that failed in a way that is telling."""
    rows = AuditEntry.objects.filter(
        workspace_id=workspace_id, target_kind="messaging.endpoint", verb="endpoint.tested"
    )
    for entry in rows.filter(target_id__in=[str(pk) for pk in endpoint_ids]).order_by("id"):
        outcome, code, text = (entry.after[name] for name in ("outcome", "code", "text"))
        if outcome == Outcome.ACCEPTED or outcome in telling:
            failure = outcome_of_test(outcome, code, text)[0] if outcome != Outcome.ACCEPTED else ""
            yield _Settling(int(entry.target_id), entry.at, failure)
