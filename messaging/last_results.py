"""What became of the last thing that went through each channel: a message or a test."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, OuterRef, Subquery
from django.utils.translation import gettext as _

from community_ops.common.models import AuditEntry
from community_ops.common.templatetags.state_words import StateWords
from messaging.models import Delivery, Endpoint
from messaging.platforms.base import Outcome
from messaging.wording import badge_words, outcome_of_test

LOOKED_AT = 50  # of a channel's newest messages that were called: planned ahead is not called last


@dataclass(frozen=True, slots=True)
class LastResult:
    """When a channel was called last and how that stands now. `delivery_id`: none of a test message."""

    endpoint_id: int
    at: datetime
    badge: StateWords
    delivery_id: int | None = None


def last_results(*, workspace_id: int, endpoint_ids: Collection[int], now: datetime) -> dict[int, LastResult]:
    """By endpoint id; a channel through which nothing was tried yet has none. Two queries."""
    found = [
        *_of_messages(workspace_id, endpoint_ids, now),
        *_of_tests(workspace_id, endpoint_ids),
    ]
    return {one.endpoint_id: one for one in sorted(found, key=lambda one: one.at)}


def _of_messages(workspace_id: int, endpoint_ids: Collection[int], now: datetime) -> Iterator[LastResult]:
    called = Delivery.objects.filter(sending_at__isnull=False)
    newest = called.filter(endpoint=OuterRef(OuterRef("pk"))).order_by("-id").values("pk")[:LOOKED_AT]
    last = called.filter(pk__in=Subquery(newest)).order_by("-sending_at", "-id").values("pk")[:1]
    channels = Endpoint.objects.of(workspace_id).filter(pk__in=endpoint_ids)
    ids = channels.annotate(last=Subquery(last)).filter(last__isnull=False).values("last")
    for row in Delivery.objects.filter(pk__in=ids).select_related("endpoint__connection", "message"):
        if row.endpoint_id is not None and row.sending_at is not None:
            yield LastResult(row.endpoint_id, row.sending_at, badge_words(row, now=now), row.pk)


def _of_tests(workspace_id: int, endpoint_ids: Collection[int]) -> Iterator[LastResult]:
    rows = AuditEntry.objects.filter(
        workspace_id=workspace_id, target_kind="messaging.endpoint", verb="endpoint.tested"
    )
    mine = rows.filter(target_id__in=[str(pk) for pk in endpoint_ids]).order_by()
    last = mine.values("target_id").annotate(last=Max("pk")).values("last")
    for entry in rows.filter(pk__in=last):
        facts = [entry.after[name] for name in ("outcome", "code", "text")]
        words, tone = outcome_of_test(*facts)
        yield LastResult(int(entry.target_id), entry.at, StateWords(_test_badge(facts[0]), tone, words))


def _test_badge(outcome: str) -> str:
    """What came of a test message, for a badge."""
    return {
        Outcome.ACCEPTED: _("Test accepted"),
        Outcome.REFUSED: _("Test refused"),
        Outcome.RETRY: _("Test not sent"),
        Outcome.IN_DOUBT: _("Test in doubt"),
    }[Outcome(outcome)]
