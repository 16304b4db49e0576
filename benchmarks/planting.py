"""Groups with webhooks and announcements for them, made inside the product: quicker than REST where many are wanted.

Run by `running.inside`, in a process of its own with the installation's settings; each prints one line of JSON.
"""

import datetime as dt
import json
import time
from collections.abc import Sequence

from django.db import connection
from django.db.models.options import Options

from campaigns.services import AnnouncementDraft, create_announcement, schedule_announcement
from community_ops.accounts.models import Workspace
from community_ops.common import clock
from community_ops.common.actors import Actor
from groups.models import ChatGroup
from groups.services import create_community, create_group
from messaging.models import Delivery, OutboundMessage
from messaging.services import PlannedSend, create_endpoint, plan_deliveries, run_deliveries, set_limit

ACTOR = Actor.system("benchmarks")


def groups(url: str, count: int, limit: Sequence[int] = ()) -> None:
    """`count` groups, each with a signed webhook of its own at `url`/<number>; prints the ids of the groups.

    `limit`: (count, seconds) that the operator allows each webhook.
    """
    workspace, now = Workspace.objects.get(slug="main"), clock.now()
    facts = {"shared_task": "measure", "kind": "product", "timezone": "Asia/Shanghai", "actor": ACTOR, "now": now}
    community = create_community(workspace_id=workspace.pk, name="bench", **facts)
    made = []
    for number in range(count):
        config = {"url": f"{url}/{number}", "secret": "benchmark"}
        endpoint = create_endpoint(
            workspace_id=workspace.pk, name=f"hook {number}", platform="webhook", config=config, actor=ACTOR, now=now
        )
        if limit:
            most, seconds = limit
            set_limit(endpoint=endpoint, scope="endpoint", seconds=seconds, count=most, actor=ACTOR, now=now)
        group, _ = create_group(
            community=community, name=f"group {number}", kind="long_term", endpoint=endpoint, actor=ACTOR, now=now
        )
        made.append(group.pk)
    print(json.dumps(made))


def announcements(group_ids: list[int], count: int, due_at: float) -> None:
    """`count` announcements to all these groups, due at one instant (Unix time); prints their ids."""
    when = dt.datetime.fromtimestamp(due_at, tz=dt.UTC)
    targets = list(ChatGroup.objects.filter(pk__in=group_ids).select_related("community").order_by("pk"))
    made = []
    for _ in range(count):
        announcement = create_announcement(
            workspace_id=targets[0].workspace_id,
            draft=AnnouncementDraft(groups=targets, text="今晚八点,老地方见", due_at=when),
            actor=ACTOR,
            now=clock.now(),
        )
        schedule_announcement(announcement=announcement, actor=ACTOR, now=clock.now())
        made.append(announcement.pk)
    print(json.dumps(made))


def release(announcement_ids: list[int], due_at: float) -> None:
    """Put what is planned of these announcements to another time; prints how many. One statement, unlike planning."""
    when = dt.datetime.fromtimestamp(due_at, tz=dt.UTC)
    rows = Delivery.objects.filter(origin="announcement", origin_id__in=announcement_ids, state="planned")
    print(rows.update(due_at=when, next_try_at=when))


def multiply(announcement_id: int, times: int) -> None:
    """As many rows as `times` the deliveries of an announcement, alike but for their key; prints how many there are."""
    messages, deliveries = OutboundMessage._meta, Delivery._meta
    with connection.cursor() as cursor:
        cursor.execute(_copies(messages, {}), [times - 1, *_which(announcement_id)])
        key = "source_key || ':' || n" if connection.vendor == "sqlite" else "source_key || ':' || n::text"
        cursor.execute(_copies(deliveries, {"source_key": key}), [times - 1, *_which(announcement_id)])
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    print(Delivery.objects.filter(origin="announcement", origin_id=announcement_id).count())


def _which(announcement_id: int) -> list:
    return ["announcement", announcement_id]


def _copies(meta: Options, changed: dict[str, str]) -> str:
    """INSERT of every row of one origin again, once for each number up to a parameter."""
    names = [field.column for field in meta.concrete_fields if not field.primary_key]
    values = ", ".join(changed.get(name, name) for name in names)
    return (
        f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s) "
        f"INSERT INTO {meta.db_table} ({', '.join(names)}) SELECT {values} FROM {meta.db_table}, numbers "
        f"WHERE origin = %s AND origin_id = %s"
    )


def idle_ticks(count: int) -> None:
    """Seconds that each of `count` ticks with nothing due took, as the worker runs them; prints them."""
    connection.ensure_connection()
    found = []
    for _ in range(count):
        began = time.perf_counter()
        assert run_deliveries(worker="benchmark") == 0
        found.append(time.perf_counter() - began)
    print(json.dumps(found))


def spread(announcement_id: int, due_at: float, seconds: float, name: str, count: int) -> None:
    """One more send for `count` deliveries of an announcement, evenly over `seconds`; prints [id, Unix time] pairs."""
    rows = list(Delivery.objects.filter(origin="announcement", origin_id=announcement_id).order_by("pk")[:count])
    plans = [
        PlannedSend(
            source_key=f"{name}:{row.pk}",
            endpoint_id=row.endpoint_id,
            text="今晚八点,老地方见",
            due_at=dt.datetime.fromtimestamp(due_at + seconds * number / len(rows), tz=dt.UTC),
            origin=row.origin,
            origin_id=row.origin_id,
            target_id=row.target_id,
            zone=row.zone,
        )
        for number, row in enumerate(rows)
    ]
    made = plan_deliveries(workspace_id=rows[0].workspace_id, plans=plans, actor=ACTOR, now=clock.now())
    print(json.dumps([[row.pk, row.due_at.timestamp()] for row in made]))
