"""Playbooks: making the built-in ones known in a workspace, and showing what a run would do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from campaigns import library, policies
from campaigns.library import BuiltIn
from campaigns.models import Anchor, Playbook, PlaybookStep
from community_ops.accounts.selectors import live_workspace_ids
from community_ops.common import audit
from community_ops.common.actors import Actor

if TYPE_CHECKING:
    from groups.models import ChatGroup

LIBRARY = Actor.system("campaigns.library")


@dataclass(frozen=True, slots=True)
class PlannedTouch:
    """One line of a plan: which words go to which group when, or why they do not (`skipped_reason`).

    `due_at` and `latest_at` (aware UTC) are None for a step that waits for its condition. `text` still has its
    placeholders: they are filled with true values when it is sent.
    """

    step: PlaybookStep
    group: "ChatGroup"
    due_at: datetime | None
    latest_at: datetime | None
    text: str
    skipped_reason: str = ""


def preview_run(
    *, playbook: Playbook, starts_at: datetime, ends_at: datetime, groups: Sequence["ChatGroup"], now: datetime
) -> list[PlannedTouch]:
    """What a run would do, in the order of time, condition steps last; writes nothing.

    Groups come with their community. Wall times are those of each group's zone, words of its community's
    language. One query (the steps), however many groups.
    """
    touches = [
        plan_touch(step, group, starts_at=starts_at, ends_at=ends_at, now=now)
        for step in playbook.steps.all()
        for group in groups
    ]
    return sorted(touches, key=in_order_of_time)


def plan_touch(
    step: PlaybookStep, group: "ChatGroup", *, starts_at: datetime, ends_at: datetime, now: datetime
) -> PlannedTouch:
    """One step in one group."""
    text = words_for(step, group.community.locale)
    blocked = _blocked(group)
    if step.anchor == Anchor.CONDITION:
        return PlannedTouch(step, group, None, None, text, blocked)
    times = policies.touch_time(step, starts_at=starts_at, ends_at=ends_at, zone=group.zone, now=now)
    return PlannedTouch(step, group, times.due_at, times.latest_at, text, times.skipped or blocked)


def in_order_of_time(touch: PlannedTouch) -> tuple[bool, float, int, int]:
    due = touch.due_at.timestamp() if touch.due_at else 0.0
    return (touch.due_at is None, due, touch.step.position, touch.group.pk)


def words_for(step: PlaybookStep, locale: str) -> str:
    """The step's words in the language, else in its base language, else the first there are."""
    texts: dict[str, str] = step.texts
    base = locale.partition("-")[0]
    same_base = (text for code, text in texts.items() if code.partition("-")[0] == base)
    return texts.get(locale) or next(same_base, next(iter(texts.values())))


@transaction.atomic
def ensure_built_in_playbooks(*, workspace_id: int, now: datetime) -> None:
    """Make every playbook of the library known in the workspace in its newest version.

    Writes a playbook, its steps and an audit row for each that is missing; two at once or again changes nothing.
    """
    known = set(Playbook.objects.of(workspace_id).filter(is_built_in=True).values_list("key", "version"))
    for built_in in library.BUILT_IN:
        if (built_in.key, built_in.version) not in known:
            _add(built_in, workspace_id=workspace_id, now=now)


def built_in_playbook(*, workspace_id: int, key: str, now: datetime) -> Playbook:
    """The built-in playbook of this key in its newest version, made known first where it is not yet."""
    ensure_built_in_playbooks(workspace_id=workspace_id, now=now)
    return Playbook.objects.of(workspace_id).filter(key=key, is_built_in=True).latest("version")


def ensure_built_in_everywhere(*, now: datetime) -> int:
    """For the tick: workspaces that miss something of the library get it; returns how many were looked after."""
    missing = _workspaces_missing_something(live_workspace_ids())
    for workspace_id in missing:
        ensure_built_in_playbooks(workspace_id=workspace_id, now=now)
    return len(missing)


def _workspaces_missing_something(workspace_ids: Iterable[int]) -> list[int]:
    wanted = {(built_in.key, built_in.version) for built_in in library.BUILT_IN}
    have: dict[int, set[tuple[str, int]]] = {}
    rows = Playbook.objects.filter(is_built_in=True, key__in=[key for key, _version in wanted])
    for workspace_id, key, version in rows.values_list("workspace_id", "key", "version"):
        have.setdefault(workspace_id, set()).add((key, version))
    return [workspace_id for workspace_id in workspace_ids if not wanted <= have.get(workspace_id, set())]


def _blocked(group: "ChatGroup") -> str:
    if group.archived_at is not None:
        return policies.SkipReason.GROUP_CLOSED
    return policies.SkipReason.NO_ENDPOINT if group.endpoint_id is None else ""


def _add(built_in: BuiltIn, *, workspace_id: int, now: datetime) -> None:
    playbook, created = Playbook.objects.get_or_create(
        workspace_id=workspace_id,
        key=built_in.key,
        version=built_in.version,
        defaults={
            "name": built_in.name,
            "description": built_in.description,
            "is_built_in": True,
            "published_at": now,
        },
    )
    if not created:
        return
    PlaybookStep.objects.bulk_create(
        PlaybookStep(workspace_id=workspace_id, playbook=playbook, position=position, **step.as_fields())
        for position, step in enumerate(built_in.steps)
    )
    after = {"key": built_in.key, "version": built_in.version}
    audit.record(actor=LIBRARY, verb="playbook.published", target=playbook, now=now, after=after)
