"""Writing drafts of announcements, anew or for the first time; nothing is planned here."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns import policies
from campaigns.errors import GroupClosed, NoGroups, NotADraft
from campaigns.models import Announcement, AnnouncementGroup, AnnouncementState
from campaigns.services.content import known_image, sendable
from campaigns.services.extras import known_card, known_file, refuse_untaken
from community_ops.common import audit
from community_ops.common.actors import Actor
from community_ops.common.errors import InvalidInput
from messaging import services as messaging
from messaging.selectors import Purpose

if TYPE_CHECKING:
    from community_ops.common.models import Asset
    from groups.models import ChatGroup

COPY_AFTER = timedelta(hours=1)  # the time a copy of a past one begins with


@dataclass(frozen=True, kw_only=True, slots=True)
class AnnouncementDraft:
    """What an announcement says, to whom and when, as somebody wrote it; it is checked where it is kept.

    `due_at` at most 60 s past means `now`; `latest_at`: what has not begun by then expires (None: it goes out however
    late it is). A group named twice counts once. `is_markdown`: with the marks of `messaging.markup`; `may_split`: cut
    into several messages where it is longer than a platform takes; `image`: one that `common.assets.store_image` kept,
    `file`: one of `store_file`; `card`: a link card; `purpose` (`messaging.Purpose`): what frequency caps count it as.
    """

    groups: Sequence["ChatGroup"]
    text: str
    due_at: datetime
    latest_at: datetime | None = None
    is_markdown: bool = False
    may_split: bool = False
    image: "Asset | None" = None
    card: messaging.Card | None = None
    file: "Asset | None" = None
    purpose: str = Purpose.NOTICE


@transaction.atomic
def create_announcement(*, workspace_id: int, draft: AnnouncementDraft, actor: Actor, now: datetime) -> Announcement:
    """Write a draft for one or more groups. Writes it, its groups and one audit row; nothing is sent.

    Raises InvalidInput naming `groups`, `text` (also when it is too big for a target's platform, as that platform
    counts), `image`, `card`, `file` (also what a target's platform does not take), `due_at`, `latest_at` (not after
    `due_at`) or `purpose`.
    """
    chosen, fields = _checked(draft, workspace_id=workspace_id, now=now)
    announcement = Announcement.objects.create(workspace_id=workspace_id, **fields)
    _add_groups(announcement, chosen)
    after = _facts(announcement, chosen)
    audit.record(actor=actor, verb="announcement.created", target=announcement, now=now, after=after)
    return announcement


@transaction.atomic
def copy_announcement(
    *, announcement: Announcement, groups: Sequence["ChatGroup"], actor: Actor, now: datetime
) -> Announcement:
    """Write a draft with what another one says, to these of its groups; nothing is sent. Every call writes one.

    Its time is that of the other, where that is still to come, else in an hour (`COPY_AFTER`); its latest moment moves
    along. Groups that are archived by now are left out. Writes what `create_announcement` writes, and an audit row of
    the one that was copied. Raises what it raises.
    """
    due_at = max(announcement.due_at, now + COPY_AFTER)
    late = announcement.may_be_late
    draft = AnnouncementDraft(
        groups=[group for group in groups if group.archived_at is None],
        text=announcement.text,
        due_at=due_at,
        latest_at=due_at + late if late is not None else None,
        is_markdown=announcement.is_markdown,
        may_split=announcement.may_split,
        image=announcement.image,
        card=announcement.link_card,
        file=announcement.file,
        purpose=announcement.purpose,
    )
    copy = create_announcement(workspace_id=announcement.workspace_id, draft=draft, actor=actor, now=now)
    after = {"draft": copy.pk, "groups": [group.pk for group in draft.groups]}
    audit.record(actor=actor, verb="announcement.copied", target=announcement, now=now, after=after)
    return copy


@transaction.atomic
def change_announcement(
    *, announcement: Announcement, draft: AnnouncementDraft, actor: Actor, now: datetime
) -> Announcement:
    """Write a draft anew, all of it: what is not given is as in a new one.

    The same again changes nothing but the audit log. Raises InvalidInput as `create_announcement` does, NotADraft once
    it was scheduled or cancelled.
    """
    locked = Announcement.objects.select_for_update().get(pk=announcement.pk)
    if locked.state != AnnouncementState.DRAFT:
        raise NotADraft
    chosen, fields = _checked(draft, workspace_id=locked.workspace_id, now=now)
    for name, value in fields.items():
        setattr(locked, name, value)
    locked.save(update_fields=[*fields, "updated_at"])
    locked.targets.all().delete()
    _add_groups(locked, chosen)
    after = _facts(locked, chosen)
    audit.record(actor=actor, verb="announcement.changed", target=locked, now=now, after=after)
    return locked


def _checked(draft: AnnouncementDraft, *, workspace_id: int, now: datetime) -> tuple[list["ChatGroup"], dict[str, Any]]:
    """The groups it goes to and the row's fields, or the refusal of the first that cannot be."""
    chosen = _live_groups(draft.groups)
    card, file = known_card(draft.card), known_file(draft.file, workspace_id=workspace_id)
    refuse_untaken(chosen, card=card, file=file)
    due_at = policies.due_or_now(draft.due_at, now=now)
    how = {"is_markdown": draft.is_markdown, "may_split": draft.may_split}
    return chosen, {
        "text": sendable(draft.text, chosen, card=card, **how),
        **how,
        "image": known_image(draft.image, workspace_id=workspace_id),
        "card": asdict(card) if card is not None else {},
        "file": file,
        "due_at": due_at,
        "latest_at": policies.known_latest(draft.latest_at, due_at=due_at),
        "purpose": _known(draft.purpose),
    }


def _known(purpose: str) -> str:
    if purpose not in Purpose.values:
        raise InvalidInput(_("One of: {names}.").format(names=", ".join(Purpose.values)), field="purpose")
    return purpose


def _facts(announcement: Announcement, groups: Sequence["ChatGroup"]) -> dict[str, Any]:
    """What the audit log keeps of a draft; its words are in the draft."""
    names = ("due_at", "latest_at", "is_markdown", "may_split")
    facts = {name: getattr(announcement, name) for name in names}
    extras = {"image": announcement.image_id, "card": announcement.card, "file": announcement.file_id}
    return facts | extras | {"groups": [group.pk for group in groups]}


def _live_groups(groups: Sequence["ChatGroup"]) -> list["ChatGroup"]:
    chosen = sorted({group.pk: group for group in groups}.values(), key=lambda group: group.pk)
    if not chosen:
        raise NoGroups
    if len(chosen) > policies.MAX_GROUPS:
        raise InvalidInput(_("At most %(count)d groups.") % {"count": policies.MAX_GROUPS}, field="groups")
    if any(group.archived_at is not None for group in chosen):
        raise GroupClosed
    return chosen


def _add_groups(announcement: Announcement, groups: Sequence["ChatGroup"]) -> None:
    AnnouncementGroup.objects.bulk_create(
        AnnouncementGroup(workspace_id=announcement.workspace_id, announcement=announcement, group=group)
        for group in groups
    )
