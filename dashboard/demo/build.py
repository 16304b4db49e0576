"""Makes the demo through the same services every other face uses."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from campaigns.services import AnnouncementDraft, built_in_playbook, create_announcement, schedule_announcement
from community_ops.common.actors import Actor
from conversion.services import SaleTerms, create_flash_sale, create_product, schedule_flash_sale
from dashboard.demo import cast
from groups.services import create_community, create_group
from members.selectors import members_by_id
from members.services import add_membership, ensure_members, ingest_events, issue_pass
from messaging.services import create_endpoint

if TYPE_CHECKING:
    from conversion.models import FlashSale, Variant
    from groups.models import ChatGroup, Community
    from members.models import Member

ACTOR = Actor.system("demo")
LADDER = "demo-ladder"
SALE_STARTS_IN = timedelta(minutes=4)
SALE_LASTS = timedelta(minutes=10)
SALE_HOLD_SECONDS = 120


@dataclass(frozen=True)
class Demo:
    """`passes`: the name and the code of each member whose personal link is printed; codes are known only here."""

    sale: "FlashSale"
    passes: dict[str, str]


def build_demo(*, workspace_id: int, now: datetime) -> Demo:
    """Fill an empty workspace: a community, two groups with sandbox rooms, members who talked, messages due
    within a minute, and a flash sale whose ladder runs within five minutes."""
    community = create_community(
        workspace_id=workspace_id,
        name=cast.COMMUNITY,
        shared_task=cast.SHARED_TASK,
        kind="interest",
        timezone="Asia/Shanghai",
        actor=ACTOR,
        now=now,
    )
    groups = [_group(community, name, purpose, now) for name, purpose in cast.GROUPS]
    members = _members(community, groups, now)
    _talk(workspace_id, groups[0], now)
    for seconds, text in cast.ANNOUNCEMENTS:
        _announce(workspace_id, groups, text, now + timedelta(seconds=seconds), now)
    sale = schedule_demo_sale(variant=_variant(workspace_id, now), groups=groups, now=now)
    passes = {name: issue_pass(member=members[name], actor=ACTOR, now=now) for name in cast.PASS_HOLDERS}
    return Demo(sale=sale, passes=passes)


def schedule_demo_sale(*, variant: "Variant", groups: "list[ChatGroup]", now: datetime) -> "FlashSale":
    """A sale that starts in four minutes, with the ladder in minutes; members register and pay by themselves."""
    workspace_id = variant.workspace_id
    terms = SaleTerms(
        variant=variant,
        groups=groups,
        starts_at=now + SALE_STARTS_IN,
        ends_at=now + SALE_STARTS_IN + SALE_LASTS,
        stock=cast.SALE_STOCK,
        price_amount=cast.SALE_AMOUNT,
        currency=cast.CURRENCY,
        limit_per_member=cast.SALE_LIMIT,
        hold_seconds=SALE_HOLD_SECONDS,
        playbook=built_in_playbook(workspace_id=workspace_id, key=LADDER, now=now),
        allow_registration=True,
        payment_mode="sandbox",
    )
    sale = create_flash_sale(terms=terms, actor=ACTOR, now=now)
    schedule_flash_sale(sale=sale, actor=ACTOR, now=now)
    return sale


def _group(community: "Community", name: str, purpose: str, now: datetime) -> "ChatGroup":
    room = create_endpoint(
        workspace_id=community.workspace_id,
        name=f"{name} · 模拟群",
        platform="sandbox",
        config={},
        actor=ACTOR,
        now=now,
    )
    group, _warnings = create_group(
        community=community, name=name, kind="long_term", endpoint=room, purpose=purpose, actor=ACTOR, now=now
    )
    return group


def _members(community: "Community", groups: "list[ChatGroup]", now: datetime) -> dict[str, "Member"]:
    """Members as the chat knows them; they joined over three weeks, every second one the second group."""
    people = [(name, name) for name in cast.NAMES]
    ids = ensure_members(community=community, kind="chat", people=people, source="platform", actor=ACTOR, now=now)
    known = members_by_id(workspace_id=community.workspace_id, member_ids=ids.values())
    members = {name: known[ids[name]] for name in cast.NAMES}
    for number, member in enumerate(members.values()):
        joined_at = now - timedelta(days=21) + timedelta(hours=19 * number)
        add_membership(member=member, group=groups[number % 2], actor=ACTOR, now=joined_at)
    return members


def _talk(workspace_id: int, group: "ChatGroup", now: datetime) -> None:
    """What was written in the first group over the last days, as another tool would report it."""
    first = now - timedelta(hours=11 * len(cast.TALK))
    events = [
        {
            "event_id": f"demo-{number}",
            "kind": "message",
            "occurred_at": (first + timedelta(hours=11 * number)).isoformat(),
            "group": group.pk,
            "author": author,
            "text": text,
        }
        for number, (author, text) in enumerate(cast.TALK)
    ]
    ingest_events(workspace_id=workspace_id, events=events, actor=ACTOR, now=now, source="sandbox")


def _announce(workspace_id: int, groups: "list[ChatGroup]", text: str, due_at: datetime, now: datetime) -> None:
    draft = AnnouncementDraft(groups=groups, text=text, due_at=due_at)
    announcement = create_announcement(workspace_id=workspace_id, draft=draft, actor=ACTOR, now=now)
    schedule_announcement(announcement=announcement, actor=ACTOR, now=now)


def _variant(workspace_id: int, now: datetime) -> "Variant":
    product = create_product(
        workspace_id=workspace_id,
        name=cast.PRODUCT,
        price_amount=cast.PRODUCT_AMOUNT,
        currency=cast.CURRENCY,
        actor=ACTOR,
        now=now,
    )
    return product.variants.get()
