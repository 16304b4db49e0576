"""Server time and query count of the pages that are open all day, with 10,000 members, 100 groups and a
record of 100,000 deliveries.

    bin/manage shell -c "import benchmarks.pages; benchmarks.pages.main()"

Wants an empty database (DATA_DIR or DATABASE_URL of its own). Each page is asked 3 + 15 times through
Django's test client (middleware, view, template; no network); printed are median and worst of the 15, and the
median of this process's own CPU time, which other work on the machine disturbs less.
"""

import gc
import statistics
import time
import uuid
from datetime import timedelta

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.services import AnnouncementDraft, create_announcement, schedule_announcement
from community_ops.accounts.models import User
from community_ops.accounts.services import create_workspace
from community_ops.common import clock, outbox
from community_ops.common.actors import Actor
from groups.services import create_community, create_group
from members.models import Member
from members.services import ensure_members, ingest_events
from messaging.models import Delivery, DeliveryState
from messaging.services import create_endpoint

MEMBERS, GROUPS, DAYS, MESSAGES_PER_GROUP = 10_000, 100, 14, 200
RECORDED = 1000  # deliveries a group that were accepted before
ACTOR = Actor.system("benchmarks.pages")


def main() -> None:
    """Fill the database, then print one line a page."""
    slug = f"bench-{uuid.uuid4().hex[:8]}"
    made = create_workspace(slug=slug, name="bench", actor=ACTOR, now=clock.now())
    groups = fill(made.workspace.pk)
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.get(username=made.username), backend="django.contrib.auth.backends.ModelBackend")
    member = Member.objects.filter(workspace=made.workspace).last()
    assert member is not None
    gc.collect()
    gc.freeze()  # what the filling left in this process is no part of a page
    print(f"{connection.vendor}: {MEMBERS} members, {GROUPS} groups, {GROUPS * MESSAGES_PER_GROUP} messages")
    for name, url in {
        "today": reverse("dashboard:today", args=[slug]),
        "today live": reverse("dashboard:today_live", args=[slug]),
        "groups": reverse("groups:group_list", args=[slug]),
        "group": reverse("groups:group_detail", args=[slug, groups[0].pk]),
        "members": reverse("members:member_list", args=[slug]),
        "member": reverse("members:member_detail", args=[slug, member.pk]),
        "record": reverse("messaging:deliveries", args=[slug]),
    }.items():
        report(name, client, url)


def fill(workspace_id: int) -> list:
    now = clock.now()
    community = create_community(
        workspace_id=workspace_id,
        name="bench",
        shared_task="x",
        kind="interest",
        timezone="Asia/Shanghai",
        actor=ACTOR,
        now=now,
    )
    groups = [_group(community, number, now) for number in range(GROUPS)]
    names = [(f"成员 {number}", f"成员 {number}") for number in range(MEMBERS)]
    for start in range(0, MEMBERS, 1000):
        ensure_members(
            community=community,
            kind="chat",
            people=names[start : start + 1000],
            source="import",
            actor=ACTOR,
            now=now,
        )
    for number, group in enumerate(groups):
        events = [_event(group.pk, number, index, now) for index in range(MESSAGES_PER_GROUP)]
        ingest_events(workspace_id=workspace_id, events=events, actor=ACTOR, now=now)
    draft = AnnouncementDraft(groups=groups, text="大家好", due_at=now + timedelta(hours=3))
    announcement = create_announcement(workspace_id=workspace_id, draft=draft, actor=ACTOR, now=now)
    schedule_announcement(announcement=announcement, actor=ACTOR, now=now)
    record(workspace_id)
    while outbox.drain(now=clock.now()):
        pass
    with connection.cursor() as cursor:
        # What PostgreSQL does by itself within a minute, and would do in the middle of the measuring.
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    return groups


def record(workspace_id: int) -> None:
    """A past: of each planned delivery as many more that went out."""
    for planned in list(Delivery.objects.filter(workspace_id=workspace_id)):
        facts = {field.attname: getattr(planned, field.attname) for field in Delivery._meta.concrete_fields}
        facts |= {"id": None, "state": DeliveryState.ACCEPTED}
        keys = (f"{planned.source_key}:{number}" for number in range(RECORDED))
        Delivery.objects.bulk_create([Delivery(**facts | {"source_key": key}) for key in keys], batch_size=500)


def _group(community, number: int, now):
    room = create_endpoint(
        workspace_id=community.workspace_id, name=f"room {number}", platform="sandbox", config={}, actor=ACTOR, now=now
    )
    return create_group(
        community=community, name=f"群 {number}", kind="long_term", endpoint=room, actor=ACTOR, now=now
    )[0]


def _event(group_id: int, number: int, index: int, now) -> dict:
    author = (number * 97 + index) % MEMBERS
    return {
        "event_id": f"{number}-{index}",
        "kind": "message",
        "occurred_at": (now - timedelta(minutes=index * DAYS * 1440 / MESSAGES_PER_GROUP)).isoformat(),
        "group": group_id,
        "author": f"成员 {author}",
        "text": "早上好",
    }


def report(name: str, client: Client, url: str) -> None:
    for _ in range(3):
        assert client.get(url).status_code == 200, url
    seconds, cpu_seconds = [], []
    for _ in range(15):
        start, cpu_start = time.perf_counter(), time.process_time()
        client.get(url)
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)
    with CaptureQueriesContext(connection) as queries:
        client.get(url)
    median, worst = statistics.median(seconds) * 1000, max(seconds) * 1000
    cpu = statistics.median(cpu_seconds) * 1000
    print(f"{name:12} median {median:6.1f} ms  worst {worst:6.1f} ms  cpu {cpu:6.1f} ms  {len(queries)} queries")
