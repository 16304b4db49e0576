"""What may be forgotten, and when."""

from datetime import datetime, timedelta

from community_ops.common import assets, outbox
from community_ops.common.models import IdempotencyRecord

KEEP_IDEMPOTENCY = timedelta(hours=24)


def tidy(*, now: datetime) -> dict[str, int]:
    """Delete what is past its keeping time; returns how many rows of each kind went."""
    old_keys, _ = IdempotencyRecord.objects.filter(created_at__lt=now - KEEP_IDEMPOTENCY).delete()
    files = assets.delete_expired(now=now)
    return {"events": outbox.prune(now=now), "idempotency_records": old_keys, "files": files}
